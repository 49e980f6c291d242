/** telemetry/access-log: Envoy's format language in text and JSON, compiled once, and the writer of lines. */
export { DEFAULT_ACCESS_LOG_FORMAT, defaultLogFormat } from './defaults.ts'
export { type AccessLogFormat, compileAccessLogFormat, compileValue } from './format.ts'
export type { LogSurroundings, Reader } from './operator.ts'
export { lineValue } from './message-fields.ts'
export type { CertificateFacts, LogRecord, TlsFacts, TraceIds } from './record.ts'
export { type AccessLogWriter, createAccessLogWriter } from './writer.ts'
export { compileLogFilter, type LogFilter } from './filter.ts'
