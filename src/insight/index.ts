/**
 * insight: what can be said about configuration without running it. `analyze` finds mistakes in a set of Kubernetes
 * objects and reports them with Istio's codes and istioctl's words and exit codes; `explainRequest` says which rule takes a
 * request and what kept the others from it, by the tables that serve requests; `describePod` and `describeService` gather
 * what holds for a workload, in istioctl's words. Pure: objects in, messages out.
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
export {
  BadRequestError,
  type ExplainedDestination,
  explainRequest,
  type Outcome,
  type RequestExplanation,
  type WonderedRequest,
} from './explain/explain.ts'
export { formatExplanations } from './explain/format.ts'
export {
  type Described,
  describePod,
  type DescribeOptions,
  describeService,
  NotFoundError,
} from './describe/describe.ts'
