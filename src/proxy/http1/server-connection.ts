import type { Socket } from 'node:net'
import { unreachable } from '../../base/index.ts'
import { createExchange } from '../exchange/exchange.ts'
import type {
  DownstreamEvents,
  DownstreamStream,
  Exchange,
  HttpContext,
  ResponseHead,
} from '../exchange/types.ts'
import { createWheelTimer, type WheelTimer } from '../net/timer-wheel.ts'
import {
  type ChunkedDecoder,
  createChunkedDecoder,
  decodeChunked,
  forwardedTrailers,
  isChunkedBad,
  isChunkedDone,
  resetChunkedDecoder,
} from './chunked.ts'
import { BODY, requestFraming } from './framing.ts'
import { hasField, type HeadBlock, knownValue, retainHead } from './head-block.ts'
import { commit, putText } from './out-buffer.ts'
import { appendPartialHead, createPartialHead, type PartialHead } from './partial-head.ts'
import { readTarget } from './request-target.ts'
import { SCAN, scanRequestHead, type ScanOutcome } from './scan-head.ts'
import { closedByResponse, putChunk, putResponseHead } from './write-response.ts'

/** Where a connection is in the life of a request. */
const AT = { head: 0, length: 1, chunked: 2, response: 3, tunnel: 4, discard: 5, closed: 6 } as const

/** Time for a whole head once its first byte is there, and for the next request on a kept connection. */
const HEAD_TIMEOUT_MS = 60_000
const IDLE_TIMEOUT_MS = 3_600_000
/** A client that sent the end of its stream is answered, but silence is not waited for longer than this. */
const HALF_CLOSED_WAIT_MS = 5_000
/** After a reply to a request that is still arriving: what is thrown away so that the client can read the reply. */
const DISCARD_BYTES_MAX = 256 * 1024
const DISCARD_TIMEOUT_MS = 2_000

interface ServerConnection {
  readonly socket: Socket
  readonly context: HttpContext
  readonly events: DownstreamEvents
  readonly timer: WheelTimer
  stream: DownstreamStream
  at: number
  /** Being scanned, or of the exchange under way. */
  block: HeadBlock | undefined
  exchange: Exchange | undefined
  /** The part of a head that came without its end. */
  partial: PartialHead | undefined
  headSince: number
  /** Bytes of the next request, which came before the response to this one was out. */
  held: Buffer | undefined
  decoder: ChunkedDecoder | undefined
  bodyLeft: number
  keepAlive: boolean
  /** The response is chunked by us. */
  chunking: boolean
  closing: boolean
  ended: boolean
  lastUsed: number
  discarded: number
  /** Asked to stop reading: by a slow upstream, or because of `held`. */
  pausedByFlow: boolean
  processing: boolean
  informedContinue: boolean
  headOnly: boolean
}

export interface ServerConnectionHandle {
  /** Bytes that arrived, in a buffer that is only lent. */
  readonly receive: (bytes: Buffer, start: number, end: number) => void
  /** No new request; closes when the one under way is answered. */
  readonly drain: () => void
  readonly isIdle: () => boolean
  readonly destroy: () => void
}

/**
 * The server's side of an HTTP/1.1 connection (RFC 9112): reads requests one after the other, reports them, writes
 * the responses. The caller feeds bytes through `receive`; everything else comes from the socket's events.
 */
export function createServerConnection(options: {
  readonly socket: Socket
  readonly context: HttpContext
  readonly events: DownstreamEvents
  readonly onClose: () => void
}): ServerConnectionHandle {
  const { socket, context } = options
  const connection: ServerConnection = {
    socket,
    context,
    events: options.events,
    timer: createWheelTimer(() => onTimer(connection)),
    stream: undefined as unknown as DownstreamStream,
    at: AT.head,
    block: undefined,
    exchange: undefined,
    partial: undefined,
    headSince: 0,
    held: undefined,
    decoder: undefined,
    bodyLeft: 0,
    keepAlive: true,
    chunking: false,
    closing: false,
    ended: false,
    lastUsed: context.thread.clock.monotonic(),
    discarded: 0,
    pausedByFlow: false,
    processing: false,
    informedContinue: false,
    headOnly: false,
  }
  connection.stream = streamOf(connection)
  context.thread.wheel.set(connection.timer, IDLE_TIMEOUT_MS)
  socket.on('drain', () => onDrain(connection))
  socket.on('end', () => onEnd(connection))
  // A reset is followed by `close`, where it is dealt with.
  socket.on('error', () => {})
  socket.on('close', () => {
    onClose(connection)
    options.onClose()
  })
  return {
    receive: (bytes, start, end) => receive(connection, bytes, start, end),
    drain: () => drainConnection(connection),
    isIdle: () => connection.exchange === undefined,
    destroy: () => socket.destroy(),
  }
}

function streamOf(connection: ServerConnection): DownstreamStream {
  const { socket } = connection
  const { out } = connection.context.thread
  return {
    protocol: 'HTTP/1.1',
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
    sendHead: (response) => sendHead(connection, response),
    sendInformational: (status, head) => {
      if (connection.block?.minor === 0) return
      putResponseHead(
        out,
        { status, block: head, lines: '', kind: BODY.none, length: 0, close: false },
        'informational',
      )
    },
    sendData: (bytes, start, end) => putChunk(out, bytes, start, end, connection.chunking),
    sendEnd: (trailers) => {
      if (connection.chunking) putText(out, `0\r\n${trailers}\r\n`)
    },
    flush: () => commit(out, socket),
    becomeTunnel: () => becomeTunnel(connection),
    pauseRequest: () => {
      connection.pausedByFlow = true
      socket.pause()
    },
    resumeRequest: () => {
      connection.pausedByFlow = false
      if (connection.held === undefined) socket.resume()
      else if (connection.at !== AT.response) processHeld(connection)
    },
    endTunnel: () => socket.end(),
    done: () => finishRequest(connection),
    reset: () => {
      connection.exchange = undefined
      socket.destroy()
    },
  }
}

/** An IPv4 client of a dual-stack listener shows as `::ffff:a.b.c.d`. */
function plainAddress(address: string | undefined): string {
  return address === undefined ? '' : address.startsWith('::ffff:') ? address.slice(7) : address
}

function receive(connection: ServerConnection, bytes: Buffer, start: number, end: number): void {
  connection.context.work.events++
  connection.processing = true
  let i = start
  while (i < end && connection.at !== AT.closed) {
    const next = step(connection, bytes, i, end)
    if (next === i) break
    i = next
  }
  connection.processing = false
  if (i < end && connection.at !== AT.closed) hold(connection, bytes, i, end)
  const { exchange } = connection
  if (exchange !== undefined && !exchange.finished) connection.events.flush(exchange)
}

/** Consumes what it can. @returns the index after it; `i` itself when the rest has to wait */
function step(connection: ServerConnection, bytes: Buffer, i: number, end: number): number {
  switch (connection.at) {
    case AT.head:
      return readHead(connection, bytes, i, end)
    case AT.length:
      return readLength(connection, bytes, i, end)
    case AT.chunked:
      return readChunked(connection, bytes, i, end)
    case AT.tunnel:
      if (connection.exchange) connection.events.data(connection.exchange, bytes, i, end)
      return end
    case AT.discard:
      connection.discarded += end - i
      if (connection.discarded > DISCARD_BYTES_MAX) connection.socket.destroy()
      return end
    default:
      return i
  }
}

/** Keeps bytes that cannot be used yet, and stops reading: what is held is bounded by one read. */
function hold(connection: ServerConnection, bytes: Buffer, start: number, end: number): void {
  const rest = bytes.subarray(start, end)
  connection.held = connection.held ? Buffer.concat([connection.held, rest]) : Buffer.from(rest)
  connection.socket.pause()
}

function processHeld(connection: ServerConnection): void {
  const { held } = connection
  if (held === undefined || connection.processing) return
  connection.held = undefined
  receive(connection, held, 0, held.length)
  if (connection.held === undefined && !connection.pausedByFlow && connection.at !== AT.closed)
    connection.socket.resume()
}

function readHead(connection: ServerConnection, bytes: Buffer, start: number, end: number): number {
  let i = start
  if (connection.partial === undefined) {
    // RFC 9112 2.2: an empty line before a request line is skipped; old clients send one after a body.
    if (bytes[i] === 13 && i + 1 < end && bytes[i + 1] === 10 && !connection.block) i += 2
    if (i === end) return end
  }
  connection.block ??= connection.context.thread.blocks.acquire()
  const { block, partial } = connection
  if (partial === undefined) {
    const outcome = scanRequestHead(block, bytes, i, end)
    if (outcome === SCAN.more) return keepPartial(connection, bytes, i, end)
    if (outcome !== SCAN.done) return refuseHead(connection, outcome, end)
    const after = i + block.length
    retainHead(block)
    startRequest(connection, block)
    return after
  }
  const before = partial.length
  appendPartialHead(partial, bytes, i, end)
  const outcome = scanRequestHead(block, partial.bytes, 0, partial.length)
  if (outcome === SCAN.more) return end
  if (outcome !== SCAN.done) return refuseHead(connection, outcome, end)
  const after = i + block.length - before
  retainHead(block)
  connection.partial = undefined
  startRequest(connection, block)
  return after
}

function keepPartial(connection: ServerConnection, bytes: Buffer, start: number, end: number): number {
  connection.partial = createPartialHead(bytes, start, end)
  connection.headSince = connection.context.thread.clock.monotonic()
  connection.context.thread.wheel.set(connection.timer, HEAD_TIMEOUT_MS)
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

function refuse(connection: ServerConnection, status: number, details: string): void {
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
  const problem = requestFraming(block, framing) ?? readTarget(block, target)
  if (problem !== undefined) return refuse(connection, 400, problem)
  const expects = hasField(block, 'expect') && block.minor === 1
  if (expects && knownValue(block, 'expect')?.toLowerCase() !== '100-continue') {
    return refuse(connection, 417, 'http1.unknown_expectation')
  }
  connection.keepAlive = framing.keepAlive
  connection.headOnly = target.method === 'HEAD'
  connection.informedContinue = false
  const hasBody = framing.kind !== BODY.none
  const { kind, length } = framing
  const exchange = createExchange({
    context: connection.context,
    stream: connection.stream,
    head: block,
    method: target.method,
    authority: target.authority === '' ? localAuthority(connection) : target.authority,
    path: target.path,
    hasBody,
    bodyLength: kind === BODY.length ? length : -1,
    upgrade: framing.upgrade === 'h2c' ? '' : framing.upgrade,
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
  if (expects && hasBody && connection.exchange === exchange && !exchange.responseStarted) {
    connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
  }
}

/** HTTP/1.0 without Host: the address that was dialled. */
function localAuthority(connection: ServerConnection): string {
  const { localAddress, localPort } = connection.stream
  return localAddress.includes(':') ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`
}

function readLength(connection: ServerConnection, bytes: Buffer, i: number, end: number): number {
  const exchange = connection.exchange as Exchange
  const stop = Math.min(end, i + connection.bodyLeft)
  connection.bodyLeft -= stop - i
  connection.events.data(exchange, bytes, i, stop)
  if (connection.bodyLeft === 0 && connection.at === AT.length) endRequest(connection, exchange, '')
  return stop
}

function readChunked(connection: ServerConnection, bytes: Buffer, start: number, end: number): number {
  const exchange = connection.exchange as Exchange
  const decoder = connection.decoder as ChunkedDecoder
  const i = decodeChunked(decoder, bytes, start, end)
  if (decoder.dataEnd > decoder.dataStart) {
    connection.events.data(exchange, bytes, decoder.dataStart, decoder.dataEnd)
  }
  if (isChunkedBad(decoder)) {
    connection.keepAlive = false
    connection.at = AT.discard
    connection.events.gone(exchange, 'malformed')
    return end
  }
  if (isChunkedDone(decoder) && connection.at === AT.chunked) {
    endRequest(connection, exchange, forwardedTrailers(decoder))
  }
  return i
}

function endRequest(connection: ServerConnection, exchange: Exchange, trailers: string): void {
  connection.at = AT.response
  exchange.requestDone = true
  exchange.requestTrailers = trailers
  connection.events.end(exchange, trailers)
}

function sendHead(connection: ServerConnection, response: ResponseHead): void {
  const { out } = connection.context.thread
  const { exchange } = connection
  const minor = connection.block?.minor ?? 1
  if (response.close || connection.context.isDraining()) connection.keepAlive = false
  if (exchange !== undefined && !exchange.requestDone && !exchange.tunnel && response.status !== 101) {
    // Its rest is of no use to anyone; the connection ends with this response unless it still arrives whole.
    connection.keepAlive = false
  }
  const untilClose = response.kind === BODY.untilClose || (response.kind === BODY.chunked && minor === 0)
  if (untilClose && minor === 0) connection.keepAlive = false
  connection.chunking = minor === 1 && (response.kind === BODY.chunked || response.kind === BODY.untilClose)
  const option = closedByResponse(connection.keepAlive, minor)
  putResponseHead(out, connection.chunking ? { ...response, kind: BODY.chunked } : response, option)
  connection.closing = !connection.keepAlive
}

function becomeTunnel(connection: ServerConnection): void {
  connection.at = AT.tunnel
  connection.keepAlive = false
  connection.chunking = false
  processHeld(connection)
}

/** The response is out and telemetry done: the connection goes on, or ends. */
function finishRequest(connection: ServerConnection): void {
  const { thread } = connection.context
  const { exchange } = connection
  connection.exchange = undefined
  if (connection.block) thread.blocks.release(connection.block)
  connection.block = undefined
  if (connection.at === AT.closed) return
  connection.lastUsed = thread.clock.monotonic()
  if (!connection.keepAlive || connection.ended || connection.context.isDraining()) {
    endConnection(connection, exchange === undefined || !exchange.requestDone)
    return
  }
  connection.at = AT.head
  // With more requests in hand than the client takes responses, the next one waits for it.
  if (connection.held !== undefined && !connection.socket.writableNeedDrain) processHeld(connection)
}

function endConnection(connection: ServerConnection, discard: boolean): void {
  connection.socket.end()
  connection.held = undefined
  connection.at = AT.discard
  connection.context.thread.wheel.set(connection.timer, discard ? DISCARD_TIMEOUT_MS : HALF_CLOSED_WAIT_MS)
  if (connection.ended) connection.at = AT.closed
  else connection.socket.resume()
}

function onDrain(connection: ServerConnection): void {
  const { exchange } = connection
  if (exchange !== undefined) connection.events.drained(exchange)
  else if (connection.at === AT.head) processHeld(connection)
}

/** The client has sent all it will send. */
function onEnd(connection: ServerConnection): void {
  connection.ended = true
  const { exchange } = connection
  switch (connection.at) {
    case AT.head:
      connection.socket.end()
      break
    case AT.tunnel:
      if (exchange) connection.events.end(exchange, '')
      break
    case AT.length:
    case AT.chunked:
      connection.at = AT.closed
      if (exchange) connection.events.gone(exchange, 'closed')
      connection.socket.destroy()
      break
    case AT.discard:
      connection.socket.end()
      break
    default:
      connection.context.thread.wheel.set(connection.timer, HALF_CLOSED_WAIT_MS)
  }
}

function onClose(connection: ServerConnection): void {
  const { exchange } = connection
  const { thread } = connection.context
  connection.at = AT.closed
  connection.held = undefined
  thread.wheel.clear(connection.timer)
  if (exchange !== undefined && !exchange.finished) connection.events.gone(exchange, 'closed')
  connection.exchange = undefined
  if (connection.block) thread.blocks.release(connection.block)
  connection.block = undefined
}

function onTimer(connection: ServerConnection): void {
  const { thread } = connection.context
  const now = thread.clock.monotonic()
  switch (connection.at as (typeof AT)[keyof typeof AT]) {
    case AT.head: {
      if (connection.partial !== undefined) {
        const left = connection.headSince + HEAD_TIMEOUT_MS - now
        if (left > 0) thread.wheel.set(connection.timer, left)
        else refuse(connection, 408, 'request_header_timeout')
        return
      }
      const left = connection.lastUsed + IDLE_TIMEOUT_MS - now
      if (left > 0) thread.wheel.set(connection.timer, left)
      else connection.socket.end()
      return
    }
    case AT.discard:
      connection.socket.destroy()
      return
    case AT.length:
    case AT.chunked:
    case AT.response:
    case AT.tunnel:
      if (connection.ended && connection.at === AT.response) connection.socket.destroy()
      else thread.wheel.set(connection.timer, IDLE_TIMEOUT_MS)
      return
    case AT.closed:
      return
    default:
      unreachable(connection.at as never)
  }
}

function drainConnection(connection: ServerConnection): void {
  if (connection.exchange === undefined && connection.at === AT.head && connection.partial === undefined) {
    endConnection(connection, false)
  }
}
