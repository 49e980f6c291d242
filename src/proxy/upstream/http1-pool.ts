import type { Socket } from 'node:net'
import type { Exchange, UpstreamStream } from '../exchange/types.ts'
import { type ClientConnectionHandle, createClientConnection } from '../http1/client-connection.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import type { PoolParts } from './pool.ts'

/** Envoy's default idle timeout of an upstream connection. */
const IDLE_TIMEOUT_MS = 3_600_000
const SWEEP_MS = 60_000
/** A connection that the server is about to close is not used again: the request would meet the close on its way. */
const CLOSE_MARGIN_MS = 1000

/** HTTP/1.1 connections to one endpoint: one request at a time each, kept for the next. */
export interface Http1Pool {
  /** @param fresh no kept connection @returns undefined when the limit on connections is reached */
  readonly open: (exchange: Exchange, fresh: boolean) => UpstreamStream | undefined
  readonly idle: () => number
  /** Idle connections are closed, those in use when they are done. */
  readonly remove: () => void
}

interface Pooled {
  readonly handle: ClientConnectionHandle
  idleSince: number
  busy: boolean
}

export function createHttp1Pool(parts: PoolParts): Http1Pool {
  const { settings, counters } = parts
  const { thread } = settings
  const idle: Pooled[] = []
  let connections = 0
  let removed = false
  const sweepTimer = createWheelTimer(sweep)

  /** Closes what has been idle too long; the oldest are at the bottom, as the newest is always taken first. */
  function sweep(): void {
    const limit = thread.clock.monotonic() - IDLE_TIMEOUT_MS
    while (idle[0] !== undefined && idle[0].idleSince < limit) idle.shift()?.handle.close()
    if (idle.length > 0) thread.wheel.set(sweepTimer, SWEEP_MS)
  }

  function release(pooled: Pooled): void {
    leave(pooled)
    if (removed) {
      pooled.handle.close()
      return
    }
    pooled.idleSince = thread.clock.monotonic()
    idle.push(pooled)
    if (!thread.wheel.isSet(sweepTimer)) thread.wheel.set(sweepTimer, SWEEP_MS)
  }

  /** A kept connection that the server will not close just now. */
  function takeIdle(): Pooled | undefined {
    for (let pooled = idle.pop(); pooled !== undefined; pooled = idle.pop()) {
      const limit = pooled.handle.keptForMs() - CLOSE_MARGIN_MS
      if (limit === Number.POSITIVE_INFINITY || thread.clock.monotonic() - pooled.idleSince < limit)
        return pooled
      pooled.handle.close()
    }
    return undefined
  }

  /** The request that the connection carried is over. */
  function leave(pooled: Pooled): void {
    if (!pooled.busy) return
    pooled.busy = false
    counters.requestsActive--
  }

  function forget(pooled: Pooled): void {
    leave(pooled)
    const index = idle.indexOf(pooled)
    if (index >= 0) idle.splice(index, 1)
    if (--connections === 0) thread.wheel.clear(sweepTimer)
    parts.closed()
  }

  function connect(): Pooled {
    connections++
    let pooled: Pooled | undefined
    const socket: Socket = parts.connect((bytes, start, end) => pooled?.handle.receive(bytes, start, end), {
      connected: () => pooled?.handle.connected(),
      expired: () => pooled?.handle.expire(),
    })
    const handle = createClientConnection({
      socket,
      thread,
      work: settings.work,
      events: settings.events,
      owner: { released: () => pooled && release(pooled), closed: () => pooled && forget(pooled) },
    })
    pooled = { handle, idleSince: 0, busy: false }
    return pooled
  }

  return {
    open(exchange, fresh) {
      const taken = (fresh ? undefined : takeIdle()) ?? (parts.mayConnect() ? connect() : undefined)
      if (taken === undefined) return undefined
      taken.busy = true
      counters.requestsActive++
      counters.requestsTotal++
      const { handle } = taken
      exchange.upstream = handle.stream
      handle.assign(exchange)
      return handle.stream
    },
    idle: () => idle.length,
    remove() {
      removed = true
      for (const pooled of idle.splice(0)) pooled.handle.close()
    },
  }
}
