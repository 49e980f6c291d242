import type { Socket } from 'node:net'
import type { Workload } from '../../model/index.ts'
import type { Exchange, ForwardHost } from '../exchange/types.ts'
import type { OnRead } from '../net/network.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import type { Balanced } from './balanced.ts'
import { createHttp1Pool } from './http1-pool.ts'
import { createHttp2Pool } from './http2-pool.ts'
import type { HostCounters, PoolParts, UpstreamSettings } from './pool.ts'
import type { Outcome } from './outlier.ts'

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

/** `downstream`: what the request came in; both ends of a connection then speak the same. */
export type UpstreamProtocol = 'http1' | 'http2' | 'downstream'

/** Bounds on what one client of a mesh opens to one endpoint; above it requests are refused (UO). */
export const CONNECTIONS_PER_HOST_MAX = 4096
export interface HostOptions {
  readonly settings: UpstreamSettings
  readonly ip: string
  readonly port: number
  readonly weight: number
  readonly workload: Workload | undefined
  readonly connectTimeoutMs: () => number
  /** What it speaks. */
  readonly protocol: () => UpstreamProtocol
  /** Source address of the connections. */
  readonly localAddress?: string
  /** All connections are closed and none is in use. */
  readonly onEmpty?: () => void
  /** How requests end here, for whoever watches. */
  readonly report?: (host: Host, outcome: Outcome) => void
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
  let { weight, workload } = options
  const parts: PoolParts = {
    settings,
    counters,
    mayConnect: () => counters.connectionsActive < CONNECTIONS_PER_HOST_MAX,
    connect(receive, watch) {
      counters.connectionsTotal++
      counters.connectionsActive++
      const socket = openSocket({
        buffer: thread.readBuffer,
        callback(bytes, buffer) {
          receive(buffer as Buffer, 0, bytes)
          return true
        },
      })
      watchConnect(socket, watch)
      return socket
    },
    closed() {
      counters.connectionsActive--
      if (counters.connectionsActive === 0) options.onEmpty?.()
    },
  }
  const http1 = createHttp1Pool(parts)
  const http2 = createHttp2Pool(parts)

  function watchConnect(socket: Socket, watch: Parameters<PoolParts['connect']>[1]): void {
    const timer = createWheelTimer(watch.expired)
    thread.wheel.set(timer, options.connectTimeoutMs())
    let connected = false
    socket.once('connect', () => {
      connected = true
      thread.wheel.clear(timer)
      watch.connected()
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

  /** An upgrade is one of HTTP/1.1. */
  function usesHttp2(exchange: Exchange): boolean {
    if (exchange.upgrade !== '') return false
    const protocol = options.protocol()
    return protocol === 'http2' || (protocol === 'downstream' && exchange.protocol === 'HTTP/2')
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
    idle: () => http1.idle() + http2.idle(),
    report: (outcome) => options.report?.(host, outcome),
    open: (exchange, fresh) => (usesHttp2(exchange) ? http2.open(exchange) : http1.open(exchange, fresh)),
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
      http1.remove()
      http2.remove()
    },
  }
  return host
}
