import { beginFrame, writeOut } from './outbox.ts'
import { ERROR, FLAG, FRAME, SETTING, SETTING_BYTES, WINDOW_DEFAULT } from './protocol.ts'
import { endEarly, PHASE } from './stream-state.ts'
import { listStreams } from './stream-table.ts'
import type { Connection } from './types.ts'
import { putCode, writeWindowUpdate } from './window.ts'

/** How long the peer has to read why the connection ended. */
const LINGER_MS = 1000

export function writeReset(connection: Connection, stream: number, code: number): void {
  putCode(connection, FRAME.resetStream, stream, code)
  noteControl(connection)
}

export function writeSettingsAck(connection: Connection): void {
  beginFrame(connection, 0, FRAME.settings, FLAG.ack, 0)
  noteControl(connection)
}

/** @param payload eight bytes */
export function writePing(connection: Connection, flags: number, payload: Buffer, start: number): void {
  const at = beginFrame(connection, 8, FRAME.ping, flags, 0)
  payload.copy(connection.out.chunk as Buffer, at, start, start + 8)
  noteControl(connection)
}

export function writeGoAway(connection: Connection, lastStream: number, code: number, detail: string): void {
  const text = Buffer.from(detail, 'latin1')
  const at = beginFrame(connection, 8 + text.length, FRAME.goAway, 0, 0)
  const chunk = connection.out.chunk as Buffer
  chunk.writeUInt32BE(lastStream, at)
  chunk.writeUInt32BE(code, at + 4)
  text.copy(chunk, at + 8)
}

/** What we ask for, and the connection's window, for which there is no setting. */
export function writeFirstSettings(connection: Connection): void {
  const { options, isServer } = connection
  const settings: [number, number][] = [
    [SETTING.initialWindowSize, options.streamWindow],
    [SETTING.maxHeaderListSize, options.requestHead.bytesMax + HEAD_LIST_MORE],
  ]
  if (options.headerTableSize !== connection.decoder.sizeLimit)
    settings.push([SETTING.headerTableSize, options.headerTableSize])
  if (isServer) {
    settings.push([SETTING.maxConcurrentStreams, options.maxConcurrentStreams])
    if (options.allowConnect) settings.push([SETTING.enableConnectProtocol, 1])
  } else {
    settings.push([SETTING.enablePush, 0])
  }
  let at = beginFrame(connection, settings.length * SETTING_BYTES, FRAME.settings, 0, 0)
  const chunk = connection.out.chunk as Buffer
  for (const [id, value] of settings) {
    chunk.writeUInt16BE(id, at)
    chunk.writeUInt32BE(value, at + 2)
    at += SETTING_BYTES
  }
  const more = options.connectionWindow - WINDOW_DEFAULT
  if (more > 0) writeWindowUpdate(connection, 0, more)
}

/** Beyond the limit on a head, as a peer counts it with 32 bytes for each field. */
const HEAD_LIST_MORE = 4 * 1024

/** One more answer that the peer made us write: there is an end to how many wait for it. */
function noteControl(connection: Connection): void {
  const { out, options } = connection
  if (++out.controlFrames > options.maxOutboundControlFrames && isStuck(connection)) {
    failConnection(connection, ERROR.enhanceYourCalm, 'http2.outbound_control_frames_flood')
    return
  }
  noteOutbound(connection)
}

export function noteOutbound(connection: Connection): void {
  if (connection.out.frames > connection.options.maxOutboundFrames && isStuck(connection))
    failConnection(connection, ERROR.enhanceYourCalm, 'http2.outbound_frames_flood')
}

/** Writes what waits; whether the peer has not taken it. */
function isStuck(connection: Connection): boolean {
  writeOut(connection)
  if (connection.socket.writableNeedDrain) return true
  connection.out.frames = 0
  connection.out.controlFrames = 0
  return false
}

/** A connection error (RFC 9113, 5.4.1): says why, and ends everything. */
export function failConnection(connection: Connection, code: number, detail: string): void {
  if (connection.phase === PHASE.closed) return
  const { socket, thread } = connection
  connection.phase = PHASE.closed
  connection.closedReason = detail
  writeGoAway(connection, connection.lastPeerStream, code, detail)
  writeOut(connection)
  // A peer that does not read would not read the reason either.
  if (socket.writableNeedDrain) socket.destroy()
  else socket.end()
  thread.wheel.set(connection.timer, LINGER_MS)
  endStreams(connection, detail)
}

/** Tells all streams that there is nothing more to come. */
export function endStreams(connection: Connection, detail: string): void {
  for (const stream of listStreams(connection.streams)) endEarly(stream, { kind: 'connection', detail })
  connection.queue.length = 0
}
