import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atMostOneOf, boolean, integer, list, map, number, object, string, word } from '../schema.ts'
import {
  destination,
  duration,
  int32,
  ISTIO_KIND,
  nullableBoolean,
  resource,
  strings,
  uint32,
} from './common.ts'

export const VIRTUAL_SERVICE: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'VirtualService',
  plural: 'virtualservices',
  shortNames: ['vs'],
  columns: [
    { name: 'Gateways', type: 'string', jsonPath: '.spec.gateways' },
    { name: 'Hosts', type: 'string', jsonPath: '.spec.hosts' },
    AGE_COLUMN,
  ],
  schema: () =>
    resource(
      object({
        exportTo: strings,
        gateways: strings,
        hosts: strings,
        http: list(httpRoute()),
        tcp: list(object({ match: list(object({ ...l4Match, sourceSubnet: string() })), route: l4Route })),
        tls: list(
          object(
            {
              match: list(object({ ...l4Match, sniHosts: strings }, { required: ['sniHosts'] })),
              route: l4Route,
            },
            { required: ['match'] },
          ),
        ),
      }),
    ),
}

const l4Match = {
  destinationSubnets: strings,
  gateways: strings,
  port: uint32,
  sourceLabels: map(string()),
  sourceNamespace: string(),
}

const l4Route = list(object({ destination, weight: int32 }, { required: ['destination'] }))

const text = object(
  { exact: string(), prefix: string(), regex: string() },
  atMostOneOf('exact', 'prefix', 'regex'),
)
const percent = object({ value: number({ format: 'double' }) })

function headers(): StructuralSchema {
  const operations = object({ add: map(string()), remove: strings, set: map(string()) })
  return object({ request: operations, response: operations })
}

function httpRoute(): StructuralSchema {
  const nullablePercent: StructuralSchema = { ...uint32, nullable: true }
  return object({
    corsPolicy: corsPolicy(),
    delegate: object({ name: string(), namespace: string() }),
    directResponse: object(
      {
        body: object({ bytes: string({ format: 'byte' }), string: string() }, atMostOneOf('string', 'bytes')),
        status: uint32,
      },
      { required: ['status'] },
    ),
    fault: fault(),
    headers: headers(),
    match: list(httpMatch()),
    mirror: destination,
    mirror_percent: nullablePercent,
    mirrorPercent: nullablePercent,
    mirrorPercentage: percent,
    mirrors: list(object({ destination, percentage: percent }, { required: ['destination'] })),
    name: string(),
    redirect: object(
      {
        authority: string(),
        derivePort: word('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
        port: uint32,
        prefixRewrite: string(),
        redirectCode: uint32,
        scheme: string(),
        uri: string(),
      },
      atMostOneOf('port', 'derivePort'),
    ),
    retries: object({
      attempts: int32,
      backoff: duration,
      perTryTimeout: duration,
      retryIgnorePreviousHosts: nullableBoolean,
      retryOn: string(),
      retryRemoteLocalities: nullableBoolean,
    }),
    rewrite: object({
      authority: string(),
      uri: string(),
      uriRegexRewrite: object({ match: string(), rewrite: string() }),
    }),
    route: list(object({ destination, headers: headers(), weight: int32 }, { required: ['destination'] })),
    timeout: duration,
  })
}

function httpMatch(): StructuralSchema {
  return object({
    authority: text,
    gateways: strings,
    headers: map(text),
    ignoreUriCase: boolean(),
    method: text,
    name: string(),
    port: uint32,
    queryParams: map(text),
    scheme: text,
    sourceLabels: map(string()),
    sourceNamespace: string(),
    statPrefix: string(),
    uri: text,
    withoutHeaders: map(text),
  })
}

function corsPolicy(): StructuralSchema {
  return object({
    allowCredentials: nullableBoolean,
    allowHeaders: strings,
    allowMethods: strings,
    allowOrigin: strings,
    allowOrigins: list(text),
    exposeHeaders: strings,
    maxAge: duration,
    unmatchedPreflights: word('UNSPECIFIED', 'FORWARD', 'IGNORE'),
  })
}

function fault(): StructuralSchema {
  return object({
    abort: object(
      {
        grpcStatus: string(),
        http2Error: string(),
        httpStatus: int32,
        percentage: percent,
      },
      atMostOneOf('httpStatus', 'grpcStatus', 'http2Error'),
    ),
    delay: object(
      {
        exponentialDelay: duration,
        fixedDelay: duration,
        percent: integer({ format: 'int32' }),
        percentage: percent,
      },
      atMostOneOf('fixedDelay', 'exponentialDelay'),
    ),
  })
}
