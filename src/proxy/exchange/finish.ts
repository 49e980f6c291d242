import { countRoute } from './route-statistics.ts'
import { dropKept } from './kept-body.ts'
import type { Exchange } from './types.ts'

/** The response is complete, or will never be: stop the clocks and write down what happened. */
export function settle(exchange: Exchange): void {
  if (exchange.finished) return
  exchange.finished = true
  const { wheel, clock } = exchange.context.thread
  exchange.durationMs = clock.monotonic() - exchange.startedAt
  if (exchange.timer) wheel.clear(exchange.timer)
  if (exchange.tryTimer) wheel.clear(exchange.tryTimer)
  if (exchange.idle) wheel.clear(exchange.idle.timer)
  if (exchange.requestTimer) wheel.clear(exchange.requestTimer)
  if (exchange.retrying) endRetry(exchange)
  dropKept(exchange)
  exchange.context.record(exchange)
  if (exchange.statistics !== undefined) countRoute(exchange.statistics, exchange)
  if (exchange.mirrors !== undefined) endCopies(exchange.mirrors)
  const { trace, tap } = exchange
  if (trace !== undefined) trace.tracer.end(exchange)
  if (tap !== undefined) tap.over(exchange)
}

/** The rest of the body goes to nobody any more: copies that are not complete will never be. */
export function endCopies(mirrors: readonly Exchange[]): void {
  for (const mirror of mirrors) if (!mirror.requestDone) giveUpCopy(mirror)
}

export function giveUpCopy(mirror: Exchange): void {
  if (mirror.finished) return
  dropUpstream(mirror)
  finish(mirror)
}

/** Settles, and hands the downstream connection its next request. */
export function finish(exchange: Exchange): void {
  settle(exchange)
  exchange.stream.done()
}

/** Ends the upstream side for good; nothing more is reported from there. */
export function dropUpstream(exchange: Exchange): void {
  const { upstream } = exchange
  exchange.upstream = undefined
  exchange.upstreamReady = false
  upstream?.cancel()
}

/** A retry has come to its answer, or to nothing: another may take its place. */
export function endRetry(exchange: Exchange): void {
  exchange.retrying = false
  exchange.target?.retries?.giveBack()
}
