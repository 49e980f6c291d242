import { dropKnown, hasField, type HeadBlock, resetHeadBlock } from '../http1/head-block.ts'
import { forwardedTrailers } from '../http1/chunked.ts'
import { textOf } from '../http1/latin1.ts'
import { breakByPeer, noteEmptyFrame, noteReset } from './flood.ts'
import { decodeSection } from './hpack/decoder.ts'
import { beginHead, HEAD_PROBLEM, SECTION } from './hpack/head-assembly.ts'
import { ERROR, FLAG, FRAME_BYTES_MAX } from './protocol.ts'
import { endInput, isExpected, isIdle } from './receive-data.ts'
import { failConnection, writeReset } from './send-control.ts'
import { createStream } from './stream.ts'
import { endEarly, IS, noteBroken, PHASE, switchStream, wasEnded } from './stream-state.ts'
import { findStream } from './stream-table.ts'
import type { Connection, Stream } from './types.ts'
import { announcedLength, type HeadProblem, requestProblem, responseStatus } from './validate.ts'
import { FIELD } from '../http1/known-fields.ts'

/** Compressed bytes of one field section: little more than what it may be when it is decoded. */
const SECTION_BYTES_MORE = 4 * 1024
/** Responses before the final one. */
const INFORMATIONAL_MAX = 8

/** A whole HEADERS frame: its payload is `start`..`end`. */
export function readHeaders(connection: Connection, bytes: Buffer, start: number, end: number): void {
  const { frameFlags, frameStream } = connection
  if (frameStream === 0) return failConnection(connection, ERROR.protocol, 'HEADERS on stream 0')
  let from = start
  let to = end
  if ((frameFlags & FLAG.padded) !== 0) {
    if (from === to) return failConnection(connection, ERROR.frameSize, 'padding without its length')
    to -= bytes[from++] as number
  }
  let dependsOnItself = false
  if ((frameFlags & FLAG.priority) !== 0) {
    if (from + 5 > to) return failConnection(connection, ERROR.frameSize, 'HEADERS without its priority')
    dependsOnItself = (bytes.readUInt32BE(from) & 0x7fffffff) === frameStream
    from += 5
  }
  if (from > to) return failConnection(connection, ERROR.protocol, 'more padding than the frame holds')
  const endsStream = (frameFlags & FLAG.endStream) !== 0
  if (from === to && !endsStream && (frameFlags & FLAG.endHeaders) === 0) noteEmptyFrame(connection)
  else connection.accounts.emptyFrames = 0
  if (connection.phase === PHASE.closed) return
  connection.sectionStream = frameStream
  connection.sectionEndsStream = endsStream
  connection.sectionFrames = 0
  connection.sectionDependsOnItself = dependsOnItself
  if ((frameFlags & FLAG.endHeaders) !== 0) {
    readSection(connection, bytes, from, to)
    return
  }
  connection.sectionLength = 0
  connection.incompleteSince = connection.thread.clock.monotonic()
  connection.awaitsContinuation = true
  keepFragment(connection, bytes, from, to)
}

export function readContinuation(connection: Connection, bytes: Buffer, start: number, end: number): void {
  if (!connection.awaitsContinuation || connection.frameStream !== connection.sectionStream)
    return failConnection(connection, ERROR.protocol, 'CONTINUATION without HEADERS')
  const isLast = (connection.frameFlags & FLAG.endHeaders) !== 0
  // CVE-2024-27316: a section without an end.
  if (++connection.sectionFrames > continuationsMax(connection))
    return failConnection(connection, ERROR.enhanceYourCalm, 'http2.continuation_flood')
  if (start === end && !isLast) noteEmptyFrame(connection)
  if (connection.phase === PHASE.closed) return
  keepFragment(connection, bytes, start, end)
  if (!isLast || connection.phase !== PHASE.open) return
  connection.awaitsContinuation = false
  const { section, sectionLength } = connection
  connection.section = EMPTY
  readSection(connection, section, 0, sectionLength)
}

/** More than is usual where a head may be larger than is usual. */
function continuationsMax({ options }: Connection): number {
  return Math.max(options.maxContinuations, Math.ceil(options.requestHead.bytesMax / FRAME_BYTES_MAX) + 1)
}

const EMPTY = Buffer.alloc(0)

function keepFragment(connection: Connection, bytes: Buffer, start: number, end: number): void {
  const length = connection.sectionLength + end - start
  if (length > connection.options.requestHead.bytesMax + SECTION_BYTES_MORE)
    return failConnection(connection, ERROR.enhanceYourCalm, HEAD_PROBLEM.tooLarge)
  if (length > connection.section.length) {
    const larger = Buffer.allocUnsafeSlow(length * 2)
    connection.section.copy(larger, 0, 0, connection.sectionLength)
    connection.section = larger
  }
  bytes.copy(connection.section, connection.sectionLength, start, end)
  connection.sectionLength = length
}

/** The section is complete. It is decoded whatever becomes of it: the table must stay that of the peer. */
function readSection(connection: Connection, bytes: Buffer, start: number, end: number): void {
  const id = connection.sectionStream
  const stream = findStream(connection.streams, id)
  if (stream !== undefined) {
    readLaterSection(connection, stream, bytes, start, end)
  } else if (connection.isServer && (id & 1) === 1 && id > connection.lastPeerStream) {
    readRequest(connection, id, bytes, start, end)
  } else {
    if (!decode(connection, SECTION.trailers, connection.thread.lentBlock, bytes, start, end)) return
    if (isIdle(connection, id)) failConnection(connection, ERROR.protocol, 'HEADERS on an idle stream')
    else if (!isExpected(connection, id)) refuseOld(connection, id)
  }
}

/** A stream that has ended, or one that was skipped and cannot be opened any more (5.1.1). */
function refuseOld(connection: Connection, id: number): void {
  if (wasEnded(connection, id)) failConnection(connection, ERROR.streamClosed, 'HEADERS on a closed stream')
  else failConnection(connection, ERROR.protocol, 'HEADERS on a stream below the last one')
}

function decode(
  connection: Connection,
  section: number,
  block: HeadBlock,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  const { assembly, lentBlock } = connection.thread
  if (block === lentBlock) {
    resetHeadBlock(block)
    block.limits = connection.options.requestHead
  }
  beginHead(assembly, section, block)
  if (decodeSection(connection.decoder, assembly, bytes, start, end)) return true
  failConnection(connection, ERROR.compression, 'a field section that cannot be decoded')
  return false
}

function readRequest(connection: Connection, id: number, bytes: Buffer, start: number, end: number): void {
  const { thread, options, events } = connection
  connection.lastPeerStream = id
  const block = thread.blocks.acquire()
  block.limits = options.requestHead
  const isDecoded = decode(connection, SECTION.request, block, bytes, start, end)
  if (!isDecoded || id > connection.lastServed) {
    thread.blocks.release(block)
    return
  }
  const isFull = connection.headBytes + block.length > options.maxHeadBytes
  if (isFull || connection.streams.size >= options.maxConcurrentStreams) {
    thread.blocks.release(block)
    noteBroken(connection, id)
    writeReset(connection, id, ERROR.refusedStream)
    noteReset(connection)
    return
  }
  const { assembly } = thread
  const stream = createStream(connection, id)
  stream.head = block
  stream.headBytes = block.length
  connection.headBytes += block.length
  const problem = connection.sectionDependsOnItself
    ? DEPENDS_ON_ITSELF
    : (requestProblem(assembly, options.allowConnect) ?? bodyProblem(connection, stream))
  stream.method = assembly.method ?? ''
  stream.scheme = assembly.scheme ?? ''
  stream.authority = lowerCase(assembly.authority ?? '')
  stream.path = assembly.path ?? ''
  stream.protocol = assembly.protocol ?? ''
  stream.hasBody = !connection.sectionEndsStream
  if (connection.sectionEndsStream) stream.state |= IS.remoteEnded
  if (problem !== undefined) {
    refuseRequest(stream, problem)
    return
  }
  switchStream(connection, stream)
  // Whether the body is wanted is for the user of the stream to say; nobody waits to send none (RFC 9110, 10.1.1).
  if (!stream.hasBody && hasField(block, FIELD.expect)) dropKnown(block, FIELD.expect)
  events.head(stream)
}

const DEPENDS_ON_ITSELF: HeadProblem = { detail: HEAD_PROBLEM.messaging, status: 0 }

function lowerCase(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 65 && code <= 90) return text.toLowerCase()
  }
  return text
}

/** What `content-length` announces, against what the frame says. */
function bodyProblem(connection: Connection, stream: Stream): HeadProblem | undefined {
  const length = announcedLength(connection.thread.assembly.contentLength)
  if (length === -2 || (connection.sectionEndsStream && length > 0)) return BAD_LENGTH
  stream.contentLength = length
  stream.bodyLeft = length
  return undefined
}

const BAD_LENGTH: HeadProblem = { detail: HEAD_PROBLEM.messaging, status: 0 }

function refuseRequest(stream: Stream, problem: HeadProblem): void {
  const { connection, id } = stream
  if (problem.status !== 0) {
    connection.events.refused(stream, problem.status, problem.detail)
    return
  }
  connection.events.malformed(stream, problem.detail)
  stream.state |= IS.done
  noteBroken(connection, id)
  writeReset(connection, id, ERROR.protocol)
  endEarly(stream, { kind: 'malformed', detail: problem.detail })
  noteReset(connection)
}

/** Trailers, or a response. */
function readLaterSection(
  connection: Connection,
  stream: Stream,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { thread } = connection
  const isTrailers = connection.isServer || (stream.state & IS.headReceived) !== 0
  const section = isTrailers ? SECTION.trailers : SECTION.response
  if (!decode(connection, section, thread.lentBlock, bytes, start, end)) return
  if ((stream.state & IS.remoteEnded) !== 0) {
    breakByPeer(stream, ERROR.streamClosed, 'HEADERS after the end of the stream')
    return
  }
  if (connection.current !== stream) switchStream(connection, stream)
  if (isTrailers) readTrailers(connection, stream)
  else readResponse(connection, stream)
}

function readTrailers(connection: Connection, stream: Stream): void {
  const { assembly, lentBlock, trailers } = connection.thread
  const problem = assembly.problem ?? assembly.excess
  if (!connection.sectionEndsStream || problem !== undefined) {
    breakByPeer(stream, ERROR.protocol, problem ?? HEAD_PROBLEM.messaging)
    return
  }
  trailers.trailers = textOf(lentBlock.bytes, 0, lentBlock.length)
  endInput(stream, forwardedTrailers(trailers))
}

function readResponse(connection: Connection, stream: Stream): void {
  const { assembly, lentBlock } = connection.thread
  const status = responseStatus(assembly)
  if (status === 0)
    return breakByPeer(stream, ERROR.protocol, assembly.problem ?? assembly.excess ?? HEAD_PROBLEM.messaging)
  lentBlock.status = status
  if (status < 200) {
    if (connection.sectionEndsStream || ++stream.informational > INFORMATIONAL_MAX)
      breakByPeer(stream, ERROR.protocol, HEAD_PROBLEM.messaging)
    else connection.events.informational(stream, status, lentBlock)
    return
  }
  stream.state |= IS.headReceived
  const bodyless = (stream.state & IS.bodyless) !== 0 || status === 204 || status === 304
  const length = announcedLength(assembly.contentLength)
  const isShort = connection.sectionEndsStream && length > 0 && !bodyless
  if (length === -2 || isShort) return breakByPeer(stream, ERROR.protocol, HEAD_PROBLEM.messaging)
  stream.status = status
  stream.contentLength = length
  stream.bodyLeft = bodyless ? 0 : length
  stream.hasBody = !connection.sectionEndsStream
  stream.head = lentBlock
  connection.events.head(stream)
  stream.head = undefined
  if (connection.sectionEndsStream && (stream.state & IS.closed) === 0) endInput(stream, '')
}
