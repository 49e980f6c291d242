import { BODY, type Framing } from '../http1/framing.ts'
import {
  dropAt,
  dropKnown,
  FIELD_STRIDE,
  hasField,
  type HeadBlock,
  knownValue,
  MARK_FIELD,
  MARKS,
  NAME_END,
  NAME_START,
  valueAt,
  equalsText,
} from '../http1/head-block.ts'
import { FIELD, type KnownField } from '../http1/known-fields.ts'
import { GRPC_TIMEOUT, readTerms, TERM_FIELDS } from './terms.ts'
import type { Exchange } from './types.ts'

/** Fields that end at each hop (RFC 9110 7.6.1), and those that only a proxy of the mesh may set. */
const DROPPED_FROM_REQUEST = fieldMask([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-decorator-operation',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
])
/** Counted anew by the proxy that makes the attempts; the application's own proxy passes the client's count on. */
const DROPPED_WHERE_COUNTED = DROPPED_FROM_REQUEST | fieldMask(['x-envoy-attempt-count'])
const DROPPED_FROM_RESPONSE = fieldMask([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'server',
  'x-envoy-upstream-service-time',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-decorator-operation',
])

function fieldMask(names: readonly KnownField[]): number {
  let mask = 0
  for (const name of names) mask |= 1 << FIELD[name]
  return mask
}

/** Drops every known field whose bit is set; one pass over the marks. @returns the bits of all known fields */
function dropMasked(block: HeadBlock, mask: number): number {
  const { fields, count } = block
  let seen = 0
  for (let index = 0, at = MARKS; index < count; index++, at += FIELD_STRIDE) {
    const field = (fields[at] as number) & MARK_FIELD
    if (field === 0) continue
    seen |= 1 << field
    if ((mask & (1 << field)) !== 0) dropAt(block, index)
  }
  return seen
}

/** What Envoy's connection manager does to request fields before routing, with Istio's settings for each role. */
export function prepareRequest(exchange: Exchange): void {
  const { head, context } = exchange
  const seen = dropMasked(head, context.role === 'inbound' ? DROPPED_FROM_REQUEST : DROPPED_WHERE_COUNTED)
  if ((seen & (TERM_FIELDS | GRPC_TIMEOUT)) !== 0) exchange.terms = readTerms(exchange, seen)
  if (context.role === 'gateway') sanitizeAtEdge(exchange)
  else if (!hasField(head, FIELD['x-forwarded-proto'])) head.added.push(FORWARDED_PROTO[context.scheme])
  exchange.requestId = knownValue(head, FIELD['x-request-id']) ?? ''
  if (exchange.requestId === '') {
    dropKnown(head, FIELD['x-request-id'])
    exchange.requestId = context.thread.requestId()
    head.added.push(`x-request-id: ${exchange.requestId}\r\n`)
  }
}

const FORWARDED_PROTO = {
  http: 'x-forwarded-proto: http\r\n',
  https: 'x-forwarded-proto: https\r\n',
} as const

/** At the edge nobody is believed what only proxies may say. */
function sanitizeAtEdge(exchange: Exchange): void {
  const { head, context, stream } = exchange
  const before = knownValue(head, FIELD['x-forwarded-for'])
  if (before === undefined) {
    head.added.push(`x-forwarded-for: ${stream.remoteAddress}\r\n`)
  } else {
    head.added.push(`x-forwarded-for: ${allForwardedFor(head)},${stream.remoteAddress}\r\n`)
    dropKnown(head, FIELD['x-forwarded-for'])
  }
  dropKnown(head, FIELD['x-forwarded-proto'])
  head.added.push(FORWARDED_PROTO[context.scheme])
  dropKnown(head, FIELD['x-forwarded-client-cert'])
  if (context.clientCertificate !== undefined)
    head.added.push(`x-forwarded-client-cert: ${context.clientCertificate}\r\n`)
  const { fields, bytes, base, count } = head
  for (let index = 0, at = 0; index < count; index++, at += FIELD_STRIDE) {
    const start = fields[at + NAME_START] as number
    if ((fields[at + NAME_END] as number) - start > 8 && equalsText(bytes, base + start, 'x-envoy-'))
      dropAt(head, index)
  }
}

function allForwardedFor(head: HeadBlock): string {
  const values: string[] = []
  for (let index = 0; index < head.count; index++) {
    const field = (head.fields[index * FIELD_STRIDE + MARKS] as number) & MARK_FIELD
    if (field === FIELD['x-forwarded-for']) values.push(valueAt(head, index))
  }
  return values.join(',')
}

/** The same for a response. @returns further lines */
export function prepareResponse(exchange: Exchange, block: HeadBlock, framing: Framing): string {
  dropMasked(block, DROPPED_FROM_RESPONSE)
  // A length that does not frame this message must not stand beside the framing that does.
  if (framing.kind === BODY.chunked || framing.kind === BODY.untilClose)
    dropKnown(block, FIELD['content-length'])
  const { context, upstreamServiceTime, responseLines } = exchange
  if (responseLines === '' && upstreamServiceTime < COMMON_MS && hasField(block, FIELD.date))
    return commonLines(upstreamServiceTime, context.serverLine)
  const date = hasField(block, FIELD.date) ? '' : `date: ${context.thread.httpDate()}\r\n`
  return `${date}${serviceTimeLine(upstreamServiceTime)}${responseLines}${context.serverLine}`
}

function serviceTimeLine(ms: number): string {
  return `x-envoy-upstream-service-time: ${ms}\r\n`
}

/** Most responses have no other lines than these, and a time below this. */
const COMMON_MS = 1000
/** By the line of the server, which depends on the role alone; then by the time. */
const COMMON_LINES = new Map<string, (string | undefined)[]>()

/** The lines in one piece: what is put together anew is written more slowly. */
function commonLines(ms: number, serverLine: string): string {
  let byTime = COMMON_LINES.get(serverLine)
  if (byTime === undefined) COMMON_LINES.set(serverLine, (byTime = []))
  return (byTime[ms] ??= Buffer.from(serviceTimeLine(ms) + serverLine, 'latin1').toString('latin1'))
}
