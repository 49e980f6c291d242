import type { Socket } from 'node:net'
import type { Exchange, UpstreamFailure, UpstreamStream } from '../exchange/types.ts'
import { type ClientConnectionHandle, createClientConnection } from '../http1/client-connection.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { armSweep, mayRequest } from './load.ts'
import { beginRequest, endRequest, OVERFLOW, type PoolParts } from './pool.ts'
import { createWaitingLine } from './waiting-line.ts'

/** A connection that the server is about to close is not used again: the request would meet the close on its way. */
const CLOSE_MARGIN_MS = 1000

/** HTTP/1.1 connections to one endpoint: one request at a time each, kept for the next. */
export interface Http1Pool {
  /** @param fresh no kept connection @returns undefined when no more may be under way or wait */
  readonly open: (exchange: Exchange, fresh: boolean) => UpstreamStream | undefined
  readonly idle: () => number
  /** Idle connections are closed, those in use when they are done. */
  readonly remove: () => void
}

interface Pooled {
  readonly handle: ClientConnectionHandle
  readonly bornAt: number
  idleSince: number
  /** Requests that it was given. */
  used: number
  connecting: boolean
  busy: boolean
}

export function createHttp1Pool(parts: PoolParts): Http1Pool {
  const { settings, counters, load } = parts
  const { thread } = settings
  const idle: Pooled[] = []
  const line = createWaitingLine({ load, counters, events: settings.events })
  let connections = 0
  let connecting = 0
  let removed = false
  const sweepTimer = createWheelTimer(sweep)

  /** Closes what has been idle too long; the oldest are at the bottom, as the newest is always taken first. */
  function sweep(): void {
    const now = thread.clock.monotonic()
    const { limits } = load
    while (idle[0] !== undefined && now - idle[0].idleSince >= limits.idleTimeoutMs) {
      load.connectionsIdledOut++
      idle.shift()?.handle.close()
    }
    for (let i = idle.length - 1; i >= 0; i--) {
      const pooled = idle[i] as Pooled
      if (!isOutlived(pooled)) continue
      idle.splice(i, 1)
      retire(pooled)
    }
    if (idle.length > 0) armSweep(thread.wheel, sweepTimer, limits.sweepMs, now)
  }

  function isOutlived(pooled: Pooled): boolean {
    const { durationMaxMs } = load.limits
    return (
      durationMaxMs !== Number.POSITIVE_INFINITY && thread.clock.monotonic() - pooled.bornAt >= durationMaxMs
    )
  }

  function retire(pooled: Pooled): void {
    load.connectionsOutlived++
    pooled.handle.close()
  }

  /** The connection is free, or has just come about. */
  function release(pooled: Pooled): void {
    leave(pooled)
    connected(pooled)
    if (pooled.used >= load.limits.requestsPerConnectionMax) {
      load.connectionsUsedUp++
      pooled.handle.close()
    } else if (isOutlived(pooled)) {
      retire(pooled)
    } else if (line.size() > 0) {
      // What this connection has brought is not all written yet; a request that waits gets it after that.
      queueMicrotask(() => serveWaiting(pooled))
    } else {
      keep(pooled)
    }
  }

  function keep(pooled: Pooled): void {
    if (removed) {
      pooled.handle.close()
      return
    }
    const now = thread.clock.monotonic()
    pooled.idleSince = now
    idle.push(pooled)
    armSweep(thread.wheel, sweepTimer, load.limits.sweepMs, now)
  }

  function serveWaiting(pooled: Pooled): void {
    if (pooled.handle.keptForMs() < CLOSE_MARGIN_MS) {
      pooled.handle.close()
      return
    }
    for (let exchange = line.take(); exchange !== undefined; exchange = line.take()) {
      if (mayRequest(load)) {
        start(pooled, exchange)
        return
      }
      load.pendingOverflows++
      exchange.upstream = undefined
      settings.events.failed(exchange, OVERFLOW)
    }
    keep(pooled)
  }

  /** A kept connection that the server will not close just now. */
  function takeIdle(): Pooled | undefined {
    for (let pooled = idle.pop(); pooled !== undefined; pooled = idle.pop()) {
      const limit = pooled.handle.keptForMs() - CLOSE_MARGIN_MS
      if (isOutlived(pooled)) retire(pooled)
      else if (limit === Number.POSITIVE_INFINITY || thread.clock.monotonic() - pooled.idleSince < limit)
        return pooled
      else pooled.handle.close()
    }
    return undefined
  }

  /** The request that the connection carried is over. */
  function leave(pooled: Pooled): void {
    if (!pooled.busy) return
    pooled.busy = false
    endRequest(parts)
  }

  function connected(pooled: Pooled): void {
    if (!pooled.connecting) return
    pooled.connecting = false
    connecting--
  }

  function forget(pooled: Pooled, failure: UpstreamFailure | undefined): void {
    leave(pooled)
    connected(pooled)
    const index = idle.indexOf(pooled)
    if (index >= 0) idle.splice(index, 1)
    if (--connections === 0) thread.wheel.clear(sweepTimer)
    parts.closed()
    // An endpoint that cannot be reached keeps nobody waiting: they may have better luck elsewhere.
    if (failure !== undefined) line.failAll(failure)
    else connectForWaiting()
  }

  function connect(): void {
    connections++
    connecting++
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
      responseHead: parts.responseHead(),
      owner: {
        released: () => pooled && release(pooled),
        closed: (_handle, failure) => pooled && forget(pooled, failure),
      },
    })
    pooled = {
      handle,
      bornAt: thread.clock.monotonic(),
      idleSince: 0,
      used: 0,
      connecting: true,
      busy: false,
    }
  }

  /** As many connections are on their way as requests wait, as far as there may be. */
  function connectForWaiting(): void {
    while (connecting < line.size() && parts.mayConnect(connections)) connect()
  }

  function start(pooled: Pooled, exchange: Exchange): UpstreamStream {
    pooled.busy = true
    pooled.used++
    beginRequest(parts)
    const { handle } = pooled
    exchange.upstream = handle.stream
    handle.assign(exchange)
    return handle.stream
  }

  return {
    open(exchange, fresh) {
      const taken = fresh || line.size() > 0 ? undefined : takeIdle()
      if (taken === undefined) {
        const waiting = line.add(exchange)
        connectForWaiting()
        return waiting
      }
      if (mayRequest(load)) return start(taken, exchange)
      load.pendingOverflows++
      idle.push(taken)
      return undefined
    },
    idle: () => idle.length,
    remove() {
      removed = true
      for (const pooled of idle.splice(0)) pooled.handle.close()
    },
  }
}
