import type { Socket } from 'node:net'
import { unreachable } from '../../base/index.ts'
import type {
  DownstreamEvents,
  DownstreamStream,
  Exchange,
  HttpContext,
  ResponseHead,
} from '../exchange/types.ts'
import { plainAddress } from '../net/plain-address.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { breakOff, SEND_STALL_MS, sendingMark, unsentBytes } from '../net/unsent.ts'
import {
  type ChunkedDecoder,
  decodeChunked,
  forwardedTrailers,
  isChunkedBad,
  isChunkedDone,
} from './chunked.ts'
import { BODY } from './framing.ts'
import { hasField } from './head-block.ts'
import { commit, endSocket, flushCommitted, putText, writeFor } from './out-buffer.ts'
import { readHead, refuse } from './server-head.ts'
import {
  AT,
  DISCARD_BYTES_MAX,
  DISCARD_TIMEOUT_MS,
  HALF_CLOSED_WAIT_MS,
  type ServerConnection,
} from './server-state.ts'
import { closedByResponse, putChunk, putResponseHead } from './write-response.ts'
import { FIELD } from './known-fields.ts'

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
    cased: undefined,
    headSince: 0,
    skippedLine: false,
    held: undefined,
    decoder: undefined,
    bodyLeft: 0,
    keepAlive: true,
    chunking: false,
    endsWithConnection: false,
    ending: false,
    ended: false,
    lastUsed: context.thread.clock.monotonic(),
    sendingMark: 0,
    sendingSince: 0,
    discarded: 0,
    pausedByFlow: false,
    processing: false,
    headOnly: false,
  }
  connection.stream = streamOf(connection)
  context.thread.wheel.set(connection.timer, context.rules.idleTimeoutMs)
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
    destroy: () => destroyWritten(connection),
  }
}

function streamOf(connection: ServerConnection): DownstreamStream {
  const { socket } = connection
  const { original, thread } = connection.context
  const { out } = thread
  return {
    protocol: 'HTTP/1.1',
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    // Of a captured connection it is what was dialled, as Envoy restores it: the redirect's own port says nothing.
    localAddress: original?.address ?? plainAddress(socket.localAddress),
    localPort: original?.port ?? socket.localPort ?? 0,
    sendHead: (response) => sendHead(connection, response),
    sendInformational: (status, head) => {
      if (connection.block?.minor === 0) return
      writeFor(out, socket)
      putResponseHead(
        out,
        { status, block: head, lines: '', kind: BODY.none, length: 0, close: false },
        'informational',
      )
    },
    sendData: (bytes, start, end) => {
      writeFor(out, socket)
      putChunk(out, bytes, start, end, connection.chunking)
    },
    sendEnd: (trailers) => {
      if (!connection.chunking) return
      writeFor(out, socket)
      putText(out, `0\r\n${trailers}\r\n`)
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
    endTunnel: () => endSocket(out, socket),
    done: () => finishRequest(connection),
    reset: () => breakResponse(connection),
  }
}

/** What was said before the connection breaks off is still said. */
function destroyWritten(connection: ServerConnection): void {
  flushCommitted(connection.context.thread.out)
  connection.socket.destroy()
}

function receive(connection: ServerConnection, bytes: Buffer, start: number, end: number): void {
  connection.context.work.events++
  // Of TLS, what had been decrypted with what made reading stop still comes.
  if (connection.held !== undefined) return hold(connection, bytes, start, end)
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
      discard(connection, end - i)
      return end
    default:
      return i
  }
}

/** A client that sends more than is thrown away is not listened to any longer; a slow one still gets what it was sent. */
function discard(connection: ServerConnection, bytes: number): void {
  const { socket } = connection
  connection.discarded += bytes
  if (connection.discarded <= DISCARD_BYTES_MAX) return
  if (unsentBytes(socket) === 0) socket.destroy()
  else socket.pause()
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
  writeFor(out, connection.socket)
  putResponseHead(
    out,
    exchange?.tunnel === true ? tunnelled(exchange, response) : framed(connection, response),
    option,
  )
  connection.endsWithConnection = untilClose && !connection.chunking
}

function tunnelled(exchange: Exchange, response: ResponseHead): ResponseHead {
  if (response.status !== 101) return response
  return { ...response, lines: `${response.lines}upgrade: ${exchange.upgrade}\r\n` }
}

/** The response with what frames it: without a length an empty one would last until the connection ends. */
function framed(connection: ServerConnection, response: ResponseHead): ResponseHead {
  if (connection.chunking) return { ...response, kind: BODY.chunked }
  const { status, block, lines, kind } = response
  // To a client of HTTP/1.0 a body without a length lasts until the connection ends.
  if (kind === BODY.chunked) return { ...response, kind: BODY.untilClose }
  if (kind !== BODY.none || connection.headOnly || status < 200 || status === 204 || status === 304)
    return response
  if (block === undefined ? lines.includes('content-length:') : hasField(block, FIELD['content-length']))
    return response
  return { ...response, lines: `${lines}content-length: 0\r\n` }
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
  if (connection.at === AT.closed || connection.ending) return
  connection.lastUsed = thread.clock.monotonic()
  if (!connection.keepAlive || connection.ended || connection.context.isDraining()) {
    endConnection(connection, exchange === undefined || !exchange.requestDone)
    return
  }
  connection.at = AT.head
  if (connection.pausedByFlow) {
    // The upstream that was too slow for the last request has nothing to do with the next one.
    connection.pausedByFlow = false
    if (connection.held === undefined) connection.socket.resume()
  }
  // With more requests in hand than the client takes responses, the next one waits for it.
  if (connection.held !== undefined && !connection.socket.writableNeedDrain) processHeld(connection)
}

/**
 * What there is of the response goes out, as do those before it; that its end is missing shows in its framing. Requests
 * that came behind it are not looked at: their client could not tell what became of them.
 */
function breakResponse(connection: ServerConnection): void {
  const { socket, at } = connection
  connection.exchange = undefined
  if (at !== AT.tunnel && !connection.endsWithConnection) return endConnection(connection, true)
  connection.at = AT.closed
  flushCommitted(connection.context.thread.out)
  breakOff(socket)
}

function endConnection(connection: ServerConnection, discard: boolean): void {
  connection.ending = true
  endSocket(connection.context.thread.out, connection.socket)
  connection.held = undefined
  connection.at = AT.discard
  noteSending(connection)
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
      endConnection(connection, false)
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
      endSocket(connection.context.thread.out, connection.socket)
      break
    default:
      noteSending(connection)
      connection.context.thread.wheel.set(connection.timer, HALF_CLOSED_WAIT_MS)
  }
}

function noteSending(connection: ServerConnection): void {
  connection.sendingMark = sendingMark(connection.socket)
  connection.sendingSince = connection.context.thread.clock.monotonic()
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
        const left = connection.headSince + connection.context.rules.headTimeoutMs - now
        if (left > 0) thread.wheel.set(connection.timer, left)
        else refuse(connection, 408, 'request_header_timeout')
        return
      }
      const left = connection.lastUsed + connection.context.rules.idleTimeoutMs - now
      if (left > 0) thread.wheel.set(connection.timer, left)
      else endConnection(connection, false)
      return
    }
    case AT.discard:
    case AT.closed:
      endIfSilent(connection, now)
      return
    case AT.length:
    case AT.chunked:
    case AT.response:
    case AT.tunnel:
      if (connection.ended && connection.at === AT.response) endIfSilent(connection, now)
      else thread.wheel.set(connection.timer, connection.context.rules.idleTimeoutMs)
      return
    default:
      unreachable(connection.at as never)
  }
}

/** A slow client still gets what was sent to it: only one that takes nothing, or has nothing to take, is cut off. */
function endIfSilent(connection: ServerConnection, now: number): void {
  const { socket } = connection
  const mark = sendingMark(socket)
  if (mark !== connection.sendingMark) {
    connection.sendingMark = mark
    connection.sendingSince = now
  } else if (unsentBytes(socket) === 0 || now - connection.sendingSince >= SEND_STALL_MS) {
    socket.destroy()
    return
  }
  connection.context.thread.wheel.set(connection.timer, HALF_CLOSED_WAIT_MS)
}

function drainConnection(connection: ServerConnection): void {
  if (connection.exchange === undefined && connection.at === AT.head && connection.partial === undefined) {
    endConnection(connection, false)
  }
}
