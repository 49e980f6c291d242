/**
 * telemetry: what the mesh says about its traffic. A metrics registry with Prometheus text, Istio's standard metrics,
 * Envoy's response flags and access-log format language. Series and formats are resolved when configuration changes;
 * a request increments numbers and fills one line. Knows nothing of sockets.
 */
export {
  type AccessLogFormat,
  type AccessLogWriter,
  compileAccessLogFormat,
  createAccessLogWriter,
  DEFAULT_ACCESS_LOG_FORMAT,
  type LogRecord,
} from './access-log.ts'
export {
  createIstioMetrics,
  type DestinationService,
  type IstioMetrics,
  recordRequest,
  type Reporter,
  type RequestKey,
  type RequestSeries,
  type TcpSeries,
  type TrafficPeers,
} from './istio-metrics.ts'
export { mergeStatistics, type StatisticsPart } from './merge.ts'
export {
  createMetricsRegistry,
  type Family,
  type HistogramSeries,
  type LabelValues,
  type MetricsRegistry,
  observe,
  type ScalarSeries,
} from './registry.ts'
export { FLAG, type FlagName, flagsLongText, flagsText } from './response-flags.ts'
