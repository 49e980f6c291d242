import type { SessionPersistence } from './session.ts'
import type { ListenerName, Origin, RouteName, ServiceName } from './names.ts'

/** One rule of a user's route, valid alone. The tables that serve it are compiled from it by src/routing. */
export interface Route {
  readonly type: 'route'
  readonly key: RouteName
  readonly scope: RouteScope
  /** Lower case: exact, `*.suffix`, or `*`; never empty. */
  readonly domains: readonly string[]
  /** Alternatives; never empty. A request takes the route when one of them holds. */
  readonly matches: readonly RouteMatch[]
  readonly filters: readonly RouteFilter[]
  readonly action: RouteAction
  /** What the user calls it, for logs; absent: its key. */
  readonly name?: string
  readonly origin: Origin
}

/** Where a route applies. */
export type RouteScope =
  /** `clientNamespaces`: only in gateway proxies of these namespaces (VirtualService exportTo). */
  | {
      readonly kind: 'gateway'
      readonly listeners: readonly ListenerName[]
      readonly clientNamespaces?: readonly string[]
    }
  /**
   * In sidecars: for requests whose host is one of `domains`, or, when a service is given, for what dials the address of
   * that service. `clientNamespaces`: only clients of these; attached to a service they do without its other routes.
   */
  | {
      readonly kind: 'mesh'
      readonly clientNamespaces?: readonly string[]
      readonly service?: ServiceName
    }

/**
 * Its place among all matches of its scope and domain: compared member by member, numbers by value, texts by code unit,
 * the smaller first; it holds every tie-breaker, so no two matches of different routes are equal.
 */
export type OrderKey = readonly (number | string)[]

/** All given conditions must hold. */
export interface RouteMatch {
  readonly order: OrderKey
  readonly path?: PathMatch
  readonly method?: StringMatch
  readonly scheme?: StringMatch
  readonly authority?: StringMatch
  readonly headers: readonly KeyedMatch[]
  readonly claims?: readonly ClaimMatch[]
  readonly query: readonly KeyedMatch[]
  /** The port that the client dialled. */
  readonly port?: number
  /** Labels that the calling workload must have (VirtualService sourceLabels). */
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly sourceNamespace?: string
  /** Requests that it takes are counted under this name too. */
  readonly statPrefix?: string
}

export type PathMatch =
  | { readonly kind: 'exact'; readonly value: string; readonly ignoreCase?: boolean }
  /** Whole segments, as the Gateway API has it: `/app` matches `/app` and `/app/x`, not `/apple`. No slash at the end; `` matches all. */
  | { readonly kind: 'segment-prefix'; readonly value: string }
  /** Plain characters, as Istio's `prefix` has it. */
  | { readonly kind: 'string-prefix'; readonly value: string; readonly ignoreCase?: boolean }
  /** RE2, matches the whole path without the query. */
  | { readonly kind: 'regex'; readonly value: string; readonly ignoreCase?: boolean }

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string; readonly ignoreCase?: boolean }
  | { readonly kind: 'prefix'; readonly value: string; readonly ignoreCase?: boolean }
  /** RE2, matches the whole value. */
  | { readonly kind: 'regex'; readonly value: string; readonly ignoreCase?: boolean }
  | { readonly kind: 'present' }

/** A header (name in lower case) or a query parameter. `invert`: it must not match, absence included. */
export interface KeyedMatch {
  readonly name: string
  readonly match: StringMatch
  readonly invert?: boolean
}

/** A claim of the request's verified token: its text, or one of its texts. Members of members follow. */
export interface ClaimMatch {
  readonly path: readonly string[]
  readonly match: StringMatch
  readonly invert?: boolean
}

export type RouteFilter =
  | ({ readonly kind: 'request-headers' } & HeaderChange)
  | ({ readonly kind: 'response-headers' } & HeaderChange)
  | { readonly kind: 'rewrite'; readonly authority?: string; readonly path?: PathRewrite }
  | ({ readonly kind: 'cors' } & CorsPolicy)
  | ({ readonly kind: 'fault' } & Faults)
  /** A copy of a share of the requests goes there too; nobody waits for its answer. */
  | {
      readonly kind: 'mirror'
      readonly percent: number
      readonly target: Extract<Destination, { kind: 'service' }>
    }

/** What scripts of other origins may do (Fetch standard, CORS protocol). */
export interface CorsPolicy {
  readonly allowOrigins: readonly StringMatch[]
  /** `*` alone: any, as far as credentials permit. */
  readonly allowMethods: readonly string[]
  readonly allowHeaders: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly maxAgeSeconds?: number
  readonly allowCredentials: boolean
  /** Preflight requests of origins that are not allowed go to the application; otherwise they get an empty 200. */
  readonly forwardUnmatched: boolean
}

/** Failures made on purpose, of a share of the requests in percent: first the delay, then the abort. */
export interface Faults {
  readonly delay?: { readonly percent: number; readonly ms: number }
  /** With a status of gRPC that of HTTP is 200; requests that are none of gRPC get it without a word of the other. */
  readonly abort?: { readonly percent: number; readonly status: number; readonly grpcStatus?: number }
}

/** Applied in the order remove, set, add. Names in lower case. */
export interface HeaderChange {
  readonly set: readonly HeaderValue[]
  readonly add: readonly HeaderValue[]
  readonly remove: readonly string[]
}

export interface HeaderValue {
  readonly name: string
  readonly value: string
}

export type PathRewrite =
  | { readonly kind: 'full'; readonly value: string }
  /** Replaces what the path match of kind prefix or exact matched. */
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly pattern: string; readonly substitution: string }

export type RouteAction =
  | {
      readonly kind: 'forward'
      /** Never empty; the sum of the weights is positive, otherwise the translation makes it a `respond`. */
      readonly destinations: readonly WeightedDestination[]
      readonly timeouts: Timeouts
      /** Absent: Istio's default (2 attempts on connect-failure, refused-stream, unavailable, cancelled, retriable-status-codes). */
      readonly retries?: Retries
      /** Absent: as the destination's service has it. */
      readonly session?: SessionPersistence
    }
  | {
      readonly kind: 'redirect'
      readonly status: number
      readonly scheme?: string
      readonly hostname?: string
      readonly port?: number
      /**
       * Where the port comes from when none is given: the scheme's default, what the client used, or (Envoy's rule) the
       * authority as the client wrote it, less the default port of a scheme that is replaced. Absent: the Gateway API's
       * rule, the scheme's when a scheme is given and the client's otherwise.
       */
      readonly derivePort?: 'scheme' | 'request' | 'authority'
      readonly path?: PathRewrite
    }
  | { readonly kind: 'respond'; readonly status: number; readonly body?: string; readonly reason: string }

export interface WeightedDestination {
  readonly weight: number
  readonly target: Destination
  /** Applied for this destination only, after the route's own. */
  readonly filters: readonly RouteFilter[]
}

export type Destination =
  | {
      readonly kind: 'service'
      readonly service: ServiceName
      readonly port: number
      readonly subset?: string
    }
  /** A reference that does not resolve: its share is answered with this status (500 in the Gateway API, 503 in Istio's). */
  | { readonly kind: 'unresolved'; readonly status: number; readonly reason: string }

/** Milliseconds; 0 or absent: no limit. */
export interface Timeouts {
  readonly requestMs?: number
  readonly backendRequestMs?: number
}

export interface Retries {
  /** Tries after the first; 0 turns retries off. */
  readonly attempts: number
  readonly perTryTimeoutMs?: number
  /** Envoy's conditions (`connect-failure`, `5xx`, `retriable-4xx`, …) and status codes. */
  readonly retryOn: readonly string[]
  readonly backoffMs?: number
  /** Endpoints that have failed this request are as good as others; otherwise others are preferred. */
  readonly sameHosts?: boolean
  /** After every second try the localities tried so far are left alone, as long as there are others. */
  readonly otherLocalities?: boolean
}
