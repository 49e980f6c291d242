/**
 * insight: what can be said about configuration without running it. `analyze` finds mistakes in a set of Kubernetes
 * objects and reports them with Istio's codes and istioctl's words and exit codes. Pure: objects in, messages out.
 */
export { analyze, type AnalyzeOptions, ANALYZERS, friendlyName } from './analyze/analyze.ts'
export type { Analyzer } from './analyze/context.ts'
export {
  type FormatOptions,
  formatMessages,
  isAtLeast,
  type OutputFormat,
  type Report,
  reportMessages,
  type ReportOptions,
} from './analyze/format.ts'
export { type Code, type Level, LEVELS, type Message } from './analyze/messages.ts'
