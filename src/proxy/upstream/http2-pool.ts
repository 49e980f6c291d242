import type { TLSSocket } from 'node:tls'
import type { Exchange, UpstreamFailure, UpstreamStream } from '../exchange/types.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { createHttp2Upstream, type Http2Upstream } from './http2-upstream.ts'
import { armSweep, mayRequest } from './load.ts'
import { beginRequest, endRequest, OVERFLOW, type PoolParts } from './pool.ts'
import { createWaitingLine } from './waiting-line.ts'

/** HTTP/2 connections to one endpoint: one for all requests, and another when that takes no more. */
export interface Http2Pool {
  /** @returns undefined when no more may be under way or wait */
  readonly open: (exchange: Exchange) => UpstreamStream | undefined
  /** Connections without a request. */
  readonly idle: () => number
  /** Each connection is closed after its last request. */
  readonly remove: () => void
}

interface Pooled {
  readonly upstream: Http2Upstream
  readonly bornAt: number
  idleSince: number
  /** Requests that it was given. */
  used: number
  connecting: boolean
  /** Takes no more; it ends with its last request. */
  draining: boolean
}

/** What a server takes before it has said how many (RFC 9113, 6.5.2 recommends no less). */
const STREAMS_EXPECTED = 100

export function createHttp2Pool(parts: PoolParts): Http2Pool {
  const { settings, counters, load } = parts
  const { thread } = settings
  const connections = new Set<Pooled>()
  const line = createWaitingLine({ load, counters, events: settings.events })
  let connecting = 0
  let removed = false
  const sweepTimer = createWheelTimer(sweep)

  function sweep(): void {
    const now = thread.clock.monotonic()
    for (const pooled of connections) {
      if (pooled.connecting || pooled.draining) continue
      if (isOutlived(pooled)) {
        load.connectionsOutlived++
        drain(pooled)
      } else if (pooled.upstream.active() === 0 && now - pooled.idleSince >= load.limits.idleTimeoutMs) {
        load.connectionsIdledOut++
        drain(pooled)
      }
    }
    if (connections.size > 0) armSweep(thread.wheel, sweepTimer, load.limits.sweepMs, now)
  }

  function isOutlived(pooled: Pooled): boolean {
    const { durationMaxMs } = load.limits
    return (
      durationMaxMs !== Number.POSITIVE_INFINITY && thread.clock.monotonic() - pooled.bornAt >= durationMaxMs
    )
  }

  function drain(pooled: Pooled): void {
    if (pooled.draining) return
    pooled.draining = true
    pooled.upstream.drain()
  }

  function release(pooled: Pooled): void {
    endRequest(parts)
    pooled.idleSince = thread.clock.monotonic()
    // What the connection has brought is not all written yet; a request that waits gets its turn after that.
    if (line.size() > 0) queueMicrotask(serveWaiting)
  }

  function connected(pooled: Pooled): void {
    pooled.connecting = false
    connecting--
    const now = thread.clock.monotonic()
    pooled.idleSince = now
    pooled.upstream.connected()
    armSweep(thread.wheel, sweepTimer, load.limits.sweepMs, now)
    serveWaiting()
    if (removed) drain(pooled)
  }

  function serveWaiting(): void {
    while (line.size() > 0) {
      const pooled = find()
      if (pooled === undefined) return connectForWaiting()
      const exchange = line.take() as Exchange
      if (mayRequest(load)) {
        start(pooled, exchange)
      } else {
        load.pendingOverflows++
        exchange.upstream = undefined
        settings.events.failed(exchange, OVERFLOW)
      }
    }
  }

  function forget(pooled: Pooled, failure: UpstreamFailure | undefined): void {
    if (pooled.connecting) connecting--
    connections.delete(pooled)
    if (connections.size === 0) thread.wheel.clear(sweepTimer)
    parts.closed()
    if (failure !== undefined) line.failAll(failure)
    else if (line.size() > 0) queueMicrotask(serveWaiting)
  }

  function connect(): void {
    let pooled: Pooled | undefined
    const socket = parts.connect((bytes, start, end) => pooled?.upstream.receive(bytes, start, end), {
      connected: () => pooled && connected(pooled),
      expired: () => pooled?.upstream.expire(),
    })
    const upstream = createHttp2Upstream({
      socket,
      isEncrypted: (socket as Partial<TLSSocket>).encrypted === true,
      thread: thread.http2,
      work: settings.work,
      events: settings.events,
      keepAlive: load.limits.http2KeepAlive,
      responseHead: parts.responseHead(),
      owner: {
        connectRefused: () => parts.connectRefused?.(),
        released: () => pooled && release(pooled),
        closed: (failure) => pooled && forget(pooled, failure),
      },
    })
    const bornAt = thread.clock.monotonic()
    pooled = { upstream, bornAt, idleSince: bornAt, used: 0, connecting: true, draining: false }
    connections.add(pooled)
    connecting++
  }

  /** Enough connections are on their way for the requests that wait, as far as there may be. */
  function connectForWaiting(): void {
    const each = Math.min(STREAMS_EXPECTED, load.limits.streamsMax, load.limits.requestsPerConnectionMax)
    while (connecting * each < line.size() && parts.mayConnect(connections.size)) connect()
  }

  function find(): Pooled | undefined {
    const { streamsMax } = load.limits
    for (const pooled of connections) {
      if (pooled.draining || !pooled.upstream.canTake()) continue
      if (streamsMax !== Number.POSITIVE_INFINITY && pooled.upstream.active() >= streamsMax) continue
      if (!isOutlived(pooled)) return pooled
      load.connectionsOutlived++
      drain(pooled)
    }
    return undefined
  }

  function start(pooled: Pooled, exchange: Exchange): UpstreamStream {
    beginRequest(parts)
    const stream = pooled.upstream.assign(exchange)
    if (++pooled.used >= load.limits.requestsPerConnectionMax) {
      load.connectionsUsedUp++
      drain(pooled)
    }
    return stream
  }

  return {
    open(exchange) {
      const pooled = line.size() > 0 ? undefined : find()
      if (pooled === undefined) {
        const waiting = line.add(exchange)
        connectForWaiting()
        return waiting
      }
      if (mayRequest(load)) return start(pooled, exchange)
      load.pendingOverflows++
      return undefined
    },
    idle: () => [...connections].filter(({ upstream }) => upstream.active() === 0).length,
    remove() {
      removed = true
      for (const pooled of connections) if (!pooled.connecting) drain(pooled)
    },
  }
}
