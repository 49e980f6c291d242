/**
 * telemetry: what the mesh says about its traffic. A metrics registry with Prometheus text, Istio's standard metrics,
 * Envoy's response flags and access-log format language. Series and formats are resolved when configuration changes;
 * a request increments numbers and fills one line. Knows nothing of sockets.
 */
export {
  type AccessLogFormat,
  type AccessLogWriter,
  type CertificateFacts,
  compileAccessLogFormat,
  compileLogFilter,
  compileValue,
  createAccessLogWriter,
  DEFAULT_ACCESS_LOG_FORMAT,
  defaultLogFormat,
  lineValue,
  type LogFilter,
  type LogRecord,
  type LogSurroundings,
  type Reader,
  type TlsFacts,
  type TraceIds,
} from './access-log/index.ts'
export {
  createIstioMetrics,
  type DestinationService,
  ISTIO_METRICS,
  type IstioMetrics,
  METRIC_LABELS,
  type MetricRules,
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
export {
  type AccessLogSettings,
  effectiveTelemetry,
  type EffectiveTelemetry,
  type TracingSettings,
  type TrafficTelemetry,
} from './effective.ts'
export { decodeExportAnswer, encodeSpans, type FinishedSpan, type SpanAttribute } from './otlp.ts'
export {
  readTraceContext,
  TRACE_FIELDS,
  type TraceContext,
  traceLines,
  type TraceForm,
  type TraceReason,
  traceReasonOf,
  withTraceReason,
} from './trace-context.ts'
export { renderStats, type StatsFormat, type StatsQuery } from './stats-page.ts'
