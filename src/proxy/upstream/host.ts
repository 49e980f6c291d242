import type { Socket } from 'node:net'
import type { Workload } from '../../model/index.ts'
import { isGrpc } from '../exchange/grpc.ts'
import type { Exchange, ForwardHost } from '../exchange/types.ts'
import { HEAD_LIMITS } from '../http1/head-block.ts'
import type { OnRead } from '../net/network.ts'
import { readyEvent, type TlsConnector } from '../tls/client.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import type { ProxiedAddresses } from '../proxy-protocol/read.ts'
import { proxyHeader, type ProxyProtocolVersion } from '../proxy-protocol/write.ts'
import { createClientPools, type Pools } from './client-pools.ts'
import { createDial, limitLife } from './dial.ts'
import { createHttp1Pool } from './http1-pool.ts'
import { createHttp2Pool } from './http2-pool.ts'
import { type ClusterLoad, countConnection, mayConnect as hasRoom } from './load.ts'
import type { HostCounters, PoolParts, ResponseSource, UpstreamSettings } from './pool.ts'
import type { Outcome } from './outlier.ts'
import type { Joined } from './warmup.ts'

/** One endpoint of a cluster with its HTTP connections. */
export interface Host extends ForwardHost, Joined {
  readonly ip: string
  readonly port: number
  readonly workload: () => Workload | undefined
  /** Its connections are in mutual TLS of the mesh. */
  readonly isMutual: boolean
  readonly counters: HostCounters
  /** Where connections of bytes are led through it; absent: to itself. */
  readonly tunnel: () => string | undefined
  /** How long a connection may take to come about. */
  readonly connectTimeoutMs: () => number
  /**
   * A TCP connection that counts as one request in hand until it closes.
   * @param addresses whose bytes it carries, for endpoints that want to be told
   * @returns undefined when the limit on connections is reached
   */
  readonly openTcp: (onread: OnRead, addresses?: ProxiedAddresses) => Socket | undefined
  /**
   * A session of datagrams counts as a connection with one request in hand, until it is released.
   * @returns the release; undefined when the limit on connections is reached
   */
  readonly beginSession: () => (() => void) | undefined
  /** A connection that is none for requests: it counts against no bound. */
  readonly openProbe: (protocol: 'h2' | 'http/1.1' | undefined, onread: OnRead) => Socket
  /** No new requests: idle connections are closed, those in use when they are done. */
  readonly remove: () => void
  readonly isRemoved: () => boolean
  /** The same endpoint with other labels or another weight. */
  readonly update: (workload: Workload, weight: number) => void
  readonly idle: () => number
}

/**
 * `downstream`: what the request came in; both ends of a connection then speak the same. `undeclared`: HTTP/1.1, but for
 * gRPC, which there is in HTTP/2 alone.
 */
export type UpstreamProtocol = 'http1' | 'http2' | 'downstream' | 'undeclared'

/** The proxy's own bound on what it opens to one endpoint, where the policy has none. */
const CONNECTIONS_PER_HOST_MAX = 4096

export interface HostOptions {
  readonly settings: UpstreamSettings
  /** Of the cluster that it belongs to. */
  readonly load: ClusterLoad
  readonly ip: string
  readonly port: number
  readonly weight: number
  readonly workload: Workload | undefined
  /** Absent: it was there from the beginning. */
  readonly joinedAt?: number
  readonly connectTimeoutMs: () => number
  /** It is an HTTP proxy on the way to this `host:port`, for connections of bytes. */
  readonly tunnel?: () => string | undefined
  /** All addresses of the workload are as good as this one, though it comes first. */
  readonly hasFallbacks?: boolean
  /** What it speaks. */
  readonly protocol: () => UpstreamProtocol
  /** What its connections are secured with; absent: nothing. */
  readonly tls?: TlsConnector | undefined
  /** That is mutual TLS of the mesh. */
  readonly isMutual?: boolean
  /** It wants to be told who connections are for, so that requests of different clients share none. */
  readonly proxyProtocol?: ProxyProtocolVersion | undefined
  /** Source address of the connections. */
  readonly localAddress?: string
  /** There is a connection where there was none. */
  readonly onUsed?: () => void
  /** Absent: an address that was dialled. */
  readonly source?: Omit<ResponseSource, 'port'> & { readonly port?: number }
  /** All connections are closed and none is in use. */
  readonly onEmpty?: () => void
  /** How requests end here, for whoever watches. */
  readonly report?: (host: Host, outcome: Outcome) => void
}

export function createHost(options: HostOptions): Host {
  const { settings, load, ip, port } = options
  const { thread } = settings
  const address = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
  const counters = zeroCounters()
  let { weight, workload } = options
  const source = { port, ...options.source }
  let connectRefused = false
  let removed = false
  const openSocket = createDial({
    ...options,
    address,
    addresses: () => (options.hasFallbacks === true ? addressesOf(workload, ip) : [ip]),
  })
  const partsFor = (protocol: 'h2' | 'http/1.1', header: Buffer | undefined): PoolParts => ({
    settings,
    counters,
    load,
    mayConnect,
    responseHead: () => settings.responseHead?.(source) ?? HEAD_LIMITS,
    connect(receive, watch) {
      opened()
      const onread: OnRead = {
        buffer: thread.readBuffer,
        callback(bytes, buffer) {
          receive(buffer as Buffer, 0, bytes)
          return true
        },
      }
      const socket = openSocket(protocol, onread, header)
      watchConnect(socket, watch)
      return socket
    },
    closed,
    connectRefused() {
      connectRefused = true
    },
  })
  const makePools = (header?: Buffer): Pools => ({
    http1: createHttp1Pool(partsFor('http/1.1', header)),
    http2: createHttp2Pool(partsFor('h2', header)),
  })
  const pools = makePools()
  const { proxyProtocol } = options
  const ofClients =
    proxyProtocol &&
    createClientPools({ make: (addresses) => makePools(proxyHeader(proxyProtocol, addresses)) })

  /** @see Envoy: the bound on connections leaves each pool at least one, or its requests would wait for ever */
  function mayConnect(own: number): boolean {
    if (counters.connectionsActive >= CONNECTIONS_PER_HOST_MAX) return false
    if (hasRoom(load)) return true
    load.connectionOverflows++
    return own === 0
  }

  function opened(): void {
    counters.connectionsTotal++
    if (counters.connectionsActive++ === 0) options.onUsed?.()
    countConnection(load, 1)
  }

  function closed(): void {
    counters.connectionsActive--
    countConnection(load, -1)
    if (counters.connectionsActive === 0) options.onEmpty?.()
  }

  function watchConnect(socket: Socket, watch: Parameters<PoolParts['connect']>[1]): void {
    const timer = createWheelTimer(watch.expired)
    thread.wheel.set(timer, options.connectTimeoutMs())
    let connected = false
    socket.once(readyEvent(socket), () => {
      connected = true
      thread.wheel.clear(timer)
      watch.connected()
    })
    socket.once('close', () => {
      if (!connected) counters.connectFailures++
      thread.wheel.clear(timer)
    })
  }

  function beginSession(): (() => void) | undefined {
    if (counters.connectionsActive >= CONNECTIONS_PER_HOST_MAX || !hasRoom(load)) {
      load.connectionOverflows++
      return undefined
    }
    opened()
    counters.requestsActive++
    return () => {
      counters.requestsActive--
      closed()
    }
  }

  /** An upgrade is one of HTTP/1.1 where the endpoint knows no extended CONNECT. */
  function usesHttp2(exchange: Exchange): boolean {
    if (connectRefused && exchange.upgrade !== '' && exchange.upgrade !== 'connect') return false
    const protocol = options.protocol()
    if (protocol === 'http1') return false
    if (protocol === 'http2') return true
    return speaksHttp2(exchange) && (protocol === 'downstream' || isGrpc(exchange))
  }

  const host: Host = {
    address,
    ip,
    port,
    joinedAt: options.joinedAt ?? Number.NEGATIVE_INFINITY,
    get weight() {
      return weight
    },
    workload: () => workload,
    isMutual: options.isMutual === true,
    connectTimeoutMs: options.connectTimeoutMs,
    tunnel: () => options.tunnel?.(),
    counters,
    active: () => counters.requestsActive + counters.requestsWaiting,
    idle: () => pools.http1.idle() + pools.http2.idle() + (ofClients?.idle() ?? 0),
    report: (outcome) => options.report?.(host, outcome),
    open(exchange, fresh) {
      const { http1, http2 } = ofClients === undefined ? pools : ofClients.of(exchange.stream)
      return usesHttp2(exchange) ? http2.open(exchange) : http1.open(exchange, fresh)
    },
    openTcp(onread, addresses) {
      const release = beginSession()
      if (release === undefined) return undefined
      const header = proxyProtocol && proxyHeader(proxyProtocol, addresses)
      const socket = openSocket(undefined, onread, header)
      const stopTimers = limitLife(socket, load, thread.wheel)
      socket.once('close', () => {
        stopTimers()
        release()
      })
      return socket
    },
    beginSession,
    openProbe: (protocol, onread) =>
      openSocket(protocol, onread, proxyProtocol && proxyHeader(proxyProtocol)),
    update(newWorkload, newWeight) {
      workload = newWorkload
      weight = newWeight
    },
    isRemoved: () => removed,
    remove() {
      removed = true
      pools.http1.remove()
      pools.http2.remove()
      ofClients?.remove()
    },
  }
  return host
}

/** What came as gRPC-Web goes on as gRPC, which there is in HTTP/2 alone. */
function speaksHttp2(exchange: Exchange): boolean {
  return exchange.protocol === 'HTTP/2' || exchange.bodyDecoder !== undefined
}

function zeroCounters(): HostCounters {
  return {
    connectionsTotal: 0,
    connectFailures: 0,
    requestsTotal: 0,
    requestsError: 0,
    connectionsActive: 0,
    requestsActive: 0,
    requestsWaiting: 0,
  }
}

function addressesOf(workload: Workload | undefined, ip: string): readonly string[] {
  if (workload === undefined || workload.addresses.length < 2) return [ip]
  return [ip, ...workload.addresses.filter((address) => address !== ip)]
}
