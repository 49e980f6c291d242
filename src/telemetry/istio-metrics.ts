import type { Workload } from '../model/index.ts'
import {
  type HistogramSeries,
  type LabelValues,
  type MetricsRegistry,
  observe,
  type ScalarSeries,
} from './registry.ts'
import { flagsText } from './response-flags.ts'

/** Bucket bounds of Istio's proxies (Envoy's default histogram buckets), milliseconds or bytes. */
const BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
]

export type Reporter = 'source' | 'destination'

/** Whom a request was between. Absent workloads are `unknown`, as for clients outside the mesh. */
export interface TrafficPeers {
  readonly reporter: Reporter
  readonly source: Workload | undefined
  readonly destination: Workload | undefined
  readonly service: DestinationService | undefined
}

export interface DestinationService {
  readonly hostname: string
  readonly name: string
  readonly namespace: string
}

export interface RequestSeries {
  readonly total: ScalarSeries
  readonly duration: HistogramSeries
  readonly requestBytes: HistogramSeries
  readonly responseBytes: HistogramSeries
}

export interface TcpSeries {
  readonly opened: ScalarSeries
  readonly closed: ScalarSeries
  readonly sent: ScalarSeries
  readonly received: ScalarSeries
}

/** Istio's standard metrics. Series are looked up by objects and numbers; labels are made only for a new combination. */
export interface IstioMetrics {
  readonly request: (peers: TrafficPeers, key: RequestKey) => RequestSeries
  /** @param protocol of sessions of datagrams: they are counted like connections */
  readonly tcp: (peers: TrafficPeers, flags: number, protocol?: 'tcp' | 'udp') => TcpSeries
}

export interface RequestKey {
  readonly status: number
  readonly flags: number
  readonly protocol: 'http' | 'grpc'
  readonly grpcStatus: string
}

export function createIstioMetrics(registry: MetricsRegistry): IstioMetrics {
  const total = registry.counter('istio_requests_total', 'Requests, by source, destination and response.')
  const duration = registry.histogram(
    'istio_request_duration_milliseconds',
    'Time from the first byte of a request to the last byte of its response.',
    BOUNDS,
  )
  const requestBytes = registry.histogram(
    'istio_request_bytes',
    'Size of requests with their fields.',
    BOUNDS,
  )
  const responseBytes = registry.histogram(
    'istio_response_bytes',
    'Size of responses with their fields.',
    BOUNDS,
  )
  const opened = registry.counter('istio_tcp_connections_opened_total', 'TCP connections opened.')
  const closed = registry.counter('istio_tcp_connections_closed_total', 'TCP connections closed.')
  const sent = registry.counter('istio_tcp_sent_bytes_total', 'Bytes sent to clients of TCP connections.')
  const received = registry.counter(
    'istio_tcp_received_bytes_total',
    'Bytes received from clients of TCP connections.',
  )
  return {
    request(peers, key) {
      const labels: LabelValues = [
        ...peerLabels(peers),
        ['request_protocol', key.protocol],
        ['response_code', String(key.status)],
        ['grpc_response_status', key.grpcStatus],
        ['response_flags', flagsText(key.flags)],
        ['connection_security_policy', securityPolicy(peers.reporter)],
      ]
      return {
        total: total.series(labels),
        duration: duration.series(labels),
        requestBytes: requestBytes.series(labels),
        responseBytes: responseBytes.series(labels),
      }
    },
    tcp(peers, flags, protocol = 'tcp') {
      const labels: LabelValues = [
        ...peerLabels(peers),
        ['request_protocol', protocol],
        ['response_flags', flagsText(flags)],
        ['connection_security_policy', securityPolicy(peers.reporter)],
      ]
      return {
        opened: opened.series(labels),
        closed: closed.series(labels),
        sent: sent.series(labels),
        received: received.series(labels),
      }
    },
  }
}

export function recordRequest(
  series: RequestSeries,
  request: { readonly durationMs: number; readonly requestBytes: number; readonly responseBytes: number },
): void {
  series.total.value++
  observe(series.duration, request.durationMs)
  observe(series.requestBytes, request.requestBytes)
  observe(series.responseBytes, request.responseBytes)
}

/** A client cannot know whether its peer's proxy saw mutual TLS; Istio says so with `unknown`. */
function securityPolicy(reporter: Reporter): string {
  return reporter === 'source' ? 'unknown' : 'none'
}

function peerLabels(peers: TrafficPeers): LabelValues {
  const { reporter, source, destination, service } = peers
  return [
    ['reporter', reporter],
    ['source_workload', source?.owner.name ?? UNKNOWN],
    ['source_canonical_service', source?.canonicalName ?? UNKNOWN],
    ['source_canonical_revision', source?.canonicalRevision ?? 'latest'],
    ['source_workload_namespace', source?.namespace ?? UNKNOWN],
    ['source_principal', UNKNOWN],
    ['source_app', source?.labels['app'] ?? UNKNOWN],
    ['source_version', source?.labels['version'] ?? UNKNOWN],
    ['source_cluster', source?.cluster ?? UNKNOWN],
    ['destination_workload', destination?.owner.name ?? UNKNOWN],
    ['destination_workload_namespace', destination?.namespace ?? UNKNOWN],
    ['destination_principal', UNKNOWN],
    ['destination_app', destination?.labels['app'] ?? UNKNOWN],
    ['destination_version', destination?.labels['version'] ?? UNKNOWN],
    ['destination_service', service?.hostname ?? UNKNOWN],
    ['destination_canonical_service', destination?.canonicalName ?? UNKNOWN],
    ['destination_canonical_revision', destination?.canonicalRevision ?? 'latest'],
    ['destination_service_name', service?.name ?? UNKNOWN],
    ['destination_service_namespace', service?.namespace ?? UNKNOWN],
    ['destination_cluster', destination?.cluster ?? UNKNOWN],
  ]
}

const UNKNOWN = 'unknown'
