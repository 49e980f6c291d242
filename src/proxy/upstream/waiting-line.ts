import type { Exchange, UpstreamEvents, UpstreamFailure, UpstreamStream } from '../exchange/types.ts'
import { type ClusterLoad, countPending, mayWait } from './load.ts'
import type { HostCounters } from './pool.ts'

/** Requests that wait for a connection to one endpoint, first come first served. */
export interface WaitingLine {
  /** @returns undefined when no more may wait */
  readonly add: (exchange: Exchange) => UpstreamStream | undefined
  readonly size: () => number
  /** The one that has waited longest, which waits no more. */
  readonly take: () => Exchange | undefined
  /** No connection comes about: all that wait hear of it. */
  readonly failAll: (failure: UpstreamFailure) => void
}

/** The proxy's own bound on those who wait for one endpoint, where the policy has none. */
const WAITING_PER_HOST_MAX = 4096

interface Waiting extends UpstreamStream {
  readonly exchange: Exchange
}

export function createWaitingLine(options: {
  readonly load: ClusterLoad
  readonly counters: HostCounters
  readonly events: UpstreamEvents
}): WaitingLine {
  const { load, counters } = options
  // A set keeps the order of arrival and lets one leave from the middle.
  const line = new Set<Waiting>()

  function leave(waiting: Waiting): boolean {
    if (!line.delete(waiting)) return false
    countPending(load, -1)
    counters.requestsWaiting--
    return true
  }

  function take(): Exchange | undefined {
    for (const waiting of line) {
      leave(waiting)
      return waiting.exchange
    }
    return undefined
  }

  return {
    add(exchange) {
      if (!mayWait(load) || line.size >= WAITING_PER_HOST_MAX) {
        load.pendingOverflows++
        return undefined
      }
      countPending(load, 1)
      load.pendingTotal++
      counters.requestsWaiting++
      const waiting: Waiting = { ...NO_CONNECTION, exchange, cancel: () => void leave(waiting) }
      line.add(waiting)
      exchange.upstream = waiting
      return waiting
    },
    size: () => line.size,
    take,
    failAll(failure) {
      // Those who try again at once come to the end of the line: they are not failed a second time.
      for (let left = line.size; left > 0; left--) {
        const exchange = take()
        if (exchange === undefined) return
        exchange.upstream = undefined
        options.events.failed(exchange, failure)
      }
    },
  }
}

/** Nothing is sent before there is a connection: the request flow waits for `ready`. */
const NO_CONNECTION: Omit<UpstreamStream, 'cancel'> = {
  localAddress: () => '-',
  reused: () => false,
  sendHead: () => {},
  sendData: () => {},
  sendEnd: () => {},
  flush: () => true,
  pauseResponse: () => {},
  resumeResponse: () => {},
  endTunnel: () => {},
}
