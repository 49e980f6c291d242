/** The filters of HTTPRoute. */
import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { atomicList, boolean, integer, list, object, rule, string, word } from '../schema.ts'
import { portNumber, preciseHostname } from './common.ts'
import { type GatewayApiEdition, isExperimental, isNewer } from './edition.ts'
import {
  backendReference,
  commonFilters,
  filter,
  type Filters,
  headerName,
  notRepeated,
} from './route-filter.schema.ts'

export const HTTP_METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
] as const

/** The characters of a path that goes on the wire as it stands. */
export const PATH_PATTERN = String.raw`^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$`

/** In the order in which upstream lists the types. */
const TYPES = [
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestMirror',
  'RequestRedirect',
  'URLRewrite',
  'ExtensionRef',
  'CORS',
  'ExternalAuth',
]

const AT_MOST_ONCE = [
  'CORS',
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestRedirect',
  'URLRewrite',
]

export function httpFilters(edition: GatewayApiEdition): StructuralSchema {
  const filters = filtersOf(edition)
  const types = TYPES.filter((type) => Object.hasOwn(filters, type))
  return atomicList(filter(filters, types), {
    maxItems: 16,
    rules: [
      rule(
        'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both',
        "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
      ),
      ...AT_MOST_ONCE.filter((type) => types.includes(type)).map(notRepeated),
    ],
  })
}

function filtersOf(edition: GatewayApiEdition): Filters {
  const { RequestHeaderModifier, ResponseHeaderModifier, RequestMirror, ExtensionRef } =
    commonFilters(edition)
  return {
    ...(isNewer(edition) ? { CORS: { cors: cors() } } : {}),
    RequestHeaderModifier,
    ResponseHeaderModifier,
    RequestMirror,
    RequestRedirect: { requestRedirect: redirect(edition) },
    URLRewrite: { urlRewrite: object({ hostname: preciseHostname, path: pathModifier() }) },
    ExtensionRef,
    ...(isExperimental(edition) ? { ExternalAuth: { externalAuth: externalAuth() } } : {}),
  }
}

function redirect(edition: GatewayApiEdition): StructuralSchema {
  const statusCodes = isNewer(edition) ? [301, 302, 303, 307, 308] : [301, 302]
  return object({
    hostname: preciseHostname,
    path: pathModifier(),
    port: portNumber,
    scheme: word('http', 'https'),
    statusCode: integer({ default: 302, enum: statusCodes }),
  })
}

function pathModifier(): StructuralSchema {
  const both = (type: string, member: string): readonly ValidationRule[] => [
    rule(
      `${member} must be specified when type is set to '${type}'`,
      `self.type == '${type}' ? has(self.${member}) : true`,
    ),
    rule(
      `type must be '${type}' when ${member} is set`,
      `has(self.${member}) ? self.type == '${type}' : true`,
    ),
  ]
  return object(
    {
      replaceFullPath: string({ maxLength: 1024 }),
      replacePrefixMatch: string({ maxLength: 1024 }),
      type: word('ReplaceFullPath', 'ReplacePrefixMatch'),
    },
    {
      required: ['type'],
      rules: [
        ...both('ReplaceFullPath', 'replaceFullPath'),
        ...both('ReplacePrefixMatch', 'replacePrefixMatch'),
      ],
    },
  )
}

function cors(): StructuralSchema {
  const alone = (member: string, others: string): readonly ValidationRule[] => [
    rule(`${member} cannot contain '*' alongside other ${others}`, "!('*' in self && self.size() > 1)"),
  ]
  const set = { 'x-kubernetes-list-type': 'set' } as const
  const origin = string({
    minLength: 1,
    maxLength: 253,
    pattern: String.raw`(^\*$)|(^(http(s)?):\/\/(((\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)$)`,
  })
  return object({
    allowCredentials: boolean(),
    allowHeaders: list(headerName, { maxItems: 64, ...set, rules: alone('AllowHeaders', 'methods') }),
    allowMethods: list(word(...HTTP_METHODS, '*'), {
      maxItems: 9,
      ...set,
      rules: alone('AllowMethods', 'methods'),
    }),
    allowOrigins: list(origin, { maxItems: 64, ...set, rules: alone('AllowOrigins', 'origins') }),
    exposeHeaders: list(headerName, { maxItems: 64, ...set }),
    maxAge: integer({ format: 'int32', default: 5, minimum: 1 }),
  })
}

function externalAuth(): StructuralSchema {
  const names = list(string(), { maxItems: 64, 'x-kubernetes-list-type': 'set' })
  const both = (protocol: string, member: string): readonly ValidationRule[] => [
    rule(
      `${member} must be specified when protocol is set to '${protocol}'`,
      `self.protocol == '${protocol}' ? has(self.${member}) : true`,
    ),
    rule(
      `protocol must be '${protocol}' when ${member} is set`,
      `has(self.${member}) ? self.protocol == '${protocol}' : true`,
    ),
  ]
  return object(
    {
      backendRef: backendReference,
      forwardBody: object({ maxSize: integer() }),
      grpc: object({ allowedHeaders: names }),
      http: object({
        allowedHeaders: names,
        allowedResponseHeaders: names,
        path: string({ maxLength: 1024, pattern: PATH_PATTERN }),
      }),
      protocol: word('HTTP', 'GRPC'),
    },
    { required: ['backendRef', 'protocol'], rules: [...both('GRPC', 'grpc'), ...both('HTTP', 'http')] },
  )
}
