import type { CompiledMatch } from '../../routing/index.ts'
import { keepForLater } from '../exchange/kept-body.ts'
import type { Exchange } from '../exchange/types.ts'
import type { Guard, RequestFilter } from './order.ts'

/** What a route does with a request. Only the filters that it uses are in it. */
export type FilterChain = readonly RequestFilter[]

export function runChain(chain: FilterChain, exchange: Exchange, match: CompiledMatch): void {
  runFrom(chain, 0, exchange, match)
}

function runFrom(chain: FilterChain, from: number, exchange: Exchange, match: CompiledMatch): void {
  for (let i = from; i < chain.length; i++) {
    const verdict = (chain[i] as RequestFilter)(exchange, match)
    if (verdict === 'continue') continue
    if (verdict === 'wait') {
      keepForLater(exchange)
      exchange.resume = () => runFrom(chain, i + 1, exchange, match)
    }
    return
  }
}

/** The guards of a request that takes no route, and what becomes of it when they let it pass. */
export function runGuards(guards: readonly Guard[], exchange: Exchange, pass: () => void, from = 0): void {
  for (let i = from; i < guards.length; i++) {
    const verdict = (guards[i] as Guard)(exchange)
    if (verdict === 'continue') continue
    if (verdict === 'wait') {
      keepForLater(exchange)
      exchange.resume = () => runGuards(guards, exchange, pass, i + 1)
    }
    return
  }
  pass()
}

/** Goes on behind the filter that made the request wait; a request that has ended meanwhile stays ended. */
export function resumeChain(exchange: Exchange): void {
  const { resume } = exchange
  exchange.resume = undefined
  if (!exchange.finished) resume?.()
}
