import type { Socket } from 'node:net'
import type { Workload } from '../../model/index.ts'
import type {
  Exchange,
  ForwardHost,
  ProxyThread,
  UpstreamEvents,
  UpstreamStream,
  WorkCounter,
} from '../exchange/types.ts'
import { type ClientConnectionHandle, createClientConnection } from '../http1/client-connection.ts'
import type { Network, OnRead } from '../net/network.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import type { Balanced } from './balanced.ts'
import type { Outcome } from './outlier.ts'

/** What all hosts of a proxy share. */
export interface UpstreamSettings {
  readonly thread: ProxyThread
  readonly network: Network
  readonly events: UpstreamEvents
  readonly work: WorkCounter
}

/** One endpoint of a cluster with its HTTP connections. */
export interface Host extends ForwardHost, Balanced {
  readonly ip: string
  readonly port: number
  readonly workload: () => Workload | undefined
  readonly counters: HostCounters
  /** A TCP connection that counts as one request in hand until it closes. */
  readonly openTcp: (onread: OnRead) => Socket
  /** No new requests: idle connections are closed, those in use when they are done. */
  readonly remove: () => void
  /** The same endpoint with other labels or another weight. */
  readonly update: (workload: Workload, weight: number) => void
  readonly idle: () => number
}

export interface HostCounters {
  connectionsTotal: number
  connectFailures: number
  requestsTotal: number
  requestsError: number
  connectionsActive: number
  requestsActive: number
}

/** Bounds on what one client of a mesh opens to one endpoint; above it requests are refused (UO). */
export const CONNECTIONS_PER_HOST_MAX = 4096
/** Envoy's default idle timeout of an upstream connection. */
const IDLE_TIMEOUT_MS = 3_600_000
const SWEEP_MS = 60_000
/** A connection that the server is about to close is not used again: the request would meet the close on its way. */
const CLOSE_MARGIN_MS = 1000

export interface HostOptions {
  readonly settings: UpstreamSettings
  readonly ip: string
  readonly port: number
  readonly weight: number
  readonly workload: Workload | undefined
  readonly connectTimeoutMs: () => number
  /** Source address of the connections. */
  readonly localAddress?: string
  /** All connections are closed and none is in use. */
  readonly onEmpty?: () => void
  /** How requests end here, for whoever watches. */
  readonly report?: (host: Host, outcome: Outcome) => void
}

interface Pooled {
  readonly handle: ClientConnectionHandle
  idleSince: number
  busy: boolean
}

export function createHost(options: HostOptions): Host {
  const { settings, ip, port } = options
  const { thread } = settings
  const address = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
  const counters: HostCounters = {
    connectionsTotal: 0,
    connectFailures: 0,
    requestsTotal: 0,
    requestsError: 0,
    connectionsActive: 0,
    requestsActive: 0,
  }
  const idle: Pooled[] = []
  let removed = false
  let { weight, workload } = options
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
    counters.connectionsActive--
    const index = idle.indexOf(pooled)
    if (index >= 0) idle.splice(index, 1)
    if (counters.connectionsActive === 0) {
      thread.wheel.clear(sweepTimer)
      options.onEmpty?.()
    }
  }

  function connect(): Pooled {
    counters.connectionsTotal++
    counters.connectionsActive++
    let pooled: Pooled | undefined
    const socket = openSocket({
      buffer: thread.readBuffer,
      callback(bytes, buffer) {
        pooled?.handle.receive(buffer as Buffer, 0, bytes)
        return true
      },
    })
    const handle = createClientConnection({
      socket,
      thread,
      work: settings.work,
      events: settings.events,
      owner: { released: () => pooled && release(pooled), closed: () => pooled && forget(pooled) },
    })
    pooled = { handle, idleSince: 0, busy: false }
    watchConnect(socket, handle)
    return pooled
  }

  function watchConnect(socket: Socket, handle: ClientConnectionHandle): void {
    const timer = createWheelTimer(() => handle.expire())
    thread.wheel.set(timer, options.connectTimeoutMs())
    let connected = false
    socket.once('connect', () => {
      connected = true
      thread.wheel.clear(timer)
      handle.connected()
    })
    socket.once('close', () => {
      if (!connected) counters.connectFailures++
      thread.wheel.clear(timer)
    })
  }

  function openSocket(onread: OnRead): Socket {
    const local = options.localAddress === undefined ? {} : { localAddress: options.localAddress }
    return settings.network.connect({ address: ip, port, ...local, onread })
  }

  const host: Host = {
    address,
    ip,
    port,
    get weight() {
      return weight
    },
    workload: () => workload,
    counters,
    active: () => counters.requestsActive,
    idle: () => idle.length,
    report: (outcome) => options.report?.(host, outcome),
    open(exchange: Exchange, fresh: boolean): UpstreamStream | undefined {
      const pooled = fresh ? undefined : takeIdle()
      if (pooled === undefined && counters.connectionsActive >= CONNECTIONS_PER_HOST_MAX) return undefined
      const taken = pooled ?? connect()
      taken.busy = true
      counters.requestsActive++
      counters.requestsTotal++
      const { handle } = taken
      exchange.upstream = handle.stream
      handle.assign(exchange)
      return handle.stream
    },
    openTcp(onread) {
      counters.connectionsTotal++
      counters.connectionsActive++
      counters.requestsActive++
      const socket = openSocket(onread)
      socket.once('close', () => {
        counters.connectionsActive--
        counters.requestsActive--
        if (counters.connectionsActive === 0) options.onEmpty?.()
      })
      return socket
    },
    update(newWorkload, newWeight) {
      workload = newWorkload
      weight = newWeight
    },
    remove() {
      removed = true
      for (const pooled of idle.splice(0)) pooled.handle.close()
    },
  }
  return host
}
