import { isIP } from 'node:net'
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
import { FIELD } from '../http1/known-fields.ts'
import { GRPC_TIMEOUT, readTerms, TERM_FIELDS } from './terms.ts'
import type { EdgeLines, Exchange, ProxyThread } from './types.ts'

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
  const { rules } = context
  const seen = dropMasked(head, rules.droppedFromRequest)
  if ((seen & (TERM_FIELDS | GRPC_TIMEOUT)) !== 0) exchange.terms = readTerms(exchange, seen)
  const isEdge = context.role === 'gateway'
  if (isEdge) sanitizeAtEdge(exchange)
  else if (!hasField(head, FIELD['x-forwarded-proto'])) head.added.push(FORWARDED_PROTO[context.scheme])
  if (context.clientCertificate !== undefined || hasField(head, FIELD['x-forwarded-client-cert']))
    forwardCertificate(exchange)
  if (rules.forwardedPort) head.added.push(`x-forwarded-port: ${context.port}\r\n`)
  nameRequest(exchange, isEdge)
}

/** An id from outside might be that of another request: at the edge each gets its own (Envoy, preserve_external_request_id). */
function nameRequest(exchange: Exchange, isEdge: boolean): void {
  const { head, context } = exchange
  if (!context.rules.requestId || !isEdge) {
    exchange.requestId = knownValue(head, FIELD['x-request-id']) ?? ''
    if (exchange.requestId !== '' || !context.rules.requestId) return
  }
  dropKnown(head, FIELD['x-request-id'])
  exchange.requestId = context.thread.requestId()
  head.added.push(`x-request-id: ${exchange.requestId}\r\n`)
}

const FORWARDED_PROTO = {
  http: 'x-forwarded-proto: http\r\n',
  https: 'x-forwarded-proto: https\r\n',
} as const

/** At the edge nobody is believed what only proxies may say. */
function sanitizeAtEdge(exchange: Exchange): void {
  const { head, context } = exchange
  const { trustedProxies } = context.rules
  const client = forwardClient(exchange, trustedProxies)
  if (trustedProxies === 0 || !hasField(head, FIELD['x-forwarded-proto'])) {
    dropKnown(head, FIELD['x-forwarded-proto'])
    head.added.push(FORWARDED_PROTO[context.scheme])
  }
  const { fields, bytes, base, count } = head
  for (let index = 0, at = 0; index < count; index++, at += FIELD_STRIDE) {
    const start = fields[at + NAME_START] as number
    if ((fields[at + NAME_END] as number) - start > 8 && equalsText(bytes, base + start, 'x-envoy-'))
      dropAt(head, index)
  }
  head.added.push(client)
}

/**
 * Adds the client to `x-forwarded-for`. @returns the line that names the client for the mesh: the address that the
 * outermost of the proxies that are believed has seen
 */
function forwardClient(exchange: Exchange, trustedProxies: number): string {
  const { head, context, stream } = exchange
  const lines = linesOf(context.thread, stream.remoteAddress)
  if (!hasField(head, FIELD['x-forwarded-for'])) {
    head.added.push(lines.forwardedFor)
    return lines.external
  }
  const before = allForwardedFor(head)
  head.added.push(`x-forwarded-for: ${before},${stream.remoteAddress}\r\n`)
  dropKnown(head, FIELD['x-forwarded-for'])
  if (trustedProxies === 0) return lines.external
  const client = before.split(',').at(-trustedProxies)?.trim() ?? ''
  if (isIP(client) === 0) return lines.external
  exchange.trustedAddress = client
  return `x-envoy-external-address: ${client}\r\n`
}

/** Clients send many requests: their lines are made once in a row. */
function linesOf(thread: ProxyThread, address: string): EdgeLines {
  const { edgeLines } = thread
  if (edgeLines.address !== address) {
    edgeLines.address = address
    edgeLines.forwardedFor = `x-forwarded-for: ${address}\r\n`
    edgeLines.external = `x-envoy-external-address: ${address}\r\n`
  }
  return edgeLines
}

function forwardCertificate({ head, context }: Exchange): void {
  const { clientCertificate: own, rules } = context
  const mode = rules.clientCertificate
  // Without a certificate there is nothing that anybody could have shown, except to a proxy that is believed.
  if (mode === 'sanitize' || (own === undefined && mode !== 'always-forward-only')) return
  const before = mode === 'sanitize-set' ? undefined : valuesOf(head, FIELD['x-forwarded-client-cert'])
  const added = mode === 'append-forward' || mode === 'sanitize-set' ? own : undefined
  const value = before !== undefined && added !== undefined ? `${before},${added}` : (before ?? added)
  if (value !== undefined) head.added.push(`x-forwarded-client-cert: ${value}\r\n`)
}

function allForwardedFor(head: HeadBlock): string {
  return valuesOf(head, FIELD['x-forwarded-for']) ?? ''
}

/** All lines of a known field as one. */
function valuesOf(head: HeadBlock, known: number): string | undefined {
  if (!hasField(head, known)) return undefined
  const values: string[] = []
  for (let index = 0; index < head.count; index++) {
    const field = (head.fields[index * FIELD_STRIDE + MARKS] as number) & MARK_FIELD
    if (field === known) values.push(valueAt(head, index))
  }
  return values.join(',')
}

/** The same for a response. @returns further lines */
export function prepareResponse(exchange: Exchange, block: HeadBlock, framing: Framing): string {
  const { context, upstreamServiceTime, responseLines } = exchange
  dropMasked(block, context.rules.droppedFromResponse)
  // A length that does not frame this message must not stand beside the framing that does.
  if (framing.kind === BODY.chunked || framing.kind === BODY.untilClose)
    dropKnown(block, FIELD['content-length'])
  if (!context.rules.debugFields) return `${dateLine(exchange, block)}${responseLines}${context.serverLine}`
  if (responseLines === '' && upstreamServiceTime < COMMON_MS && hasField(block, FIELD.date))
    return commonLines(upstreamServiceTime, context.serverLine)
  return `${dateLine(exchange, block)}${serviceTimeLine(upstreamServiceTime)}${responseLines}${context.serverLine}`
}

function dateLine({ context }: Exchange, block: HeadBlock): string {
  return hasField(block, FIELD.date) ? '' : `date: ${context.thread.httpDate()}\r\n`
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
