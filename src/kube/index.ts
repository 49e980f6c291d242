/**
 * kube: Kubernetes as a language. Objects and their kinds, structural schemas (pruning, defaults, validation,
 * CEL), patches, selectors, protobuf bodies, quantities, names and the tables that kubectl prints.
 * All of it is pure: values in, values out; no I/O, no clock, no randomness. (The API client lives in `client/`
 * and has its own door.) Objects come from users, so `__proto__` never reaches a prototype and depth is bounded.
 */
export * from './types/access.ts'
export * from './types/autoscaling.ts'
export * from './types/common.ts'
export * from './types/container.ts'
export * from './types/core.ts'
export * from './types/extension.ts'
export * from './types/pod.ts'
export * from './types/service.ts'
export * from './types/volume.ts'
export * from './types/workload.ts'
export * from './object.ts'
export { convertBuiltIn, storedFormOf } from './builtin/convert.ts'
export { builtInSchema, nameCheckOf } from './builtin/schema.ts'
export { goMetadataProblem, goTypeProblem } from './decode/go-types.ts'
export { typedOrder } from './decode/typed-order.ts'
export { withZeroForm } from './decode/zero-form.ts'
export {
  formatJsonPath,
  type JsonScan,
  type JsonPath as JsonValuePath,
  scanJson,
} from './decode/scan-json.ts'
export { type CronSchedule, parseSchedule } from './cron-schedule.ts'
export { compareVersions, resourceInfosOf } from './definition.ts'
export { isCidr, isIp, isIpv6, parseIpv6 } from './ip.ts'
export { type JsonPath, parseJsonPath } from './json-path.ts'
export { BUILT_IN_KINDS, pluralOf } from './kinds.ts'
export { type Manifest, type ManifestProblem, parseManifests, type Position } from './manifest.ts'
export * from './names.ts'
export { selectsNode, toleratesTaint } from './node-match.ts'
export { type OpenApi, type OpenApiDocument, openApiFor, type OpenApiResource } from './openapi/openapi.ts'
export { type OpenApiV2Document, openApiV2Of } from './openapi/v2.ts'
export { encodeOpenApiV2, OPENAPI_V2_PROTOBUF } from './openapi/v2-protobuf.ts'
export { toGoJson } from './json.ts'
export { goPrint } from './patch/go-print.ts'
export { applyJsonPatch, OPERATIONS_MAX } from './patch/json-patch.ts'
export { applyMergePatch } from './patch/merge-patch.ts'
export {
  applyStrategicMergePatch,
  type StrategicPatchProblem,
  withoutSpentDirectives,
} from './patch/strategic-merge-patch.ts'
export { decodeProtobufBody, PROTOBUF_CONTENT_TYPE } from './protobuf/decode.ts'
export * from './quantity.ts'
export {
  type FieldMatcher,
  type FieldRequirement,
  formatLabelSelector,
  type LabelMatcher,
  type LabelRequirement,
  type Labels,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from './selector.ts'
export type { PrinterColumn, ResourceInfo, Verb } from './kind-info.ts'
export type { SchemaType, StructuralSchema, ValidationRule } from './schema/structural.ts'
export type { CompiledSchema, PruneResult } from './schema/compiled.ts'
export { type CompileOptions, compileSchema } from './schema/compile.ts'
export {
  type AdmissionExpressions,
  type AdmissionScope,
  type AdmissionVariables,
  createAdmissionExpressions,
} from './schema/cel/admission.ts'
export {
  causeReason,
  type FieldError,
  type FieldErrorType,
  formatFieldError,
  formatFieldErrorBody,
  formatFieldErrors,
} from './schema/field-error.ts'
export { goQuote } from './schema/go-quote.ts'
export { ageOf } from './table/age.ts'
export type { Cell } from './table/cell.ts'
export { type PodSummary, summarizePod } from './table/pod.ts'
export { type Table, type TableColumn, tableFor, type TableOptions, type TableRow } from './table/table.ts'
