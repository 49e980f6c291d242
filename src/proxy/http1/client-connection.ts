import type { Socket } from 'node:net'
import { describeSocketError } from '../net/socket-error.ts'
import { createWheelTimer, type WheelTimer } from '../net/timer-wheel.ts'
import { closeWhenSent, unsentBytes } from '../net/unsent.ts'
import type {
  Exchange,
  ProxyThread,
  UpstreamEvents,
  UpstreamFailure,
  UpstreamStream,
  WorkCounter,
} from '../exchange/types.ts'
import {
  type ChunkedDecoder,
  createChunkedDecoder,
  decodeChunked,
  forwardedTrailers,
  isChunkedBad,
  isChunkedDone,
  resetChunkedDecoder,
} from './chunked.ts'
import { BODY, responseFraming } from './framing.ts'
import {
  createHeadBlock,
  dropKnown,
  hasField,
  type HeadBlock,
  type HeadLimits,
  knownValue,
  resetHeadBlock,
} from './head-block.ts'
import { commit, discardMessage, endSocket, putText, writeFor } from './out-buffer.ts'
import { appendPartialHead, createPartialHead, keepCase, type PartialHead } from './partial-head.ts'
import { SCAN, scanResponseHead } from './scan-head.ts'
import { putRequestHead } from './write-request.ts'
import { putChunk } from './write-response.ts'
import { FIELD } from './known-fields.ts'

const AT = {
  connecting: 0,
  idle: 1,
  head: 2,
  length: 3,
  chunked: 4,
  untilClose: 5,
  tunnel: 6,
  closed: 7,
} as const

/** A response that nobody wants is read to its end, to save the connection, only when little is left of it. */
const UNWANTED_BYTES_MAX = 64 * 1024
/** The same in time: while it comes, the connection counts as one that carries a request. */
const UNWANTED_MS = 1000
/** Responses before the final one (1xx); a server that sends more is not speaking HTTP. */
const INFORMATIONAL_MAX = 8

interface ClientConnection {
  readonly socket: Socket
  readonly thread: ProxyThread
  readonly work: WorkCounter
  readonly events: UpstreamEvents
  readonly owner: ClientConnectionOwner
  readonly handle: ClientConnectionHandle
  readonly responseHead: HeadLimits
  at: number
  exchange: Exchange | undefined
  /** The request of the response being read, for HEAD and CONNECT. */
  bodyless: boolean
  requestChunked: boolean
  requestEnded: boolean
  informational: number
  answered: number
  keepAlive: boolean
  keptForMs: number
  left: number
  unwanted: number
  /** For a client that does not take its response as fast. */
  isPaused: boolean
  unwantedTimer: WheelTimer | undefined
  decoder: ChunkedDecoder | undefined
  partial: PartialHead | undefined
  partialBlock: HeadBlock | undefined
  /** The head under way as it comes, where the case of its names is to be kept. */
  cased: PartialHead | undefined
  /** Any byte of the response under way has arrived. */
  anyByte: boolean
  error: string
}

export interface ClientConnectionHandle {
  readonly stream: UpstreamStream
  readonly receive: (bytes: Buffer, start: number, end: number) => void
  /** Gives a connection that is free its next request; `events.ready` follows at once. */
  readonly assign: (exchange: Exchange) => void
  readonly connected: () => void
  /**
   * How long the server keeps the connection without a request, as far as it has said (`keep-alive: timeout=5`);
   * 0 once it is on its way out, though its `close` has not been heard yet.
   */
  readonly keptForMs: () => number
  /** Connecting took too long. */
  readonly expire: () => void
  readonly close: () => void
}

export interface ClientConnectionOwner {
  /** The response is complete and the connection good for another request. */
  readonly released: (handle: ClientConnectionHandle) => void
  /** @param failure why no connection came about, when none did */
  readonly closed: (handle: ClientConnectionHandle, failure: UpstreamFailure | undefined) => void
}

/** The client's side of an HTTP/1.1 connection (RFC 9112): one request at a time, no pipelining. */
export function createClientConnection(options: {
  readonly socket: Socket
  readonly thread: ProxyThread
  readonly work: WorkCounter
  readonly events: UpstreamEvents
  readonly owner: ClientConnectionOwner
  readonly responseHead: HeadLimits
}): ClientConnectionHandle {
  const { socket, thread, work, events, owner } = options
  const handle: ClientConnectionHandle = {
    stream: { ...NO_STREAM },
    receive: (bytes, start, end) => receive(connection, bytes, start, end),
    assign: (exchange) => assign(connection, exchange),
    connected: () => onConnected(connection),
    keptForMs: () => (socket.destroyed ? 0 : connection.keptForMs),
    expire: () => {
      connection.error = 'connection timeout'
      socket.destroy()
    },
    close: () => socket.destroy(),
  }
  const connection: ClientConnection = {
    socket,
    thread,
    work,
    events,
    owner,
    handle,
    responseHead: options.responseHead,
    at: AT.connecting,
    exchange: undefined,
    bodyless: false,
    requestChunked: false,
    requestEnded: false,
    informational: 0,
    answered: 0,
    keepAlive: true,
    keptForMs: Number.POSITIVE_INFINITY,
    left: 0,
    unwanted: 0,
    unwantedTimer: undefined,
    isPaused: false,
    decoder: undefined,
    partial: undefined,
    partialBlock: undefined,
    cased: undefined,
    anyByte: false,
    error: '',
  }
  Object.assign(handle.stream, streamOf(connection))
  socket.on('drain', () => {
    if (connection.exchange) events.drained(connection.exchange)
  })
  socket.on('end', () => onEnd(connection))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (connection.error === '') connection.error = describeSocketError(error)
  })
  socket.on('close', () => onClose(connection))
  return handle
}

const NO_STREAM: UpstreamStream = {
  localAddress: () => '',
  reused: () => false,
  sendHead: () => {},
  sendData: () => {},
  sendEnd: () => {},
  flush: () => true,
  pauseResponse: () => {},
  resumeResponse: () => {},
  endTunnel: () => {},
  cancel: () => {},
}

function streamOf(connection: ClientConnection): UpstreamStream {
  const { socket } = connection
  const { out } = connection.thread
  return {
    localAddress: () => `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`,
    reused: () => connection.answered > 0,
    sendHead: (exchange) => {
      connection.at = AT.head
      connection.requestChunked = exchange.hasBody && exchange.bodyLength < 0
      connection.requestEnded = !exchange.hasBody
      writeFor(out, socket)
      putRequestHead(out, exchange)
    },
    sendData: (bytes, start, end) => {
      writeFor(out, socket)
      putChunk(out, bytes, start, end, connection.requestChunked)
    },
    sendEnd: (trailers) => {
      connection.requestEnded = true
      if (!connection.requestChunked) return
      writeFor(out, socket)
      putText(out, `0\r\n${trailers}\r\n`)
    },
    flush: () => commit(out, socket),
    pauseResponse() {
      connection.isPaused = true
      socket.pause()
    },
    resumeResponse() {
      connection.isPaused = false
      socket.resume()
    },
    endTunnel: () => endSocket(out, socket),
    cancel: () => cancel(connection),
  }
}

function assign(connection: ClientConnection, exchange: Exchange): void {
  connection.exchange = exchange
  connection.anyByte = false
  connection.informational = 0
  connection.bodyless = exchange.method === 'HEAD'
  connection.events.ready(exchange)
}

function onConnected(connection: ClientConnection): void {
  if (connection.at !== AT.connecting) return
  connection.at = AT.idle
  connection.owner.released(connection.handle)
}

function cancel(connection: ClientConnection): void {
  const { socket, at } = connection
  connection.exchange = undefined
  // A tunnel whose directions have both ended: what was sent before still goes out.
  if (at === AT.tunnel && socket.writableEnded && unsentBytes(socket) > 0)
    return closeWhenSent(socket, connection.thread)
  discardMessage(connection.thread.out, socket)
  // A response that is still to come would be taken for that of the next request.
  socket.destroy()
}

function receive(connection: ClientConnection, bytes: Buffer, start: number, end: number): void {
  connection.work.events++
  connection.anyByte = true
  let i = start
  while (i < end) {
    const { at } = connection
    if (at === AT.head) i = readHead(connection, bytes, i, end)
    else if (at === AT.length) i = readLength(connection, bytes, i, end)
    else if (at === AT.chunked) i = readChunked(connection, bytes, i, end)
    else if (at === AT.untilClose || at === AT.tunnel) {
      deliver(connection, bytes, i, end)
      i = end
    } else {
      // Bytes that no request asked for: whatever they are, they must not answer the next one.
      if (at !== AT.closed) connection.socket.destroy()
      return
    }
  }
  const { exchange } = connection
  if (exchange !== undefined && connection.at > AT.head) connection.events.flush(exchange)
}

function readHead(connection: ClientConnection, bytes: Buffer, start: number, end: number): number {
  const exchange = connection.exchange as Exchange
  if (exchange.context.rules.keepsCase) connection.cased = keepCase(connection.cased, bytes, start, end)
  let block = connection.thread.responseBlock
  let from = start
  let to = end
  let before = 0
  let source = bytes
  if (connection.partial !== undefined) {
    before = connection.partial.length
    appendPartialHead(connection.partial, bytes, start, end)
    source = connection.partial.bytes
    block = connection.partialBlock as HeadBlock
    from = 0
    to = connection.partial.length
  } else {
    resetHeadBlock(block)
    block.limits = connection.responseHead
  }
  const outcome = scanResponseHead(block, source, from, to)
  if (outcome === SCAN.more) {
    if (connection.partial === undefined) {
      connection.partial = createPartialHead(bytes, start, end)
      connection.partialBlock = createHeadBlock()
      connection.partialBlock.limits = connection.responseHead
    }
    return end
  }
  if (outcome !== SCAN.done) {
    protocolError(connection, outcome === SCAN.tooLarge ? 'http1.headers_too_large' : 'http1.codec_error')
    return end
  }
  connection.partial = connection.partialBlock = undefined
  if (connection.cased !== undefined) {
    block.cased = connection.cased.bytes.subarray(0, block.length)
    connection.cased = undefined
  }
  const after = start + block.length - before
  onHead(connection, exchange, block, after < end)
  return after
}

function onInformational(connection: ClientConnection, exchange: Exchange, block: HeadBlock): void {
  const problem =
    ++connection.informational > INFORMATIONAL_MAX
      ? 'http1.too_many_informational'
      : responseFraming(block, connection.thread.framing, true)
  if (problem !== undefined) return protocolError(connection, problem)
  for (const field of HOP_FIELDS) dropKnown(block, field)
  connection.events.informational(exchange, block)
}

/** Fields about this connection, which an informational response does not carry on to the client's. */
const HOP_FIELDS = [FIELD.connection, FIELD['keep-alive'], FIELD['proxy-connection'], FIELD.upgrade]

/** @param hasMore bytes came with the head: a body, or what belongs to no request */
function onHead(connection: ClientConnection, exchange: Exchange, block: HeadBlock, hasMore: boolean): void {
  const { status } = block
  const { framing } = connection.thread
  if (status < 200 && status !== 101) {
    onInformational(connection, exchange, block)
    return
  }
  const isTunnel = status === 101 || (exchange.upgrade === 'connect' && status < 300)
  const bodyless = connection.bodyless || status === 204 || status === 304 || isTunnel
  const problem = responseFraming(block, framing, bodyless)
  if (problem !== undefined) return protocolError(connection, problem)
  if (status === 101) {
    // What of the request is still to come would be taken for the new protocol's.
    const isAskedFor = exchange.upgrade !== '' && framing.upgrade === exchange.upgrade
    if (!isAskedFor || !connection.requestEnded) {
      return protocolError(connection, 'http1.unexpected_upgrade')
    }
    connection.requestChunked = false
  } else if (isTunnel) {
    // RFC 9110, 9.3.6: what it says of a body means nothing, and must not be told to others.
    dropKnown(block, FIELD['content-length'])
    dropKnown(block, FIELD['transfer-encoding'])
  }
  connection.keepAlive = framing.keepAlive
  if (hasField(block, FIELD['keep-alive'])) connection.keptForMs = keptFor(block)
  const { kind, length } = framing
  connection.left = length
  connection.at = isTunnel ? AT.tunnel : (BODY_STATE[kind] as number)
  if (kind === BODY.chunked) {
    connection.decoder ??= createChunkedDecoder()
    resetChunkedDecoder(connection.decoder)
  }
  if (!connection.events.head(exchange, block, framing)) {
    connection.exchange = undefined
    connection.unwanted = 0
    if (kind === BODY.untilClose || (kind === BODY.length && length > UNWANTED_BYTES_MAX)) {
      connection.socket.destroy()
      return
    }
    connection.unwantedTimer ??= createWheelTimer(() => connection.socket.destroy())
    connection.thread.wheel.set(connection.unwantedTimer, UNWANTED_MS)
  }
  if (kind === BODY.none && !isTunnel) {
    // Whoever gets this connection next must not take them for the answer to another request.
    if (hasMore) connection.keepAlive = false
    complete(connection, '')
  }
}

/** @see draft-thomson-hybi-http-timeout, which most servers follow */
function keptFor(block: HeadBlock): number {
  const match = /(?:^|[\s,])timeout=(\d{1,6})/i.exec(knownValue(block, FIELD['keep-alive']) ?? '')
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]) * 1000
}

const BODY_STATE: Readonly<Record<number, number>> = {
  [BODY.none]: AT.length,
  [BODY.length]: AT.length,
  [BODY.chunked]: AT.chunked,
  [BODY.untilClose]: AT.untilClose,
}

function deliver(connection: ClientConnection, bytes: Buffer, start: number, end: number): void {
  const { exchange } = connection
  if (exchange !== undefined) {
    connection.events.data(exchange, bytes, start, end)
  } else {
    connection.unwanted += end - start
    if (connection.unwanted > UNWANTED_BYTES_MAX) connection.socket.destroy()
  }
}

function readLength(connection: ClientConnection, bytes: Buffer, i: number, end: number): number {
  const stop = Math.min(end, i + connection.left)
  connection.left -= stop - i
  deliver(connection, bytes, i, stop)
  if (connection.left === 0 && connection.at === AT.length) {
    // Bytes after the end belong to no request: this connection is not to be trusted with another.
    if (stop < end) connection.keepAlive = false
    complete(connection, '')
    return end
  }
  return stop
}

function readChunked(connection: ClientConnection, bytes: Buffer, start: number, end: number): number {
  const decoder = connection.decoder as ChunkedDecoder
  const i = decodeChunked(decoder, bytes, start, end)
  if (decoder.dataEnd > decoder.dataStart) deliver(connection, bytes, decoder.dataStart, decoder.dataEnd)
  if (isChunkedBad(decoder)) {
    protocolError(connection, 'http1.codec_error')
    return end
  }
  if (isChunkedDone(decoder) && connection.at === AT.chunked) {
    if (i < end) connection.keepAlive = false
    complete(connection, forwardedTrailers(decoder))
    return end
  }
  return i
}

/** The response is whole. The connection is given back first, so that a request that follows at once can have it. */
function complete(connection: ClientConnection, trailers: string): void {
  const { exchange, unwantedTimer } = connection
  connection.exchange = undefined
  connection.answered++
  if (unwantedTimer !== undefined) connection.thread.wheel.clear(unwantedTimer)
  if (!connection.keepAlive || !connection.requestEnded) {
    connection.at = AT.closed
    connection.socket.destroy()
  } else {
    connection.at = AT.idle
    // The end of a response may still come after it was paused: the next one has nothing to do with its slow client.
    if (connection.isPaused) {
      connection.isPaused = false
      connection.socket.resume()
    }
    connection.owner.released(connection.handle)
  }
  if (exchange) connection.events.end(exchange, trailers)
}

function protocolError(connection: ClientConnection, detail: string): void {
  const { exchange } = connection
  connection.exchange = undefined
  connection.at = AT.closed
  connection.socket.destroy()
  if (exchange) connection.events.failed(exchange, { kind: 'protocol', detail })
}

function onEnd(connection: ClientConnection): void {
  const { exchange, at } = connection
  if (at === AT.untilClose) {
    connection.keepAlive = false
    complete(connection, '')
  } else if (at === AT.tunnel && exchange) {
    connection.events.end(exchange, '')
  } else {
    connection.socket.destroy()
  }
}

function onClose(connection: ClientConnection): void {
  const { exchange, at, unwantedTimer } = connection
  connection.at = AT.closed
  connection.exchange = undefined
  if (unwantedTimer !== undefined) connection.thread.wheel.clear(unwantedTimer)
  connection.owner.closed(connection.handle, at === AT.connecting ? connectFailure(connection) : undefined)
  if (exchange === undefined) return
  connection.events.failed(exchange, {
    kind: 'reset',
    detail: connection.error === '' ? 'connection termination' : connection.error,
    reused: connection.answered > 0,
    answered: connection.anyByte,
    by: 'connection',
  })
}

function connectFailure({ error }: ClientConnection): UpstreamFailure {
  return { kind: 'connect', detail: error, timeout: error === 'connection timeout' }
}
