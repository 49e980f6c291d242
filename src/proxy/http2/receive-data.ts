import { appendPiece, type Piece } from './byte-queue.ts'
import { ERROR, FLAG } from './protocol.ts'
import { failConnection } from './send-control.ts'
import { refundConnection, refundStream } from './window.ts'
import { breakByPeer, noteEmptyFrame } from './flood.ts'
import { closeStream, IS, isClosed, PHASE, switchStream } from './stream-state.ts'
import { findStream } from './stream-table.ts'
import type { Connection, Stream } from './types.ts'

/** The header of a DATA frame has come: accounts for the whole frame, padding included (RFC 9113, 6.9). */
export function beginData(connection: Connection): void {
  const { frameLength, frameFlags, frameStream } = connection
  if (frameStream === 0) return failConnection(connection, ERROR.protocol, 'DATA on stream 0')
  const padded = (frameFlags & FLAG.padded) !== 0
  if (padded && frameLength === 0)
    return failConnection(connection, ERROR.frameSize, 'padding without its length')
  if (frameLength > connection.receiveWindow)
    return failConnection(connection, ERROR.flowControl, 'more data than the window of the connection')
  connection.receiveWindow -= frameLength
  connection.dataLeft = frameLength
  connection.padLeft = 0
  connection.padLengthDue = padded
  const stream = receivingStream(connection)
  if (connection.phase !== PHASE.closed) {
    connection.dataStream = stream
    if (stream !== undefined) checkWindow(connection, stream, frameLength)
    if (!padded) checkLength(connection)
    if (frameLength === 0) endFrame(connection)
  }
}

/** @returns undefined when the bytes are to be thrown away */
function receivingStream(connection: Connection): Stream | undefined {
  const { frameStream } = connection
  const stream = findStream(connection.streams, frameStream)
  if (stream === undefined) {
    if (isIdle(connection, frameStream)) failConnection(connection, ERROR.protocol, 'DATA on an idle stream')
    else if (!isExpected(connection, frameStream))
      failConnection(connection, ERROR.streamClosed, 'DATA on a closed stream')
    return undefined
  }
  if ((stream.state & IS.remoteEnded) !== 0) {
    breakByPeer(stream, ERROR.streamClosed, 'DATA after the end of the stream')
    return undefined
  }
  if (!connection.isServer && (stream.state & IS.headReceived) === 0) {
    breakByPeer(stream, ERROR.protocol, 'DATA before the head')
    return undefined
  }
  return stream
}

/** Never opened by the side whose number it is. */
export function isIdle(connection: Connection, id: number): boolean {
  const isPeers = (id & 1) === (connection.isServer ? 1 : 0)
  return isPeers ? id > connection.lastPeerStream : id >= connection.nextStream
}

/** Frames of a stream that is gone may still come: we broke it off, or said that we would not serve it. */
export function isExpected(connection: Connection, id: number): boolean {
  return connection.broken.has(id) || (connection.isServer && id > connection.lastServed)
}

function checkWindow(connection: Connection, stream: Stream, length: number): void {
  if (length > stream.receiveWindow) {
    connection.dataStream = undefined
    breakByPeer(stream, ERROR.flowControl, 'more data than the window of the stream')
    return
  }
  stream.receiveWindow -= length
}

/** The length of the data in the frame is known: it must not be more than what is left of the announced body. */
function checkLength(connection: Connection): void {
  const { dataStream, dataLeft } = connection
  if (dataStream === undefined || dataStream.bodyLeft < 0) return
  if (dataLeft <= dataStream.bodyLeft) dataStream.bodyLeft -= dataLeft
  else breakByPeer(dataStream, ERROR.protocol, 'more data than content-length says')
}

/** Reads what there is of the DATA frame at hand. @returns the index after it */
export function readData(connection: Connection, bytes: Buffer, start: number, end: number): number {
  let i = start
  if (connection.padLengthDue) {
    connection.padLengthDue = false
    connection.padLeft = bytes[i++] as number
    connection.dataLeft--
    if (connection.padLeft > connection.dataLeft) {
      failConnection(connection, ERROR.protocol, 'more padding than the frame holds')
      return end
    }
    connection.dataLeft -= connection.padLeft
    checkLength(connection)
    refund(connection, connection.dataStream, 1)
  }
  if (connection.dataLeft > 0) {
    const stop = Math.min(end, i + connection.dataLeft)
    connection.dataLeft -= stop - i
    takeData(connection, bytes, i, stop)
    i = stop
  }
  if (connection.dataLeft === 0 && connection.padLeft > 0) {
    const stop = Math.min(end, i + connection.padLeft)
    connection.padLeft -= stop - i
    refund(connection, connection.dataStream, stop - i)
    i = stop
  }
  if (connection.dataLeft === 0 && connection.padLeft === 0) endFrame(connection)
  return i
}

function takeData(connection: Connection, bytes: Buffer, start: number, end: number): void {
  const stream = connection.dataStream
  if (stream === undefined || start === end || (stream.state & IS.done) !== 0) {
    refund(connection, undefined, end - start)
    return
  }
  if (stream.paused || stream.held !== undefined) {
    stream.held ??= { pieces: [], end: undefined }
    appendPiece(stream.held.pieces, bytes, start, end)
    return
  }
  if (connection.current !== stream) switchStream(connection, stream)
  connection.events.data(stream, bytes, start, end)
  refund(connection, stream, end - start)
}

/** The DATA frame is complete. */
function endFrame(connection: Connection): void {
  const stream = connection.dataStream
  connection.dataStream = undefined
  const endsStream = (connection.frameFlags & FLAG.endStream) !== 0
  if (connection.frameLength === 0 && !endsStream) noteEmptyFrame(connection)
  else connection.accounts.emptyFrames = 0
  if (stream !== undefined && endsStream && !isClosed(stream)) endInput(stream, '')
}

/** The peer has said all it has to say on this stream. */
export function endInput(stream: Stream, trailers: string): void {
  if (stream.bodyLeft > 0) {
    breakByPeer(stream, ERROR.protocol, 'less data than content-length says')
    return
  }
  stream.state |= IS.remoteEnded
  if (stream.held !== undefined) {
    stream.held.end = trailers
    return
  }
  reportEnd(stream, trailers)
}

function reportEnd(stream: Stream, trailers: string): void {
  const { connection } = stream
  if (connection.current !== stream) switchStream(connection, stream)
  // A client's stream is over before its user hears of it, so that another request can take its place at once.
  if ((stream.state & IS.localEnded) !== 0) closeStream(stream)
  if ((stream.state & IS.done) === 0) connection.events.end(stream, trailers)
}

export function pauseStream(stream: Stream): void {
  stream.paused = true
}

/** Delivers what was held back, unless the reader pauses again in between. */
export function resumeStream(stream: Stream): void {
  if (!stream.paused) return
  stream.paused = false
  const { held, connection } = stream
  if (held === undefined || isClosed(stream)) return
  while (held.pieces.length > 0) {
    const { bytes, start, end } = held.pieces.shift() as Piece
    connection.events.data(stream, bytes, start, end)
    refund(connection, stream, end - start)
    if (isClosed(stream)) return
    if (stream.paused) break
  }
  if (held.pieces.length === 0) {
    stream.held = undefined
    if (held.end !== undefined) reportEnd(stream, held.end)
  }
  if (!isClosed(stream)) connection.events.flush(stream)
}

/** Bytes that were taken, or thrown away, are allowed anew. */
function refund(connection: Connection, stream: Stream | undefined, bytes: number): void {
  if (connection.phase === PHASE.closed || bytes === 0) return
  // What ended its stream, or belongs to none, counts for the connection alone.
  if (stream === undefined || (stream.state & (IS.closed | IS.remoteEnded)) !== 0)
    refundConnection(connection, bytes)
  else refundStream(stream, bytes)
}
