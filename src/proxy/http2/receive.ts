import { ERROR, FRAME, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, PREFACE } from './protocol.ts'
import {
  readGoAway,
  readPing,
  readPriority,
  readReset,
  readSettings,
  readWindowUpdate,
} from './receive-control.ts'
import { beginData, readData } from './receive-data.ts'
import { readContinuation, readHeaders } from './receive-head.ts'
import { failConnection } from './send-control.ts'
import { PHASE, switchStream } from './stream-state.ts'
import type { Connection } from './types.ts'

/**
 * Takes bytes that arrived, however they are cut. Frames that are there as a whole are read where they are; the payload of
 * DATA is reported as it comes; of other frames the beginning is kept.
 * @param bytes lent: what is needed later is copied
 */
export function receive(connection: Connection, bytes: Buffer, start: number, end: number): void {
  connection.work.events++
  connection.lastReceived = connection.thread.clock.monotonic()
  let i = start
  if (connection.phase === PHASE.preface) i = readPreface(connection, bytes, i, end)
  while (i < end && connection.phase === PHASE.open) {
    if (connection.dataLeft > 0 || connection.padLeft > 0 || connection.padLengthDue)
      i = readData(connection, bytes, i, end)
    else if (connection.partialLength > 0) i = continueFrame(connection, bytes, i, end)
    else i = startFrame(connection, bytes, i, end)
  }
  switchStream(connection, undefined)
}

/** A client's first bytes (RFC 9113, 3.4). */
function readPreface(connection: Connection, bytes: Buffer, start: number, end: number): number {
  let i = start
  while (i < end && connection.partialLength < PREFACE.length) {
    if (bytes[i] !== PREFACE[connection.partialLength]) {
      connection.partialLength = 0
      connection.phase = PHASE.open
      failConnection(connection, ERROR.protocol, 'http2.bad_preface')
      return end
    }
    connection.partialLength++
    i++
  }
  if (connection.partialLength === PREFACE.length) {
    connection.partialLength = 0
    connection.phase = PHASE.open
  }
  return i
}

function startFrame(connection: Connection, bytes: Buffer, start: number, end: number): number {
  if (end - start < FRAME_HEADER_BYTES) return keepBeginning(connection, bytes, start, end)
  readFrameHeader(connection, bytes, start)
  if (connection.phase !== PHASE.open) return end
  const payload = start + FRAME_HEADER_BYTES
  if (connection.frameType === FRAME.data) {
    beginData(connection)
    return payload
  }
  const after = payload + connection.frameLength
  if (after > end) return keepBeginning(connection, bytes, start, end)
  readFrame(connection, bytes, payload, after)
  return after
}

function keepBeginning(connection: Connection, bytes: Buffer, start: number, end: number): number {
  if (connection.partial.length < FRAME_HEADER_BYTES + FRAME_BYTES_MAX)
    connection.partial = partialFor(connection, end - start)
  bytes.copy(connection.partial, 0, start, end)
  connection.partialLength = end - start
  if (connection.incompleteSince === 0) connection.incompleteSince = connection.thread.clock.monotonic()
  return end
}

/** Memory of the size of the frame, or of its header while that is all that is known. */
function partialFor(connection: Connection, have: number): Buffer {
  const bytes = have < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : FRAME_HEADER_BYTES + connection.frameLength
  return connection.partial.length >= bytes ? connection.partial : Buffer.allocUnsafe(bytes)
}

/** Completes first the header, then the frame. */
function continueFrame(connection: Connection, bytes: Buffer, start: number, end: number): number {
  let i = start
  if (connection.partialLength < FRAME_HEADER_BYTES) {
    i = append(connection, bytes, i, end, FRAME_HEADER_BYTES)
    if (connection.partialLength < FRAME_HEADER_BYTES) return i
    readFrameHeader(connection, connection.partial, 0)
    if (connection.phase !== PHASE.open) return end
    if (connection.frameType === FRAME.data) {
      connection.partialLength = 0
      beginData(connection)
      return i
    }
    const whole = partialFor(connection, FRAME_HEADER_BYTES)
    if (whole !== connection.partial) connection.partial.copy(whole, 0, 0, FRAME_HEADER_BYTES)
    connection.partial = whole
  }
  const length = FRAME_HEADER_BYTES + connection.frameLength
  i = append(connection, bytes, i, end, length)
  if (connection.partialLength < length) return i
  connection.partialLength = 0
  const { partial } = connection
  connection.partial = EMPTY
  readFrame(connection, partial, FRAME_HEADER_BYTES, length)
  return i
}

const EMPTY = Buffer.alloc(0)

function append(connection: Connection, bytes: Buffer, start: number, end: number, length: number): number {
  const stop = Math.min(end, start + length - connection.partialLength)
  bytes.copy(connection.partial, connection.partialLength, start, stop)
  connection.partialLength += stop - start
  return stop
}

function readFrameHeader(connection: Connection, bytes: Buffer, at: number): void {
  const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
  const type = bytes[at + 3] as number
  connection.frameLength = length
  connection.frameType = type
  connection.frameFlags = bytes[at + 4] as number
  connection.frameStream =
    (((bytes[at + 5] as number) & 0x7f) << 24) |
    ((bytes[at + 6] as number) << 16) |
    ((bytes[at + 7] as number) << 8) |
    (bytes[at + 8] as number)
  if (length > FRAME_BYTES_MAX) {
    failConnection(connection, ERROR.frameSize, 'a frame larger than allowed')
  } else if (!connection.settingsReceived && type !== FRAME.settings) {
    failConnection(connection, ERROR.protocol, 'the first frame is not SETTINGS')
  } else if (connection.awaitsContinuation && type !== FRAME.continuation) {
    failConnection(connection, ERROR.protocol, 'another frame within a field section')
  }
}

/** A whole frame that is not DATA. */
function readFrame(connection: Connection, bytes: Buffer, start: number, end: number): void {
  switch (connection.frameType) {
    case FRAME.headers:
      readHeaders(connection, bytes, start, end)
      break
    case FRAME.continuation:
      readContinuation(connection, bytes, start, end)
      break
    case FRAME.windowUpdate:
      readWindowUpdate(connection, bytes, start, end)
      break
    case FRAME.settings:
      readSettings(connection, bytes, start, end)
      break
    case FRAME.ping:
      readPing(connection, bytes, start, end)
      break
    case FRAME.resetStream:
      readReset(connection, bytes, start, end)
      break
    case FRAME.goAway:
      readGoAway(connection, bytes, start, end)
      break
    case FRAME.priority:
      readPriority(connection, bytes, start, end)
      break
    case FRAME.pushPromise:
      // We never allow it (6.6), and no client may send it.
      failConnection(connection, ERROR.protocol, 'PUSH_PROMISE')
      break
    default:
    // Frames of unknown types are ignored (4.1).
  }
  if (!connection.awaitsContinuation) connection.incompleteSince = 0
}
