import type { MetricRule, Workload } from '../model/index.ts'
import {
  createHistogramSeries,
  type HistogramSeries,
  type LabelValues,
  type MetricsRegistry,
  observe,
  type ScalarSeries,
} from './registry.ts'
import { flagsText } from './response-flags.ts'

/** Istio's names of the metrics in Telemetry resources, and Prometheus' of them. */
export const ISTIO_METRICS = {
  REQUEST_COUNT: 'istio_requests_total',
  REQUEST_DURATION: 'istio_request_duration_milliseconds',
  REQUEST_SIZE: 'istio_request_bytes',
  RESPONSE_SIZE: 'istio_response_bytes',
  GRPC_REQUEST_MESSAGES: 'istio_request_messages_total',
  GRPC_RESPONSE_MESSAGES: 'istio_response_messages_total',
  TCP_OPENED_CONNECTIONS: 'istio_tcp_connections_opened_total',
  TCP_CLOSED_CONNECTIONS: 'istio_tcp_connections_closed_total',
  TCP_SENT_BYTES: 'istio_tcp_sent_bytes_total',
  TCP_RECEIVED_BYTES: 'istio_tcp_received_bytes_total',
} as const

type IstioMetric = keyof typeof ISTIO_METRICS

/** Bucket bounds of Istio's proxies (Envoy's default histogram buckets), milliseconds or bytes. */
const BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
]

const UNKNOWN = 'unknown'

export type Reporter = 'source' | 'destination'

/** Whom a request was between. Absent workloads are `unknown`, as for clients outside the mesh. */
export interface TrafficPeers {
  readonly reporter: Reporter
  readonly source: Workload | undefined
  readonly destination: Workload | undefined
  readonly service: DestinationService | undefined
  /** Who both have proven to be, where the connection was one of mutual TLS. */
  readonly principals?: { readonly source: string; readonly destination: string } | undefined
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
  /** Of gRPC only. */
  readonly requestMessages: ScalarSeries
  readonly responseMessages: ScalarSeries
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
  /** Takes effect for series that are looked up from now on. */
  readonly setRules: (rules: MetricRules) => void
}

/** Changes to the metrics, in the order in which they are made. */
export interface MetricRules {
  readonly client: readonly MetricRule[]
  readonly server: readonly MetricRule[]
}

export interface RequestKey {
  readonly status: number
  readonly flags: number
  readonly protocol: 'http' | 'grpc'
  readonly grpcStatus: string
}

export function createIstioMetrics(registry: MetricsRegistry): IstioMetrics {
  const counters = {
    REQUEST_COUNT: counter('REQUEST_COUNT', 'Requests, by source, destination and response.'),
    GRPC_REQUEST_MESSAGES: counter('GRPC_REQUEST_MESSAGES', 'Messages of gRPC that clients sent.'),
    GRPC_RESPONSE_MESSAGES: counter('GRPC_RESPONSE_MESSAGES', 'Messages of gRPC that servers sent.'),
    TCP_OPENED_CONNECTIONS: counter('TCP_OPENED_CONNECTIONS', 'TCP connections opened.'),
    TCP_CLOSED_CONNECTIONS: counter('TCP_CLOSED_CONNECTIONS', 'TCP connections closed.'),
    TCP_SENT_BYTES: counter('TCP_SENT_BYTES', 'Bytes sent to clients of TCP connections.'),
    TCP_RECEIVED_BYTES: counter('TCP_RECEIVED_BYTES', 'Bytes received from clients of TCP connections.'),
  }
  const histograms = {
    REQUEST_DURATION: histogram(
      'REQUEST_DURATION',
      'Time from the first byte of a request to the last byte of its response.',
    ),
    REQUEST_SIZE: histogram('REQUEST_SIZE', 'Size of requests with their fields.'),
    RESPONSE_SIZE: histogram('RESPONSE_SIZE', 'Size of responses with their fields.'),
  }
  let edits = editsOf({ client: [], server: [] })

  function counter(metric: IstioMetric, help: string) {
    return registry.counter(ISTIO_METRICS[metric], help)
  }

  function histogram(metric: IstioMetric, help: string) {
    return registry.histogram(ISTIO_METRICS[metric], help, BOUNDS)
  }

  /** The series of the metric as the rules leave it; one that is switched off is counted where nobody looks. */
  function pick(reporter: Reporter, labels: LabelValues) {
    const edit = edits[reporter]
    return {
      scalar: (metric: keyof typeof counters): ScalarSeries => {
        const own = edit(metric, labels)
        return own === undefined ? { value: 0 } : counters[metric].series(own)
      },
      histogram: (metric: keyof typeof histograms): HistogramSeries => {
        const own = edit(metric, labels)
        return own === undefined ? createHistogramSeries(BOUNDS) : histograms[metric].series(own)
      },
    }
  }

  return {
    setRules(rules) {
      edits = editsOf(rules)
    },
    request(peers, key) {
      const series = pick(peers.reporter, [
        ...peerLabels(peers),
        ['request_protocol', key.protocol],
        ['response_code', String(key.status)],
        ['grpc_response_status', key.grpcStatus],
        ['response_flags', flagsText(key.flags)],
        ['connection_security_policy', securityPolicy(peers)],
      ])
      const isGrpc = key.protocol === 'grpc'
      return {
        total: series.scalar('REQUEST_COUNT'),
        duration: series.histogram('REQUEST_DURATION'),
        requestBytes: series.histogram('REQUEST_SIZE'),
        responseBytes: series.histogram('RESPONSE_SIZE'),
        requestMessages: isGrpc ? series.scalar('GRPC_REQUEST_MESSAGES') : { value: 0 },
        responseMessages: isGrpc ? series.scalar('GRPC_RESPONSE_MESSAGES') : { value: 0 },
      }
    },
    tcp(peers, flags, protocol = 'tcp') {
      const series = pick(peers.reporter, [
        ...peerLabels(peers),
        ['request_protocol', protocol],
        ['response_flags', flagsText(flags)],
        ['connection_security_policy', securityPolicy(peers)],
      ])
      return {
        opened: series.scalar('TCP_OPENED_CONNECTIONS'),
        closed: series.scalar('TCP_CLOSED_CONNECTIONS'),
        sent: series.scalar('TCP_SENT_BYTES'),
        received: series.scalar('TCP_RECEIVED_BYTES'),
      }
    },
  }
}

/** @returns the labels of a metric as the rules leave them; undefined: it is switched off */
type Edit = (metric: IstioMetric, labels: LabelValues) => LabelValues | undefined

function editsOf(rules: MetricRules): Readonly<Record<Reporter, Edit>> {
  return { source: editOf(rules.client), destination: editOf(rules.server) }
}

function editOf(rules: readonly MetricRule[]): Edit {
  return (metric, labels) => {
    let isOff = false
    let own = labels
    for (const rule of rules) {
      if (rule.metric !== 'ALL_METRICS' && rule.metric !== metric) continue
      isOff = rule.isOff ?? isOff
      for (const { name, value } of rule.tags ?? []) own = changed(own, name, value)
    }
    return isOff ? undefined : own
  }
}

function changed(labels: LabelValues, name: string, value: string | undefined): LabelValues {
  if (value === undefined) return labels.filter(([label]) => label !== name)
  if (!labels.some(([label]) => label === name)) return [...labels, [name, value]]
  return labels.map((label) => (label[0] === name ? [name, value] : label))
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
function securityPolicy({ reporter, principals }: TrafficPeers): string {
  if (reporter === 'source') return UNKNOWN
  return principals === undefined ? 'none' : 'mutual_tls'
}

function peerLabels(peers: TrafficPeers): LabelValues {
  const { reporter, source, destination, service } = peers
  return [
    ['reporter', reporter],
    ['source_workload', source?.owner.name ?? UNKNOWN],
    ['source_canonical_service', source?.canonicalName ?? UNKNOWN],
    ['source_canonical_revision', source?.canonicalRevision ?? 'latest'],
    ['source_workload_namespace', source?.namespace ?? UNKNOWN],
    ['source_principal', peers.principals?.source ?? UNKNOWN],
    ['source_app', source?.labels['app'] ?? UNKNOWN],
    ['source_version', source?.labels['version'] ?? UNKNOWN],
    ['source_cluster', source?.cluster ?? UNKNOWN],
    ['destination_workload', destination?.owner.name ?? UNKNOWN],
    ['destination_workload_namespace', destination?.namespace ?? UNKNOWN],
    ['destination_principal', peers.principals?.destination ?? UNKNOWN],
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

/** Every label that a metric may have. */
export const METRIC_LABELS: readonly string[] = [
  ...peerLabels({ reporter: 'source', source: undefined, destination: undefined, service: undefined }).map(
    ([name]) => name,
  ),
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
]
