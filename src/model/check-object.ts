import { type Result, type Violation, fail, ok } from '../base/index.ts'
import {
  type Check,
  filledText,
  flag,
  integer,
  list,
  lowerCaseName,
  number,
  object,
  oneOf,
  optional,
  port,
  record,
  text,
  textThat,
  union,
  when,
} from './check.ts'
import { checkAuthorizationPolicy } from './check-authorization.ts'
import { externalAuthorizer } from './check-external-authorizer.ts'
import { domains, labels, milliseconds, origin } from './check-common.ts'
import { connections } from './check-connections.ts'
import { checkConnectionRoute } from './check-connection-route.ts'
import { checkHttpBounds } from './check-http-bounds.ts'
import { checkRateLimit } from './check-rate-limit.ts'
import { checkRouteObject, retries } from './check-route.ts'
import { checkRequestAuthentication } from './check-request-authentication.ts'
import { checkTelemetry, logFormat, meshTelemetry } from './check-telemetry.ts'
import { session } from './check-session.ts'
import { checkCredential, credentialReference, listenerTls, tlsDefaults, upstreamTls } from './check-tls.ts'
import type { Listener } from './listener.ts'
import type { Mesh } from './mesh.ts'
import type { ModelObject, ModelType } from './model-object.ts'
import type {
  AppProtocol,
  Balancer,
  HashBalancer,
  HashKey,
  HealthCheck,
  LocalityBalancing,
  OutlierDetection,
  RetryBudget,
  Service,
  ServicePolicy,
  ServicePort,
  Subset,
  TrafficPolicy,
  Visibility,
  Warmup,
} from './service.ts'
import { checkPeerAuthentication } from './check-peer-authentication.ts'
import { checkSidecar } from './check-sidecar.ts'
import type { Locality, Membership, Workload } from './workload.ts'

const PROTOCOLS: { readonly [K in AppProtocol]: true } = {
  http: true,
  http2: true,
  grpc: true,
  https: true,
  tls: true,
  tcp: true,
  udp: true,
  auto: true,
}

const portText = textThat(
  'a port number',
  (value) => /^[1-9][0-9]{0,4}$/.test(value) && Number(value) <= 65535,
)

/** Envoy's largest ring; Maglev's table is bounded below it. */
const HASH_PLACES_MAX = 8 * 1024 * 1024

const membership = object<Membership>({
  ports: record(port, portText),
  ready: flag,
  draining: optional(flag),
})

const locality = object<Locality>({ region: text, zone: text, subzone: text })

const workload = when(
  object<Workload>({
    type: oneOf('workload'),
    key: filledText,
    name: filledText,
    namespace: filledText,
    addresses: list(filledText),
    hostname: optional(filledText),
    labels,
    identity: textThat('a SPIFFE ID', (value) => value.startsWith('spiffe://')),
    serviceAccount: text,
    owner: object<Workload['owner']>({ kind: filledText, name: filledText }),
    canonicalName: text,
    canonicalRevision: text,
    cluster: text,
    node: optional(text),
    locality: optional(locality),
    weight: integer(1),
    tlsMode: oneOf('istio', 'disabled'),
    services: record(membership),
    origin,
  }),
  (value, _path, report) => {
    const { addresses, hostname } = value as Workload
    if (addresses.length === 0 && hostname === undefined)
      report({ path: 'addresses', message: 'must not be empty without a host name' })
  },
)

/** Percent, with fractions. */
const share = number(0, 100)

const AGGRESSION_MAX = 1000

const warming = object<{ warmup: Warmup }>({
  warmup: optional(
    object<Warmup>({
      durationMs: integer(1),
      minimumPercent: share,
      aggression: number(Number.MIN_VALUE, AGGRESSION_MAX),
    }),
  ),
})

const balancer = union<Balancer['kind']>('kind', {
  'round-robin': warming,
  'least-request': warming,
  random: object({}),
  passthrough: object({}),
  hash: object<HashBalancer>({
    kind: filledText,
    algorithm: oneOf('ring', 'maglev'),
    size: integer(1, HASH_PLACES_MAX),
    key: union<HashKey['kind']>('kind', {
      header: object<Extract<HashKey, { kind: 'header' }>>({ kind: filledText, name: lowerCaseName }),
      query: object<Extract<HashKey, { kind: 'query' }>>({ kind: filledText, name: filledText }),
      'source-ip': object({}),
      cookie: object<Extract<HashKey, { kind: 'cookie' }>>({
        kind: filledText,
        name: filledText,
        path: optional(text),
        ttlMs: optional(milliseconds),
        attributes: list(object<{ name: string; value: string }>({ name: filledText, value: text })),
      }),
    }),
  }),
})

const status = integer(100, 599)

const HEALTH_INTERVAL_MIN_MS = 10

const SERVICE_NAME_BYTES = 127

const healthCheck = object<HealthCheck>({
  probe: union<HealthCheck['probe']['kind']>('kind', {
    http: object<Extract<HealthCheck['probe'], { kind: 'http' }>>({
      kind: filledText,
      path: textThat('a path', (value) => /^\/[\x21-\x7e]*$/.test(value)),
      host: optional(textThat('a host', (value) => /^[\x21-\x7e]+$/.test(value))),
      statuses: list(object<{ from: number; to: number }>({ from: status, to: status }), { filled: true }),
    }),
    tcp: object({}),
    grpc: object<Extract<HealthCheck['probe'], { kind: 'grpc' }>>({
      kind: filledText,
      service: textThat(
        'the name of a service',
        (value) => /^[\x21-\x7e]*$/.test(value) && value.length <= SERVICE_NAME_BYTES,
      ),
    }),
  }),
  intervalMs: integer(HEALTH_INTERVAL_MIN_MS),
  timeoutMs: integer(1),
  healthyThreshold: integer(1),
  unhealthyThreshold: integer(1),
})

const localityBalancing = object<LocalityBalancing>({
  enabled: flag,
  distribute: list(
    object<LocalityBalancing['distribute'][number]>({ from: filledText, to: record(integer(0)) }),
  ),
  failover: list(object<LocalityBalancing['failover'][number]>({ from: filledText, to: filledText })),
  failoverPriority: list(filledText),
  zoneAware: optional(object<NonNullable<LocalityBalancing['zoneAware']>>({ minClusterSize: integer(1) })),
})

const traffic = object<TrafficPolicy>({
  tls: optional(upstreamTls),
  balancer: optional(balancer),
  locality: optional(localityBalancing),
  connectTimeoutMs: optional(milliseconds),
  connections: optional(connections),
  retryBudget: optional(object<RetryBudget>({ percent: share, concurrencyMin: integer(0) })),
  outlierDetection: optional(
    object<OutlierDetection>({
      consecutive5xx: integer(0),
      errorStatuses: optional(list(integer(100, 599), { filled: true })),
      consecutiveGatewayErrors: integer(0),
      consecutiveLocalFailures: integer(0),
      splitLocal: flag,
      intervalMs: integer(1),
      baseEjectionMs: integer(1),
      maxEjectionPercent: integer(0, 100),
      minHealthPercent: integer(0, 100),
    }),
  ),
  healthCheck: optional(healthCheck),
  tunnel: optional(filledText),
  proxyProtocol: optional(oneOf('v1', 'v2')),
})

const policy = object<ServicePolicy>({
  clientNamespace: optional(filledText),
  clientLabels: optional(labels),
  traffic,
  ports: record(traffic, portText),
  subsets: list(
    object<Subset>({ name: filledText, labels, traffic, ports: optional(record(traffic, portText)) }),
  ),
  origin,
})

const visibility = union<Visibility['kind']>('kind', {
  all: object({}),
  namespaces: object<Extract<Visibility, { kind: 'namespaces' }>>({
    kind: filledText,
    namespaces: list(filledText),
  }),
})

const service = when(
  object<Service>({
    type: oneOf('service'),
    key: filledText,
    namespace: filledText,
    hostname: textThat('a host name in lower case', (value) => value !== '' && value === value.toLowerCase()),
    addresses: list(filledText),
    ports: list(object<ServicePort>({ port, name: text, protocol: oneOf(...Object.keys(PROTOCOLS)) })),
    resolution: oneOf('static', 'dns', 'logical-dns', 'passthrough'),
    visibility,
    isExternal: optional(flag),
    subjectAltNames: optional(list(filledText)),
    tls: optional(record(upstreamTls, portText)),
    session: optional(session),
    policies: list(policy),
    origin,
  }),
  (value, _path, report) => {
    const { key, namespace, hostname } = value as Service
    if (key !== `${namespace}/${hostname}`) {
      report({ path: 'key', message: `must be its namespace and host name, ${namespace}/${hostname}` })
    }
  },
)

const listener = when(
  object<Listener>({
    type: oneOf('listener'),
    key: filledText,
    gateway: filledText,
    selector: object<Listener['selector']>({ namespace: optional(filledText), labels }),
    port,
    bind: optional(filledText),
    protocol: oneOf('http', 'https', 'tls', 'tcp', 'udp'),
    tls: optional(listenerTls),
    hostnames: domains,
    isolated: flag,
    backendCertificate: optional(credentialReference),
    origin,
  }),
  (value, _path, report) => {
    const { key, gateway, protocol, tls } = value as Listener
    if ((tls !== undefined) !== (protocol === 'https' || protocol === 'tls'))
      report({ path: 'tls', message: `must be given for https and tls, and for nothing else` })
    if (protocol === 'https' && tls?.kind === 'passthrough')
      report({ path: 'tls.kind', message: 'must be terminate for https' })
    if (!key.startsWith(`${gateway}/`))
      report({ path: 'key', message: `must begin with its gateway, ${gateway}/` })
  },
)

const mesh = object<Mesh>({
  type: oneOf('mesh'),
  key: oneOf('mesh'),
  trustDomain: filledText,
  trustBundle: optional(filledText),
  clusterDomain: filledText,
  rootNamespace: filledText,
  connectTimeoutMs: integer(1),
  outbound: oneOf('allow-any', 'registry-only'),
  retries: optional(retries),
  locality: optional(localityBalancing),
  connections: optional(connections),
  dnsRefreshMs: optional(integer(1)),
  detectionTimeoutMs: optional(integer(1)),
  trustDomainAliases: optional(list(filledText)),
  pathNormalization: optional(oneOf('none', 'base', 'merge-slashes', 'decode-and-merge-slashes')),
  acceptsHttp10: optional(flag),
  tlsDefaults: optional(tlsDefaults),
  accessLog: optional(logFormat),
  telemetry: optional(meshTelemetry),
  authorizers: optional(list(externalAuthorizer)),
})

const CHECKS: { readonly [K in ModelType]: Check } = {
  mesh,
  workload,
  service,
  credential: checkCredential,
  listener,
  route: checkRouteObject,
  'connection-route': checkConnectionRoute,
  'rate-limit': checkRateLimit,
  'http-bounds': checkHttpBounds,
  telemetry: checkTelemetry,
  'peer-authentication': checkPeerAuthentication,
  sidecar: checkSidecar,
  'request-authentication': checkRequestAuthentication,
  'authorization-policy': checkAuthorizationPolicy,
}

const anyObject = union<ModelType>('type', CHECKS)

/**
 * Parses what came over the wire: the value itself when its shape and its invariants hold, otherwise what is wrong,
 * with field paths. Members and texts that this version does not know are left alone; kinds that it does not know are
 * refused, because serving half of a rule would be wrong.
 * @param expected the type that was subscribed to; absent: any
 */
export function checkModelObject(value: unknown, expected?: ModelType): Result<ModelObject> {
  const violations: Violation[] = []
  const check = expected === undefined ? anyObject : CHECKS[expected]
  check(value, '', (violation) => violations.push(violation))
  return violations.length === 0 ? ok(value as ModelObject) : fail(violations)
}
