import type { CompiledRoute } from '../../routing/index.ts'
import { corsFilter } from './cors/filter.ts'
import { faultFilter } from './fault/filter.ts'
import { grpcWebFilter } from './grpc-web/filter.ts'
import { headersFilter } from './headers/filter.ts'
import {
  type FilterContext,
  HTTP_FILTER_ORDER,
  type HttpFilterFactory,
  type HttpFilterKind,
} from './order.ts'
import { mirrorFilter } from './mirror/filter.ts'
import { rateLimitFilter } from './rate-limit/filter.ts'
import { redirectFilter } from './redirect/filter.ts'
import { respondFilter } from './respond/filter.ts'
import { rewriteFilter } from './rewrite/filter.ts'
import { routerFilter } from './router/filter.ts'
import type { FilterChain } from './run.ts'
import { statisticsFilter } from './statistics/filter.ts'

/** The same for every route. */
function guardFilter(kind: 'jwt' | 'ext-authz' | 'rbac'): HttpFilterFactory {
  return (_route, context) => {
    const request = context.guard(kind)
    return request && { request }
  }
}

const FACTORIES: Readonly<Record<HttpFilterKind, HttpFilterFactory>> = {
  'grpc-web': grpcWebFilter,
  'rate-limit': rateLimitFilter,
  jwt: guardFilter('jwt'),
  'ext-authz': guardFilter('ext-authz'),
  rbac: guardFilter('rbac'),
  fault: faultFilter,
  cors: corsFilter,
  respond: respondFilter,
  redirect: redirectFilter,
  headers: headersFilter,
  rewrite: rewriteFilter,
  mirror: mirrorFilter,
  statistics: statisticsFilter,
  router: routerFilter,
}

export function compileChain(route: CompiledRoute, context: FilterContext): FilterChain {
  const chain = HTTP_FILTER_ORDER.map((kind) => FACTORIES[kind](route, context)?.request).filter(
    (one) => one !== undefined,
  )
  // An array that grew keeps room for sixteen more, for each route.
  return chain.slice()
}
