import type { Workload } from '../../model/index.ts'
import type { PeerIdentityFacts } from '../../policy/index.ts'
import {
  type DestinationService,
  type IstioMetrics,
  type LogRecord,
  recordRequest,
  type RequestSeries,
  type TrafficPeers,
} from '../../telemetry/index.ts'
import type { Exchange } from '../exchange/types.ts'
import type { Host } from '../upstream/host.ts'

/** Who a request was between, as one kind of listener finds it. */
export interface PeerFinder {
  /** What the peers depend on besides the target: the workload at the other end, or whom it has proven to be. */
  readonly peer: (exchange: Exchange) => Peer | undefined
  readonly isMutual: (exchange: Exchange) => boolean
  readonly peers: (exchange: Exchange, peer: Peer | undefined) => TrafficPeers
}

/** The second: a client of the mesh whose address is not, or no longer, that of a workload with its identity. */
type Peer = Workload | PeerIdentityFacts

/** Counts and logs each exchange. */
export interface Recorder {
  readonly record: (exchange: Exchange) => void
  /** Who somebody is may have changed: series are looked up anew. */
  readonly forget: () => void
}

/** Labels are made for a new combination only; after that it is three lookups. */
export function createRecorder(options: {
  readonly metrics: IstioMetrics
  readonly finder: PeerFinder
  readonly side: { readonly log: (record: LogRecord) => void }
}): Recorder {
  const { side } = options
  const byTarget = new Map<string, WeakMap<object, Map<number, RequestSeries>>>()

  function seriesOf(exchange: Exchange): RequestSeries {
    const peer = options.finder.peer(exchange)
    let byPeer = byTarget.get(exchange.clusterName)
    if (byPeer === undefined) {
      // Names come from configuration and addresses; the bound is for a proxy that lives through many of them.
      if (byTarget.size >= TARGETS_MAX) byTarget.clear()
      byTarget.set(exchange.clusterName, (byPeer = new WeakMap()))
    }
    let byCode = byPeer.get(peer ?? NO_PEER)
    if (byCode === undefined) byPeer.set(peer ?? NO_PEER, (byCode = new Map()))
    const code = options.finder.isMutual(exchange) ? -1 - codeOf(exchange) : codeOf(exchange)
    let series = byCode.get(code)
    if (series === undefined) {
      const key = {
        status: exchange.status,
        flags: exchange.flags,
        protocol: exchange.messages === undefined ? 'http' : 'grpc',
        grpcStatus: exchange.grpcStatus,
      } as const
      byCode.set(code, (series = options.metrics.request(options.finder.peers(exchange, peer), key)))
    }
    return series
  }

  return {
    record(exchange) {
      const series = seriesOf(exchange)
      recordRequest(series, {
        durationMs: exchange.durationMs,
        requestBytes: exchange.head.length + exchange.bytesReceived,
        responseBytes: exchange.responseHeadBytes + exchange.bytesSent,
      })
      const { messages } = exchange
      if (messages !== undefined) {
        series.requestMessages.value += messages.request.count
        series.responseMessages.value += messages.response.count
      }
      side.log(exchange)
    },
    forget: () => byTarget.clear(),
  }
}

/** Status, flags and how a call of gRPC ended, as one number. */
function codeOf(exchange: Exchange): number {
  const code = exchange.flags * 1024 + exchange.status
  if (exchange.messages === undefined) return code * GRPC_STATES
  return code * GRPC_STATES + (exchange.grpcStatus === '' ? 1 : 2 + Number(exchange.grpcStatus))
}

/** No gRPC, gRPC without a status, and its 17 statuses. */
const GRPC_STATES = 19

const NO_PEER = {}
const TARGETS_MAX = 10_000

/** For gateways and outbound listeners: from the proxy's own workload to the host that was chosen. */
export function sourceFinder(options: {
  readonly own: () => Workload | undefined
  readonly service: (clusterName: string) => DestinationService | undefined
}): PeerFinder {
  return {
    peer: (exchange) => (exchange.host as Host | undefined)?.workload(),
    isMutual: (exchange) => (exchange.host as Host | undefined)?.isMutual === true,
    peers: (exchange, peer) => ({
      reporter: 'source',
      source: options.own(),
      destination: workloadOf(peer),
      ...((exchange.host as Host | undefined)?.isMutual === true && {
        principals: { source: options.own()?.identity ?? UNKNOWN, destination: identityOf(peer) },
      }),
      service: options.service(exchange.clusterName),
    }),
  }
}

/** For inbound listeners: from whoever has the client's address to the proxy's own workload. */
export function destinationFinder(options: {
  readonly own: () => Workload | undefined
  readonly workloadAt: (address: string) => Workload | undefined
  readonly service: (exchange: Exchange) => DestinationService | undefined
}): PeerFinder {
  return {
    peer(exchange) {
      const workload = options.workloadAt(exchange.stream.remoteAddress)
      const { peer } = exchange.context
      return peer === undefined || workload?.identity === peer.principal ? workload : peer
    },
    isMutual: (exchange) => exchange.context.peer !== undefined,
    peers: (exchange, peer) => ({
      reporter: 'destination',
      source: workloadOf(peer),
      ...(exchange.context.peer !== undefined && {
        principals: {
          source: exchange.context.peer.principal,
          destination: options.own()?.identity ?? UNKNOWN,
        },
      }),
      destination: options.own(),
      service: options.service(exchange),
    }),
  }
}

const UNKNOWN = 'unknown'

function workloadOf(peer: Peer | undefined): Workload | undefined {
  return peer !== undefined && 'key' in peer ? peer : undefined
}

function identityOf(peer: Peer | undefined): string {
  return workloadOf(peer)?.identity ?? UNKNOWN
}
