import type { Exchange, UpstreamStream } from '../exchange/types.ts'
import { createHttp2Upstream, type Http2Upstream } from './http2-upstream.ts'
import type { PoolParts } from './pool.ts'

/** HTTP/2 connections to one endpoint: one for all requests, and another when that takes no more. */
export interface Http2Pool {
  /** @returns undefined when the limit on connections is reached */
  readonly open: (exchange: Exchange) => UpstreamStream | undefined
  /** Connections without a request. */
  readonly idle: () => number
  /** Each connection is closed after its last request. */
  readonly remove: () => void
}

export function createHttp2Pool(parts: PoolParts): Http2Pool {
  const { settings, counters } = parts
  const connections = new Set<Http2Upstream>()

  function connect(): Http2Upstream {
    let upstream: Http2Upstream | undefined
    const socket = parts.connect((bytes, start, end) => upstream?.receive(bytes, start, end), {
      connected: () => upstream?.connected(),
      expired: () => upstream?.expire(),
    })
    upstream = createHttp2Upstream({
      socket,
      thread: settings.thread.http2,
      work: settings.work,
      events: settings.events,
      owner: {
        released: () => {
          counters.requestsActive--
        },
        closed: () => {
          if (upstream !== undefined) connections.delete(upstream)
          parts.closed()
        },
      },
    })
    connections.add(upstream)
    return upstream
  }

  function findOrConnect(): Http2Upstream | undefined {
    for (const upstream of connections) if (upstream.canTake()) return upstream
    return parts.mayConnect() ? connect() : undefined
  }

  return {
    open(exchange) {
      const upstream = findOrConnect()
      if (upstream === undefined) return undefined
      counters.requestsActive++
      counters.requestsTotal++
      return upstream.assign(exchange)
    },
    idle: () => [...connections].filter((upstream) => upstream.active() === 0).length,
    remove() {
      for (const upstream of connections) upstream.drain()
    },
  }
}
