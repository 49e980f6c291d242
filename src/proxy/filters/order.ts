import type { Random } from '../../base/index.ts'
import type { CompiledMatch, CompiledRoute } from '../../routing/index.ts'
import type { Exchange, ForwardTarget } from '../exchange/types.ts'
import type { Retries } from '../../model/index.ts'
import type { RouteStatisticsTable } from '../exchange/route-statistics.ts'
import type { Cluster, ClusterKey } from '../upstream/cluster.ts'

/** Every filter that a route can have. */
export type HttpFilterKind =
  | 'grpc-web'
  | 'rate-limit'
  | 'jwt'
  | 'ext-authz'
  | 'rbac'
  | 'fault'
  | 'cors'
  | 'respond'
  | 'redirect'
  | 'rewrite'
  | 'headers'
  | 'mirror'
  | 'statistics'
  | 'router'

/**
 * The order in which a request passes them; a response goes the other way. The router is the last. A rate limit is
 * first, as the patches that Istio documents put it: what is refused shall cost nothing. Then those of security: `jwt`
 * (which lets CORS preflights pass, as Istio sets it up), `ext-authz`, `rbac`; in the chains of those proxies alone to
 * which a policy applies. In Istio the service that decides comes before the token; so its rules can look at the token.
 */
export const HTTP_FILTER_ORDER = [
  'grpc-web',
  'rate-limit',
  'jwt',
  'ext-authz',
  'rbac',
  'fault',
  'cors',
  'respond',
  'redirect',
  'headers',
  'rewrite',
  'mirror',
  'statistics',
  'router',
] as const satisfies readonly HttpFilterKind[]

type Missing = Exclude<HttpFilterKind, (typeof HTTP_FILTER_ORDER)[number]>
const complete: [Missing] extends [never] ? true : false = true
void complete

/** `stop`: the filter has answered, or sent the request on. `wait`: it calls `resumeChain` when it knows more. */
export type FilterVerdict = 'continue' | 'stop' | 'wait'

export type RequestFilter = (exchange: Exchange, match: CompiledMatch) => FilterVerdict

/** A filter that no route has a say in. */
export type Guard = (exchange: Exchange) => FilterVerdict

export interface HttpFilter {
  readonly request: RequestFilter
}

/** Does all work that does not depend on the request. @returns undefined when the route does not use the filter */
export type HttpFilterFactory = (route: CompiledRoute, context: FilterContext) => HttpFilter | undefined

/** What filters need of the proxy instance. */
export interface FilterContext {
  readonly random: Random
  /** For routes that say nothing of it; absent: Istio's default. */
  readonly retries?: Retries | undefined
  /** What limits the rate of a route's requests. */
  readonly limiter: (route: CompiledRoute) => RequestFilter | undefined
  /** What of security is asked for at this proxy. */
  readonly guard: (kind: 'jwt' | 'ext-authz' | 'rbac') => Guard | undefined
  /** Of requests with a `statPrefix`. */
  readonly statistics: RouteStatisticsTable
  readonly cluster: (key: Pick<ClusterKey, 'service' | 'port' | 'subset'>) => FilterCluster
}

/** What filters need of a cluster. */
export type FilterCluster = ForwardTarget & Pick<Cluster, 'isKnown' | 'speaksGrpc' | 'pickFor' | 'sessions'>
