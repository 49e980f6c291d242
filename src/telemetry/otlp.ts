import { onDemand } from '../base/index.ts'
import type { FinishedSpan, SpanAttribute } from './otlp-messages.ts'

export type { FinishedSpan, SpanAttribute } from './otlp-messages.ts'

/** Protobuf is for those alone who send spans. */
const messages = onDemand<typeof import('./otlp-messages.ts')>(import.meta, './otlp-messages')

/** OTLP's ExportTraceServiceRequest, as bytes. */
export function encodeSpans(
  spans: readonly FinishedSpan[],
  resource: readonly SpanAttribute[],
  scope: { readonly name: string; readonly version: string },
): Uint8Array {
  return messages().encodeSpans(spans, resource, scope)
}

/** What a collector says of an export that it took: how many spans it did not want, and why. */
export function decodeExportAnswer(bytes: Uint8Array): {
  readonly rejected: number
  readonly message: string
} {
  return messages().decodeExportAnswer(bytes)
}
