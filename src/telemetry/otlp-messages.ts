import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
  SpanKind,
  StatusCode,
} from '../proto/index.ts'

/** A span that is over. */
export interface FinishedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty: the trace begins here. */
  readonly parentId: string
  readonly traceState: string
  readonly name: string
  readonly kind: 'server' | 'client'
  /** Milliseconds since 1970, with fractions. */
  readonly startMs: number
  readonly endMs: number
  readonly attributes: readonly SpanAttribute[]
  readonly isError: boolean
}

export type SpanAttribute = readonly [name: string, value: string]

type RequestInit = MessageInitShape<typeof ExportTraceServiceRequestSchema>
type SpanInit = NonNullable<
  NonNullable<NonNullable<RequestInit['resourceSpans']>[number]['scopeSpans']>[number]['spans']
>[number]

/** OTLP's ExportTraceServiceRequest, as bytes. */
export function encodeSpans(
  spans: readonly FinishedSpan[],
  resource: readonly SpanAttribute[],
  scope: { readonly name: string; readonly version: string },
): Uint8Array {
  const request = create(ExportTraceServiceRequestSchema, {
    resourceSpans: [
      {
        resource: { attributes: resource.map(keyValue) },
        scopeSpans: [{ scope, spans: spans.map(spanInit) }],
      },
    ],
  })
  return toBinary(ExportTraceServiceRequestSchema, request)
}

/** What a collector says of an export that it took: how many spans it did not want, and why. */
export function decodeExportAnswer(bytes: Uint8Array): {
  readonly rejected: number
  readonly message: string
} {
  const { partialSuccess } = fromBinary(ExportTraceServiceResponseSchema, bytes)
  return {
    rejected: Number(partialSuccess?.rejectedSpans ?? 0n),
    message: partialSuccess?.errorMessage ?? '',
  }
}

const SAMPLED = 1

function spanInit(span: FinishedSpan): SpanInit {
  return {
    traceId: Buffer.from(span.traceId, 'hex'),
    spanId: Buffer.from(span.spanId, 'hex'),
    parentSpanId: Buffer.from(span.parentId, 'hex'),
    traceState: span.traceState,
    name: span.name,
    kind: span.kind === 'server' ? SpanKind.SERVER : SpanKind.CLIENT,
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.endMs),
    attributes: span.attributes.map(keyValue),
    status: { code: span.isError ? StatusCode.ERROR : StatusCode.UNSET },
    flags: SAMPLED,
  }
}

/** Whole microseconds: a double has no more of a time since 1970. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n
}

function keyValue([key, value]: SpanAttribute) {
  return { key, value: { value: { case: 'stringValue' as const, value } } }
}
