import { type CompiledFilter, type CompiledMatch, rewritePath } from '../../../routing/index.ts'
import type { Exchange } from '../../exchange/types.ts'
import { dropKnown } from '../../http1/head-block.ts'
import type { HttpFilterFactory, RequestFilter } from '../order.ts'
import { FIELD } from '../../http1/known-fields.ts'

/** Changes path and authority of the request that goes upstream (Gateway API URLRewrite, Istio's rewrite). */
export const rewriteFilter: HttpFilterFactory = (route) => {
  const request = rewriteOf(route.filters)
  return request && { request }
}

/** @returns undefined when none of the filters rewrites */
export function rewriteOf(filters: readonly CompiledFilter[]): RequestFilter | undefined {
  const rewrites = filters.filter((filter) => filter.kind === 'rewrite')
  if (rewrites.length === 0) return undefined
  return (exchange, match) => {
    for (const rewrite of rewrites) {
      if (rewrite.path !== undefined)
        setPath(exchange, rewritePath(rewrite.path, exchange.path, pathOf(exchange, match)))
      if (rewrite.authority !== undefined) setAuthority(exchange, rewrite.authority)
    }
    return 'continue'
  }
}

/** What the match saw is gone after a first rewrite; a second one then replaces the whole path. */
function pathOf(exchange: Exchange, match: CompiledMatch) {
  return exchange.originalPath === undefined ? match.source.path : undefined
}

function setPath(exchange: Exchange, path: string): void {
  if (path === exchange.path) return
  exchange.originalPath ??= exchange.path
  exchange.path = path
  exchange.targetChanged = true
  if (exchange.context.rules.debugFields)
    exchange.head.added.push(`x-envoy-original-path: ${exchange.originalPath}\r\n`)
}

export function setAuthority(exchange: Exchange, authority: string): void {
  const { head } = exchange
  exchange.originalAuthority ??= exchange.authority
  dropKnown(head, FIELD.host)
  head.added.push(`host: ${authority}\r\n`)
  if (exchange.context.rules.forwardedHost)
    head.added.push(`x-forwarded-host: ${exchange.originalAuthority}\r\n`)
  exchange.authority = authority
}
