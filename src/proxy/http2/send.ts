import type { HeadBlock } from '../http1/head-block.ts'
import { FIELD } from '../http1/known-fields.ts'
import { appendPiece } from './byte-queue.ts'
import { beginSection, putField, putHeadFields, putLines, putStatic } from './hpack/encoder.ts'
import { STATIC } from './hpack/static-table.ts'
import { beginFrame, waitingBytes, writeOut } from './outbox.ts'
import { ERROR, FLAG, FRAME, FRAME_HEADER_BYTES } from './protocol.ts'
import { noteOutbound, writeReset } from './send-control.ts'
import { closeStream, IS, isClosed, noteBroken, releaseHead } from './stream-state.ts'
import { addStream, listStreams, removeStream } from './stream-table.ts'
import type { Connection, OutgoingHead, RequestParts, Stream } from './types.ts'

/** Bytes put together before they are written in the middle of a turn. */
const WRITE_BYTES = 64 * 1024
/** While the socket is busy this much is put together all the same: waiting as frames costs no second copy. */
const BUSY_BYTES = 128 * 1024
/** A frame shorter than this is made longer rather than followed by another. */
const MERGED_BYTES_MAX = 8 * 1024

/** Fields of HTTP/1.1 connections, which no message of HTTP/2 may hold; `host` is said by `:authority`. */
const WITHOUT = maskOf(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
const WITHOUT_IN_REQUEST = WITHOUT | maskOf(['host', 'http2-settings'])

function maskOf(names: readonly (keyof typeof FIELD)[]): number {
  let mask = 0
  for (const name of names) mask |= 1 << FIELD[name]
  return mask
}

export function sendHead(stream: Stream, head: OutgoingHead): void {
  if ((stream.state & (IS.closed | IS.localEnded)) !== 0) return
  const { connection } = stream
  const { encoder, thread } = connection
  const out = thread.section
  out.length = 0
  stream.state |= IS.headSent
  if (stream.id < 0) numberStream(stream)
  beginSection(encoder, out)
  if (head.request === undefined) {
    // An upgrade of HTTP/1.1 that succeeded is a CONNECT that succeeded here (RFC 8441).
    putStatus(connection, head.status === 101 ? 200 : head.status)
    if (head.block !== undefined) putHeadFields(encoder, out, head.block, WITHOUT)
  } else {
    putPseudo(connection, head.request)
    if (head.request.method === 'HEAD') stream.state |= IS.bodyless
    if (head.block !== undefined) putHeadFields(encoder, out, head.block, WITHOUT_IN_REQUEST)
  }
  putLines(encoder, out, head.lines)
  if (head.block !== undefined) for (const line of head.block.added) putLines(encoder, out, line)
  writeSection(stream, 0)
}

/** Streams of a client get their number when they begin: numbers must rise in the order of the heads (5.1.1). */
function numberStream(stream: Stream): void {
  const { connection } = stream
  removeStream(connection.streams, stream)
  stream.id = connection.nextStream
  connection.nextStream += 2
  addStream(connection.streams, stream)
}

/** A response before the final one; 101 does not exist here. */
export function sendInformational(stream: Stream, status: number, block: HeadBlock | undefined): void {
  if ((stream.state & (IS.closed | IS.headSent)) !== 0 || status === 101) return
  const { connection } = stream
  const out = connection.thread.section
  out.length = 0
  beginSection(connection.encoder, out)
  putStatus(connection, status)
  if (block !== undefined) putHeadFields(connection.encoder, out, block, WITHOUT)
  writeSection(stream, 0)
}

const STATUS_INDEX: Readonly<Record<number, number>> = {
  200: 8,
  204: 9,
  206: 10,
  304: 11,
  400: 12,
  404: 13,
  500: 14,
}

function putStatus(connection: Connection, status: number): void {
  const { encoder, thread } = connection
  const index = status === 200 ? STATIC.status200 : STATUS_INDEX[status]
  if (index !== undefined) putStatic(thread.section, index)
  else putField(encoder, thread.section, ':status', String(status))
}

function putPseudo(connection: Connection, request: RequestParts): void {
  const { encoder, thread } = connection
  const out = thread.section
  const { method, scheme, path, protocol } = request
  if (method === 'GET') putStatic(out, STATIC.methodGet)
  else if (method === 'POST') putStatic(out, STATIC.methodPost)
  else putField(encoder, out, ':method', method)
  if (method !== 'CONNECT' || protocol !== '') {
    putStatic(out, scheme === 'https' ? STATIC.schemeHttps : STATIC.schemeHttp)
    if (path === '/') putStatic(out, STATIC.path)
    else putField(encoder, out, ':path', path)
    if (protocol !== '') putField(encoder, out, ':protocol', protocol)
  }
  putField(encoder, out, ':authority', request.authority)
}

/** Writes the section at hand as HEADERS, with CONTINUATION where the peer's frames are too small for it. */
function writeSection(stream: Stream, flags: number): void {
  const { connection } = stream
  const { bytes, length } = connection.thread.section
  const { out, peerFrameBytes } = connection
  const first = Math.min(length, peerFrameBytes)
  const isWhole = first === length
  let at = beginFrame(connection, first, FRAME.headers, isWhole ? flags | FLAG.endHeaders : flags, stream.id)
  copySection(bytes, 0, first, out.chunk as Buffer, at)
  stream.frameStart = at - FRAME_HEADER_BYTES
  stream.frameEpoch = isWhole ? out.epoch : 0
  for (let done = first; done < length;) {
    const next = Math.min(length - done, peerFrameBytes)
    const flag = done + next === length ? FLAG.endHeaders : 0
    at = beginFrame(connection, next, FRAME.continuation, flag, stream.id)
    bytes.copy(out.chunk as Buffer, at, done, done + next)
    done += next
  }
  noteOutbound(connection)
}

function copySection(bytes: Buffer, start: number, end: number, target: Buffer, at: number): void {
  if (end - start > LOOP_BYTES) {
    bytes.copy(target, at, start, end)
    return
  }
  for (let i = start; i < end; i++) target[at + i] = bytes[i] as number
}

const LOOP_BYTES = 48

export function sendData(stream: Stream, bytes: Buffer, start: number, end: number): void {
  if ((stream.state & (IS.closed | IS.localEnded)) !== 0 || end === start) return
  const sent = stream.pendingBytes > 0 ? start : writeData(stream, bytes, start, end)
  if (sent === end || isClosed(stream)) return
  stream.pending ??= []
  if (stream.pendingBytes === 0) stream.stalledSince = stream.connection.thread.clock.monotonic()
  appendPiece(stream.pending, bytes, sent, end)
  stream.pendingBytes += end - sent
  enqueue(stream)
}

/** Writes as much as the windows and the socket take. @returns the index after it */
function writeData(stream: Stream, bytes: Buffer, start: number, end: number): number {
  const { connection } = stream
  let i = start
  while (i < end && hasRoom(connection)) {
    const length = Math.min(end - i, stream.sendWindow, connection.sendWindow, connection.peerFrameBytes)
    if (length <= 0) break
    writeDataFrame(stream, bytes, i, i + length)
    i += length
  }
  return i
}

function hasRoom(connection: Connection): boolean {
  const { out } = connection
  if (waitingBytes(out) >= WRITE_BYTES) writeOut(connection)
  return waitingBytes(out) < BUSY_BYTES
}

function writeDataFrame(stream: Stream, bytes: Buffer, start: number, end: number): void {
  const { connection } = stream
  const { out } = connection
  const length = end - start
  stream.sendWindow -= length
  connection.sendWindow -= length
  connection.accounts.dataFramesSent++
  if (
    stream.frameEpoch === out.epoch &&
    out.lastFrame === stream.frameStart &&
    extendFrame(stream, bytes, start, end)
  )
    return
  const at = beginFrame(connection, length, FRAME.data, 0, stream.id)
  bytes.copy(out.chunk as Buffer, at, start, end)
  stream.frameStart = at - FRAME_HEADER_BYTES
  stream.frameEpoch = out.epoch
  noteOutbound(connection)
}

/** Puts the bytes into the stream's last frame, which is DATA and the last of the chunk. */
function extendFrame(stream: Stream, bytes: Buffer, start: number, end: number): boolean {
  const { out, peerFrameBytes } = stream.connection
  const chunk = out.chunk as Buffer
  const at = stream.frameStart
  if (chunk[at + 3] !== FRAME.data) return false
  const before = out.length - at - FRAME_HEADER_BYTES
  const length = before + end - start
  if (before > MERGED_BYTES_MAX || length > peerFrameBytes) return false
  if (out.length + end - start > chunk.length) return false
  bytes.copy(chunk, out.length, start, end)
  out.length += end - start
  chunk[at] = length >>> 16
  chunk[at + 1] = length >>> 8
  chunk[at + 2] = length
  return true
}

/** @param trailers lines, each ending in CR LF */
export function sendEnd(stream: Stream, trailers: string): void {
  if ((stream.state & (IS.closed | IS.localEnded)) !== 0 || stream.pendingEnd !== undefined) return
  if (stream.pendingBytes > 0) stream.pendingEnd = trailers
  else writeEnd(stream, trailers)
}

function writeEnd(stream: Stream, trailers: string): void {
  const { connection } = stream
  const { out, encoder, thread } = connection
  stream.state |= IS.localEnded
  if (trailers !== '') {
    thread.section.length = 0
    beginSection(encoder, thread.section)
    putLines(encoder, thread.section, trailers)
    writeSection(stream, FLAG.endStream)
  } else if (stream.frameEpoch === out.epoch) {
    // The frame that turned out to be the last one has not left yet.
    const chunk = out.chunk as Buffer
    const at = stream.frameStart + 4
    chunk[at] = (chunk[at] as number) | FLAG.endStream
  } else {
    beginFrame(connection, 0, FRAME.data, FLAG.endStream, stream.id)
    noteOutbound(connection)
  }
  if ((stream.state & IS.remoteEnded) !== 0) closeStream(stream)
  else if ((stream.state & IS.done) !== 0) breakOff(stream, ERROR.none)
}

/** Sends RST_STREAM and closes, in this order: the last stream of a connection that drains ends it. Nothing is reported. */
function breakOff(stream: Stream, code: number): void {
  if (isClosed(stream)) return
  const { connection, id } = stream
  if (id >= 0) {
    noteBroken(connection, id)
    writeReset(connection, id, code)
  }
  closeStream(stream)
}

export function flushStream(stream: Stream): boolean {
  const { out, socket } = stream.connection
  if (waitingBytes(out) >= WRITE_BYTES) writeOut(stream.connection)
  if (stream.pendingBytes === 0 && !socket.writableNeedDrain) return true
  stream.owesDrained = true
  return false
}

/** The user of a server's stream has sent all it has to send. */
export function finishStream(stream: Stream): void {
  const isAbandoned = (stream.state & IS.done) !== 0
  stream.state |= IS.done
  if (!isAbandoned && !isClosed(stream)) {
    if ((stream.state & IS.headSent) === 0) breakOff(stream, ERROR.internal)
    else if ((stream.state & IS.localEnded) !== 0) breakOff(stream, ERROR.none)
    else sendEnd(stream, '')
  }
  releaseHead(stream)
}

/** The user breaks off. */
export function abandon(stream: Stream, code: number): void {
  stream.state |= IS.done
  breakOff(stream, code)
}

/** Lines up a stream that has something to send and is allowed to. */
export function enqueue(stream: Stream): void {
  if (stream.queued || stream.sendWindow <= 0 || stream.pendingBytes === 0) return
  stream.queued = true
  stream.connection.queue.push(stream)
}

/** Lets the streams send in turns, a frame each, as long as the connection's window and the socket allow. */
export function pump(connection: Connection): void {
  const { queue } = connection
  while (queue.length > 0 && connection.sendWindow > 0 && hasRoom(connection)) {
    const stream = queue.shift() as Stream
    stream.queued = false
    if (isClosed(stream)) continue
    sendPending(stream)
  }
}

function sendPending(stream: Stream): void {
  const { connection, pending } = stream
  const piece = pending?.[0]
  if (pending === undefined || piece === undefined) return
  const length = Math.min(
    piece.end - piece.start,
    stream.sendWindow,
    connection.sendWindow,
    connection.peerFrameBytes,
  )
  if (length <= 0) return
  writeDataFrame(stream, piece.bytes, piece.start, piece.start + length)
  stream.pendingBytes -= length
  stream.stalledSince = connection.thread.clock.monotonic()
  piece.start += length
  if (piece.start === piece.end) pending.shift()
  if (stream.pendingBytes > 0) {
    enqueue(stream)
    return
  }
  stream.pending = undefined
  const { pendingEnd } = stream
  if (pendingEnd !== undefined) {
    stream.pendingEnd = undefined
    writeEnd(stream, pendingEnd)
  }
  if (!connection.socket.writableNeedDrain) reportDrained(stream)
}

function reportDrained(stream: Stream): void {
  if (!stream.owesDrained) return
  stream.owesDrained = false
  if ((stream.state & (IS.done | IS.closed)) === 0) stream.connection.events.drained(stream)
}

/** The socket takes more: so do the streams that have nothing waiting. */
export function tellDrained(connection: Connection): void {
  for (const stream of listStreams(connection.streams)) {
    if (connection.socket.writableNeedDrain) return
    if (stream.pendingBytes === 0) reportDrained(stream)
  }
}
