/** What a request carries of the trace that it is part of. Identifiers are hexadecimal in lower case. */
export interface TraceContext {
  /** 32 digits, not all zero. */
  readonly traceId: string
  /** 16 digits, not all zero: the caller's span. */
  readonly spanId: string
  /** undefined: whoever is asked next decides (B3 without a decision). */
  readonly isSampled: boolean | undefined
  /** Of W3C, passed on as it came. */
  readonly traceState: string
  readonly form: TraceForm
}

/** How it was written; what goes on is written in W3C's form, and in this one. */
export type TraceForm = 'w3c' | 'b3' | 'b3-multi'

type Header = (name: string) => string | undefined

/** The request fields of all forms; those that go on are written anew. */
export const TRACE_FIELDS = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
] as const

/** W3C's form goes before B3's, and its single header before its several. Malformed ones count as absent. */
export function readTraceContext(header: Header): TraceContext | undefined {
  return readW3c(header) ?? readB3(header) ?? readB3Multi(header)
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

/** @see W3C Trace Context, 3.2: a later version may have more behind the flags, version 00 may not */
function readW3c(header: Header): TraceContext | undefined {
  const text = header('traceparent')
  if (text === undefined) return undefined
  const match = TRACEPARENT.exec(text.trim())
  if (match === null) return undefined
  const [, version, traceId = '', spanId = '', flags = '', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined
  return {
    traceId,
    spanId,
    isSampled: (Number.parseInt(flags, 16) & 1) === 1,
    traceState: header('tracestate') ?? '',
    form: 'w3c',
  }
}

const B3 = /^([\da-f]{32}|[\da-f]{16})-([\da-f]{16})(?:-([01d]))?(?:-[\da-f]{16})?$/

/** `b3: {trace id}-{span id}-{decision}-{parent span id}` */
function readB3(header: Header): TraceContext | undefined {
  const match = B3.exec(header('b3')?.trim().toLowerCase() ?? '')
  if (match === null) return undefined
  const [, traceId = '', spanId = '', decision] = match
  return b3Context(traceId, spanId, decisionOf(decision), 'b3')
}

function readB3Multi(header: Header): TraceContext | undefined {
  const traceId = header('x-b3-traceid')?.toLowerCase() ?? ''
  const spanId = header('x-b3-spanid')?.toLowerCase() ?? ''
  if (!/^(?:[\da-f]{32}|[\da-f]{16})$/.test(traceId) || !/^[\da-f]{16}$/.test(spanId)) return undefined
  const decision = header('x-b3-flags') === '1' ? 'd' : header('x-b3-sampled')
  return b3Context(traceId, spanId, decisionOf(decision), 'b3-multi')
}

function b3Context(
  traceId: string,
  spanId: string,
  isSampled: boolean | undefined,
  form: TraceForm,
): TraceContext | undefined {
  const whole = traceId.padStart(32, '0')
  if (whole === NO_TRACE || spanId === NO_SPAN) return undefined
  return { traceId: whole, spanId, isSampled, traceState: '', form }
}

function decisionOf(text: string | undefined): boolean | undefined {
  switch (text) {
    case '1':
    case 'd':
    case 'true':
      return true
    case '0':
    case 'false':
      return false
    default:
      return undefined
  }
}

/** The request lines that tell the next hop, each ending in CR LF. */
export function traceLines(own: {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly isSampled: boolean
  readonly traceState: string
  readonly form: TraceForm
}): readonly string[] {
  const { traceId, spanId, parentId, isSampled, traceState, form } = own
  const lines = [`traceparent: 00-${traceId}-${spanId}-${isSampled ? '01' : '00'}\r\n`]
  if (traceState !== '') lines.push(`tracestate: ${traceState}\r\n`)
  const sampled = isSampled ? '1' : '0'
  if (form === 'b3') {
    lines.push(`b3: ${traceId}-${spanId}-${sampled}${parentId === '' ? '' : `-${parentId}`}\r\n`)
  } else if (form === 'b3-multi') {
    lines.push(`x-b3-traceid: ${traceId}\r\n`, `x-b3-spanid: ${spanId}\r\n`)
    if (parentId !== '') lines.push(`x-b3-parentspanid: ${parentId}\r\n`)
    lines.push(`x-b3-sampled: ${sampled}\r\n`)
  }
  return lines
}

/** Why a request is traced, as Envoy writes it into the request's id. */
export type TraceReason = 'none' | 'sampled' | 'service-forced' | 'client-forced'

const REASON_PLACE = 14
const REASONS: Readonly<Record<string, TraceReason>> = {
  '9': 'sampled',
  a: 'service-forced',
  b: 'client-forced',
}
const DIGITS: Readonly<Record<TraceReason, string>> = {
  none: '4',
  sampled: '9',
  'service-forced': 'a',
  'client-forced': 'b',
}
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** The decision in an `x-request-id` that is a UUID. @see Envoy, UuidRequestIdConfig.pack_trace_reason */
export function traceReasonOf(requestId: string): TraceReason {
  return UUID.test(requestId) ? (REASONS[requestId[REASON_PLACE] as string] ?? 'none') : 'none'
}

/** The id with the decision in the place of the UUID's version; one that is no UUID stays as it is. */
export function withTraceReason(requestId: string, reason: TraceReason): string {
  if (!UUID.test(requestId)) return requestId
  return requestId.slice(0, REASON_PLACE) + DIGITS[reason] + requestId.slice(REASON_PLACE + 1)
}
