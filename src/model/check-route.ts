import {
  type Check,
  type Members,
  filledText,
  flag,
  integer,
  list,
  lowerCaseName,
  object,
  oneOf,
  optional,
  port,
  text,
  textThat,
  union,
  when,
} from './check.ts'
import { domains, labels, milliseconds, origin } from './check-common.ts'
import { session } from './check-session.ts'
import type {
  ClaimMatch,
  Destination,
  Faults,
  HeaderChange,
  HeaderValue,
  KeyedMatch,
  PathMatch,
  PathRewrite,
  Retries,
  Route,
  RouteAction,
  RouteFilter,
  RouteMatch,
  RouteScope,
  StringMatch,
  Timeouts,
  WeightedDestination,
} from './route.ts'

type Variant<T, Kind> = Extract<T, { readonly kind: Kind }>

const kind = filledText

export const scope = union<RouteScope['kind']>('kind', {
  gateway: object<Variant<RouteScope, 'gateway'>>({
    kind,
    listeners: list(filledText, { filled: true }),
    clientNamespaces: optional(list(filledText)),
  }),
  mesh: object<Variant<RouteScope, 'mesh'>>({
    kind,
    clientNamespaces: optional(list(filledText)),
    service: optional(filledText),
  }),
})

export const order: Check = list((value, path, report) => {
  if (typeof value === 'string' || Number.isFinite(value)) return
  report({ path, message: 'must be a finite number or a text' })
})

const segmentPrefix = textThat(
  'empty, or a path with a slash at the start and none at the end',
  (value) => value === '' || (value.startsWith('/') && !value.endsWith('/')),
)

const textMatch: Members<{ kind: string; value: string; ignoreCase?: boolean }> = {
  kind,
  value: text,
  ignoreCase: optional(flag),
}

const path = union<PathMatch['kind']>('kind', {
  exact: object<Variant<PathMatch, 'exact'>>(textMatch),
  'segment-prefix': object<Variant<PathMatch, 'segment-prefix'>>({ kind, value: segmentPrefix }),
  'string-prefix': object<Variant<PathMatch, 'string-prefix'>>(textMatch),
  regex: object<Variant<PathMatch, 'regex'>>(textMatch),
})

const string = union<StringMatch['kind']>('kind', {
  exact: object<Variant<StringMatch, 'exact'>>(textMatch),
  prefix: object<Variant<StringMatch, 'prefix'>>(textMatch),
  regex: object<Variant<StringMatch, 'regex'>>(textMatch),
  present: object<Variant<StringMatch, 'present'>>({ kind }),
})

const header = object<KeyedMatch>({ name: lowerCaseName, match: string, invert: optional(flag) })
const queryParameter = object<KeyedMatch>({ name: filledText, match: string, invert: optional(flag) })

const claim = object<ClaimMatch>({
  path: list(filledText, { filled: true }),
  match: string,
  invert: optional(flag),
})

const match = object<RouteMatch>({
  order,
  path: optional(path),
  method: optional(string),
  scheme: optional(string),
  authority: optional(string),
  headers: list(header),
  claims: optional(list(claim)),
  query: list(queryParameter),
  port: optional(port),
  sourceLabels: optional(labels),
  sourceNamespace: optional(filledText),
  statPrefix: optional(filledText),
})

export const headerValues = list(object<HeaderValue>({ name: lowerCaseName, value: text }))

const headerChange: Members<{ kind: string } & HeaderChange> = {
  kind,
  set: headerValues,
  add: headerValues,
  remove: list(lowerCaseName),
}

const pathRewrite = union<PathRewrite['kind']>('kind', {
  full: object<Variant<PathRewrite, 'full'>>({ kind, value: text }),
  prefix: object<Variant<PathRewrite, 'prefix'>>({ kind, value: text }),
  regex: object<Variant<PathRewrite, 'regex'>>({ kind, pattern: filledText, substitution: text }),
})

export const serviceTarget = object<Variant<Destination, 'service'>>({
  kind,
  service: filledText,
  port,
  subset: optional(filledText),
})

const percent: Check = (value, path, report) => {
  if (typeof value !== 'number' || !(value >= 0 && value <= 100))
    report({ path, message: 'must be a number from 0 to 100' })
}

const filters = list(
  union<RouteFilter['kind']>('kind', {
    'request-headers': object<Variant<RouteFilter, 'request-headers'>>(headerChange),
    'response-headers': object<Variant<RouteFilter, 'response-headers'>>(headerChange),
    rewrite: object<Variant<RouteFilter, 'rewrite'>>({
      kind,
      authority: optional(filledText),
      path: optional(pathRewrite),
    }),
    cors: object<Variant<RouteFilter, 'cors'>>({
      kind,
      allowOrigins: list(string),
      allowMethods: list(filledText),
      allowHeaders: list(filledText),
      exposeHeaders: list(filledText),
      maxAgeSeconds: optional(integer(0)),
      allowCredentials: flag,
      forwardUnmatched: flag,
    }),
    mirror: object<Variant<RouteFilter, 'mirror'>>({ kind, percent, target: serviceTarget }),
    fault: object<Variant<RouteFilter, 'fault'>>({
      kind,
      delay: optional(object<NonNullable<Faults['delay']>>({ percent, ms: milliseconds })),
      abort: optional(
        object<NonNullable<Faults['abort']>>({
          percent,
          status: integer(200, 599),
          grpcStatus: optional(integer(0, 16)),
        }),
      ),
    }),
  }),
)

export const target = union<Destination['kind']>('kind', {
  service: serviceTarget,
  unresolved: object<Variant<Destination, 'unresolved'>>({ kind, status: integer(400, 599), reason: text }),
})

const destinations = when(
  list(object<WeightedDestination>({ weight: integer(0, 2 ** 31 - 1), target, filters }), { filled: true }),
  (value, path, report) => {
    const sum = (value as readonly WeightedDestination[]).reduce((total, one) => total + one.weight, 0)
    if (sum === 0) report({ path, message: 'the sum of the weights must be positive' })
  },
)

const timeouts = object<Timeouts>({
  requestMs: optional(milliseconds),
  backendRequestMs: optional(milliseconds),
})

export const retries = object<Retries>({
  attempts: integer(0, 1000),
  perTryTimeoutMs: optional(milliseconds),
  retryOn: list(filledText),
  backoffMs: optional(milliseconds),
  sameHosts: optional(flag),
  otherLocalities: optional(flag),
})

const action = union<RouteAction['kind']>('kind', {
  forward: object<Variant<RouteAction, 'forward'>>({
    kind,
    destinations,
    timeouts,
    retries: optional(retries),
    session: optional(session),
  }),
  redirect: object<Variant<RouteAction, 'redirect'>>({
    kind,
    status: integer(300, 399),
    scheme: optional(filledText),
    hostname: optional(filledText),
    port: optional(port),
    derivePort: optional(oneOf('scheme', 'request', 'authority')),
    path: optional(pathRewrite),
  }),
  respond: object<Variant<RouteAction, 'respond'>>({
    kind,
    status: integer(200, 599),
    body: optional(text),
    reason: text,
  }),
})

export const checkRouteObject: Check = object<Route>({
  type: oneOf('route'),
  key: filledText,
  scope,
  domains,
  matches: list(match, { filled: true }),
  filters,
  action,
  name: optional(filledText),
  origin,
})
