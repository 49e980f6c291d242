import { createExchange } from '../exchange/exchange.ts'
import { createChunkedDecoder, resetChunkedDecoder } from './chunked.ts'
import { BODY, requestFraming } from './framing.ts'
import { dropKnown, hasField, type HeadBlock, isRepeated, knownValue, retainHead } from './head-block.ts'
import { appendPartialHead, createPartialHead, keepCase } from './partial-head.ts'
import { readTarget } from './request-target.ts'
import { SCAN, scanRequestHead, type ScanOutcome } from './scan-head.ts'
import { AT, type ServerConnection } from './server-state.ts'
import { FIELD } from './known-fields.ts'

/**
 * Reads as much of a request head as there is; starts the request when it is whole, refuses it when it is malformed.
 * @returns the index after the last byte that was used
 */
export function readHead(connection: ServerConnection, bytes: Buffer, start: number, end: number): number {
  let i = start
  // RFC 9112 2.2: an empty line before a request line is skipped; old clients send one after a body.
  if (bytes[i] === CR && connection.partial === undefined && !connection.skippedLine) {
    if (i + 1 === end) {
      noteCase(connection, bytes, i, end)
      return keepPartial(connection, bytes, i, end)
    }
    if (bytes[i + 1] === LF) {
      connection.skippedLine = true
      i += 2
      if (i === end) return end
    }
  }
  if (connection.block === undefined) {
    connection.block = connection.context.thread.blocks.acquire()
    connection.block.limits = connection.context.rules.requestHead
  }
  const { block, partial } = connection
  noteCase(connection, bytes, i, end)
  if (partial === undefined) {
    const outcome = scanRequestHead(block, bytes, i, end)
    if (outcome === SCAN.more) return keepPartial(connection, bytes, i, end)
    if (outcome !== SCAN.done) return refuseHead(connection, outcome, end)
    const after = i + block.length
    retainHead(block)
    takeCase(connection, block, 0)
    startRequest(connection, block)
    return after
  }
  const before = partial.length
  appendPartialHead(partial, bytes, i, end)
  const skipped = partial.bytes[0] === CR && partial.bytes[1] === LF ? 2 : 0
  const outcome = scanRequestHead(block, partial.bytes, skipped, partial.length)
  if (outcome === SCAN.more) return end
  if (outcome !== SCAN.done) return refuseHead(connection, outcome, end)
  const after = i + skipped + block.length - before
  retainHead(block)
  takeCase(connection, block, skipped)
  connection.partial = undefined
  startRequest(connection, block)
  return after
}

function noteCase(connection: ServerConnection, bytes: Buffer, start: number, end: number): void {
  if (connection.context.rules.keepsCase) connection.cased = keepCase(connection.cased, bytes, start, end)
}

function takeCase(connection: ServerConnection, block: HeadBlock, skipped: number): void {
  if (connection.cased === undefined) return
  block.cased = connection.cased.bytes.subarray(skipped, skipped + block.length)
  connection.cased = undefined
}

const CR = 13
const LF = 10

function keepPartial(connection: ServerConnection, bytes: Buffer, start: number, end: number): number {
  connection.partial = createPartialHead(bytes, start, end)
  connection.headSince = connection.context.thread.clock.monotonic()
  connection.context.thread.wheel.set(connection.timer, connection.context.rules.headTimeoutMs)
  return end
}

const REFUSALS: Readonly<Record<Exclude<ScanOutcome, 0 | 1>, { status: number; details: string }>> = {
  [SCAN.badLine]: { status: 400, details: 'http1.codec_error' },
  [SCAN.badVersion]: { status: 400, details: 'http1.invalid_http_version' },
  [SCAN.badField]: { status: 400, details: 'http1.invalid_characters' },
  [SCAN.tooLarge]: { status: 431, details: 'http1.headers_too_large' },
  [SCAN.tooMany]: { status: 431, details: 'http1.too_many_headers' },
}

function refuseHead(connection: ServerConnection, outcome: Exclude<ScanOutcome, 0 | 1>, end: number): number {
  const { status, details } = REFUSALS[outcome]
  refuse(connection, status, details)
  return end
}

/** Answers a head that cannot be a request; the connection ends with the answer. */
export function refuse(connection: ServerConnection, status: number, details: string): void {
  const block = connection.block as HeadBlock
  connection.at = AT.response
  connection.keepAlive = false
  connection.headOnly = false
  connection.events.refused({
    context: connection.context,
    stream: connection.stream,
    head: block,
    status,
    details,
  })
}

function startRequest(connection: ServerConnection, block: HeadBlock): void {
  const { framing, target } = connection.context.thread
  if (block.minor === 0 && !connection.context.rules.acceptsHttp10)
    return refuse(connection, 426, 'low_version')
  const problem = requestFraming(block, framing) ?? readTarget(block, target)
  if (problem !== undefined) return refuse(connection, 400, problem)
  const expects = hasField(block, FIELD.expect)
  if (
    expects &&
    block.minor === 1 &&
    (isRepeated(block, FIELD.expect) || knownValue(block, FIELD.expect)?.toLowerCase() !== '100-continue')
  ) {
    return refuse(connection, 417, 'http1.unknown_expectation')
  }
  if (target.authority === '') target.authority = localAuthority(connection)
  // HTTP/1.0 may leave Host out; HTTP/1.1, in which the request goes on, may not.
  if (!hasField(block, FIELD.host)) block.added.push(`host: ${target.authority}\r\n`)
  connection.skippedLine = false
  connection.keepAlive = framing.keepAlive
  connection.headOnly = target.method === 'HEAD'
  const hasBody = framing.kind !== BODY.none
  // Whether the body is wanted is for the server to say. Nobody waits to send none, and HTTP/1.0 does not wait.
  if (expects && (!hasBody || block.minor === 0)) dropKnown(block, FIELD.expect)
  const isConnect = target.method === 'CONNECT'
  // What follows the head of a CONNECT is the tunnel's: a length beside it makes two readings of the same bytes.
  if (isConnect && hasBody) return refuse(connection, 400, 'http1.connect_with_body')
  const { kind, length } = framing
  const exchange = createExchange({
    context: connection.context,
    stream: connection.stream,
    head: block,
    method: target.method,
    authority: target.authority,
    path: target.path,
    hasBody,
    bodyLength: kind === BODY.length ? length : -1,
    upgrade: isConnect ? 'connect' : framing.upgrade === 'h2c' ? '' : framing.upgrade,
    protocol: block.minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0',
  })
  connection.exchange = exchange
  connection.at = kind === BODY.length ? AT.length : kind === BODY.chunked ? AT.chunked : AT.response
  connection.bodyLeft = length
  if (kind === BODY.chunked) {
    connection.decoder ??= createChunkedDecoder()
    resetChunkedDecoder(connection.decoder)
  }
  connection.events.request(exchange)
}

/** HTTP/1.0 without Host: the address that was dialled. */
function localAuthority(connection: ServerConnection): string {
  const { localAddress, localPort } = connection.stream
  return localAddress.includes(':') ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`
}
