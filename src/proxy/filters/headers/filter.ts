import type { CompiledFilter } from '../../../routing/index.ts'
import type { ResponseFilter } from '../../exchange/types.ts'
import type { HttpFilterFactory, RequestFilter } from '../order.ts'
import { setAuthority } from '../rewrite/filter.ts'
import { applyChange, changesOf, compileChange } from './change.ts'

/** Adds, sets and removes fields of requests; the router applies the changes of responses. */
export const headersFilter: HttpFilterFactory = (route) => {
  const request = requestChanges(route.filters)
  return request && { request }
}

/** @returns undefined when none of the filters changes requests */
export function requestChanges(filters: readonly CompiledFilter[]): RequestFilter | undefined {
  const changes = changesOf(filters, 'request-headers')
  if (changes.length === 0) return undefined
  // The host is not a field like others: it is what the request is addressed to.
  const host = changes.flatMap((change) => change.set).findLast((one) => one.name === 'host')?.value
  const compiled = changes.map((change) =>
    compileChange({
      remove: change.remove.filter((name) => name !== 'host'),
      set: change.set.filter((one) => one.name !== 'host'),
      add: change.add.filter((one) => one.name !== 'host'),
    }),
  )
  return (exchange) => {
    for (const change of compiled) applyChange(change, exchange.head)
    if (host !== undefined) setAuthority(exchange, host)
    return 'continue'
  }
}

export function responseChanges(filters: readonly CompiledFilter[]): ResponseFilter | undefined {
  const changes = changesOf(filters, 'response-headers').map(compileChange)
  if (changes.length === 0) return undefined
  return (_exchange, block) => {
    for (const change of changes) applyChange(change, block)
  }
}
