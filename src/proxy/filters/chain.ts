import type { CompiledMatch, CompiledRoute } from '../../routing/index.ts'
import type { Exchange } from '../exchange/types.ts'
import { headersFilter } from './headers/filter.ts'
import {
  type FilterContext,
  HTTP_FILTER_ORDER,
  type HttpFilterFactory,
  type HttpFilterKind,
  type RequestFilter,
} from './order.ts'
import { redirectFilter } from './redirect/filter.ts'
import { respondFilter } from './respond/filter.ts'
import { rewriteFilter } from './rewrite/filter.ts'
import { routerFilter } from './router/filter.ts'

const FACTORIES: Readonly<Record<HttpFilterKind, HttpFilterFactory>> = {
  respond: respondFilter,
  redirect: redirectFilter,
  headers: headersFilter,
  rewrite: rewriteFilter,
  router: routerFilter,
}

/** What a route does with a request. Only the filters that it uses are in it. */
export type FilterChain = readonly RequestFilter[]

export function compileChain(route: CompiledRoute, context: FilterContext): FilterChain {
  return HTTP_FILTER_ORDER.map((kind) => FACTORIES[kind](route, context)?.request).filter(
    (one) => one !== undefined,
  )
}

export function runChain(chain: FilterChain, exchange: Exchange, match: CompiledMatch): void {
  for (const filter of chain) if (filter(exchange, match) === 'stop') return
}
