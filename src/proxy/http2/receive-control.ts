import { breakByPeer, notePriority, noteReset, noteWindowUpdate } from './flood.ts'
import { limitEncoderTable } from './hpack/encoder.ts'
import { ERROR, FLAG, FRAME_BYTES_MAX, SETTING, SETTING_BYTES, WINDOW_MAX } from './protocol.ts'
import { isExpected, isIdle } from './receive-data.ts'
import { enqueue, pump } from './send.ts'
import { failConnection, writePing, writeReset, writeSettingsAck } from './send-control.ts'
import { endEarly, noteBroken, PHASE } from './stream-state.ts'
import { findStream, listStreams } from './stream-table.ts'
import type { Connection } from './types.ts'

export function readSettings(connection: Connection, bytes: Buffer, start: number, end: number): void {
  if (connection.frameStream !== 0) return failConnection(connection, ERROR.protocol, 'SETTINGS on a stream')
  const length = end - start
  if ((connection.frameFlags & FLAG.ack) !== 0) {
    if (length !== 0) return failConnection(connection, ERROR.frameSize, 'acknowledgement with settings')
    onSettingsAck(connection)
    return
  }
  if (length % SETTING_BYTES !== 0)
    return failConnection(connection, ERROR.frameSize, 'SETTINGS of a wrong length')
  if (length / SETTING_BYTES > connection.options.maxSettingsPerFrame)
    return failConnection(connection, ERROR.enhanceYourCalm, 'too many settings')
  if (connection.settingsReceived) noteReset(connection)
  const windowBefore = connection.peerWindow
  for (let i = start; i < end && connection.phase === PHASE.open; i += SETTING_BYTES) {
    applySetting(connection, bytes.readUInt16BE(i), bytes.readUInt32BE(i + 2))
  }
  if (connection.phase !== PHASE.open) return
  connection.settingsReceived = true
  writeSettingsAck(connection)
  if (connection.peerWindow !== windowBefore) moveWindows(connection, connection.peerWindow - windowBefore)
  connection.changed()
}

function applySetting(connection: Connection, id: number, value: number): void {
  switch (id) {
    case SETTING.headerTableSize:
      limitEncoderTable(connection.encoder, value)
      return
    case SETTING.enablePush:
      // A server has nothing to say here but 0 (6.5.2).
      if (value > 1 || (!connection.isServer && value !== 0))
        failConnection(connection, ERROR.protocol, 'ENABLE_PUSH of a wrong value')
      return
    case SETTING.maxConcurrentStreams:
      connection.peerStreams = value
      return
    case SETTING.initialWindowSize:
      if (value > WINDOW_MAX)
        failConnection(connection, ERROR.flowControl, 'INITIAL_WINDOW_SIZE of a wrong value')
      else connection.peerWindow = value
      return
    case SETTING.maxFrameSize:
      if (value < FRAME_BYTES_MAX || value > 0xffffff)
        failConnection(connection, ERROR.protocol, 'MAX_FRAME_SIZE of a wrong value')
      return
    case SETTING.enableConnectProtocol:
      if (value > 1 || (connection.peerConnect && value === 0))
        failConnection(connection, ERROR.protocol, 'ENABLE_CONNECT_PROTOCOL of a wrong value')
      else connection.peerConnect = value === 1
      return
    default:
  }
}

/** The peer's window for new streams has changed: those that are open follow (6.9.2), below zero if need be. */
function moveWindows(connection: Connection, difference: number): void {
  for (const stream of listStreams(connection.streams)) {
    stream.sendWindow += difference
    if (stream.sendWindow > WINDOW_MAX)
      return failConnection(connection, ERROR.flowControl, 'a window beyond its limit')
    enqueue(stream)
  }
  pump(connection)
}

/** From now on the peer keeps to what we have asked for. */
function onSettingsAck(connection: Connection): void {
  if (connection.settingsAcked) return
  connection.settingsAcked = true
  connection.decoder.sizeLimit = connection.options.headerTableSize
  const difference = connection.options.streamWindow - connection.streamWindow
  connection.streamWindow = connection.options.streamWindow
  if (difference === 0) return
  for (const stream of listStreams(connection.streams)) stream.receiveWindow += difference
}

export function readPing(connection: Connection, bytes: Buffer, start: number, end: number): void {
  if (connection.frameStream !== 0) return failConnection(connection, ERROR.protocol, 'PING on a stream')
  if (end - start !== 8) return failConnection(connection, ERROR.frameSize, 'PING of a wrong length')
  if ((connection.frameFlags & FLAG.ack) === 0) {
    writePing(connection, FLAG.ack, bytes, start)
    return
  }
  connection.pingSentAt = 0
  if (bytes.subarray(start, end).equals(DRAIN_PING)) connection.noticed()
}

/** Whose answer shows that the peer has read the first GOAWAY. */
export const DRAIN_PING: Buffer = Buffer.from('draining', 'latin1')
export const KEEP_ALIVE_PING: Buffer = Buffer.from('keepaliv', 'latin1')

export function readGoAway(connection: Connection, bytes: Buffer, start: number, end: number): void {
  if (connection.frameStream !== 0) return failConnection(connection, ERROR.protocol, 'GOAWAY on a stream')
  if (end - start < 8) return failConnection(connection, ERROR.frameSize, 'GOAWAY of a wrong length')
  connection.peerGoingAway = true
  if (!connection.isServer) {
    const last = bytes.readUInt32BE(start) & 0x7fffffff
    const code = bytes.readUInt32BE(start + 4)
    for (const stream of listStreams(connection.streams)) {
      if (stream.id > last) endEarly(stream, { kind: 'refused', detail: `GOAWAY with code ${code}` })
    }
  }
  connection.changed()
}

export function readReset(connection: Connection, bytes: Buffer, start: number, end: number): void {
  const { frameStream } = connection
  if (frameStream === 0) return failConnection(connection, ERROR.protocol, 'RST_STREAM on stream 0')
  if (end - start !== 4) return failConnection(connection, ERROR.frameSize, 'RST_STREAM of a wrong length')
  const stream = findStream(connection.streams, frameStream)
  if (stream === undefined) {
    if (isIdle(connection, frameStream))
      failConnection(connection, ERROR.protocol, 'RST_STREAM on an idle stream')
    return
  }
  const code = bytes.readUInt32BE(start)
  // What the peer sent before it must be let pass, and nothing after it is to come; nothing is answered.
  endEarly(
    stream,
    code === ERROR.refusedStream
      ? { kind: 'refused', detail: 'http2.remote_refuse' }
      : { kind: 'reset', code, detail: 'http2.remote_reset' },
  )
  if (connection.isServer) noteReset(connection)
}

export function readWindowUpdate(connection: Connection, bytes: Buffer, start: number, end: number): void {
  const { frameStream } = connection
  if (end - start !== 4) return failConnection(connection, ERROR.frameSize, 'WINDOW_UPDATE of a wrong length')
  const more = bytes.readUInt32BE(start) & 0x7fffffff
  noteWindowUpdate(connection)
  if (connection.phase !== PHASE.open) return
  if (frameStream === 0) {
    if (more === 0) return failConnection(connection, ERROR.protocol, 'WINDOW_UPDATE of nothing')
    connection.sendWindow += more
    if (connection.sendWindow > WINDOW_MAX)
      return failConnection(connection, ERROR.flowControl, 'a window beyond its limit')
    pump(connection)
    return
  }
  const stream = findStream(connection.streams, frameStream)
  if (stream === undefined) {
    if (isIdle(connection, frameStream))
      failConnection(connection, ERROR.protocol, 'WINDOW_UPDATE on an idle stream')
    return
  }
  if (more === 0) return breakByPeer(stream, ERROR.protocol, 'WINDOW_UPDATE of nothing')
  stream.sendWindow += more
  if (stream.sendWindow > WINDOW_MAX)
    return breakByPeer(stream, ERROR.flowControl, 'a window beyond its limit')
  enqueue(stream)
  pump(connection)
}

/** Priorities are ignored (RFC 9113, 5.3), but not what makes no sense. */
export function readPriority(connection: Connection, bytes: Buffer, start: number, end: number): void {
  const { frameStream } = connection
  if (frameStream === 0) return failConnection(connection, ERROR.protocol, 'PRIORITY on stream 0')
  notePriority(connection)
  if (connection.phase !== PHASE.open) return
  const isWrong = end - start !== 5
  if (!isWrong && (bytes.readUInt32BE(start) & 0x7fffffff) !== frameStream) return
  const code = isWrong ? ERROR.frameSize : ERROR.protocol
  const stream = findStream(connection.streams, frameStream)
  if (stream !== undefined) {
    breakByPeer(stream, code, 'PRIORITY that makes no sense')
  } else if (!isExpected(connection, frameStream)) {
    noteBroken(connection, frameStream)
    writeReset(connection, frameStream, code)
    noteReset(connection)
  }
}
