import { beginFrame } from './outbox.ts'
import { FRAME, WINDOW_DEFAULT, WINDOW_MAX } from './protocol.ts'
import type { Connection, Stream } from './types.ts'

/** A frame of four bytes. */
export function putCode(connection: Connection, type: number, stream: number, value: number): void {
  const at = beginFrame(connection, 4, type, 0, stream)
  connection.out.chunk?.writeUInt32BE(value, at)
}

export function writeWindowUpdate(connection: Connection, stream: number, bytes: number): void {
  putCode(connection, FRAME.windowUpdate, stream, bytes)
}

/** Allows the peer to send on the connection what has been taken of it, in steps of half a window. */
export function refundConnection(connection: Connection, bytes: number): void {
  connection.taken += bytes
  if (connection.taken * 2 < Math.max(connection.options.connectionWindow, WINDOW_DEFAULT)) return
  connection.receiveWindow += connection.taken
  writeWindowUpdate(connection, 0, connection.taken)
  connection.taken = 0
}

/** The same for a stream that is open, and the connection. */
export function refundStream(stream: Stream, bytes: number): void {
  const { connection } = stream
  refundConnection(connection, bytes)
  stream.taken += bytes
  if (stream.taken * 2 < connection.streamWindow) return
  const more = Math.min(stream.taken, WINDOW_MAX - stream.receiveWindow)
  stream.receiveWindow += more
  writeWindowUpdate(connection, stream.id, more)
  stream.taken = 0
}
