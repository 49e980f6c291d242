import { removeStream } from './stream-table.ts'
import type { Connection, Stream, StreamEnd } from './types.ts'
import { refundConnection } from './window.ts'

/** What is true of a stream; bits of `Stream.state` (RFC 9113, 5.1). */
export const IS = {
  /** We, the peer, have sent END_STREAM. */
  localEnded: 1,
  remoteEnded: 2,
  /** Over, for whatever reason: nothing is sent or reported any more. */
  closed: 4,
  headSent: 8,
  /** Client: the final response head. */
  headReceived: 16,
  /** Server: the user has no more interest in it. */
  done: 32,
  /** HEAD, 204, 304: the message has no body, whatever its fields say. */
  bodyless: 64,
} as const

/** Where a connection is in its life. */
export const PHASE = { preface: 0, open: 1, closed: 2 } as const

/** Streams broken off lately whose frames are let pass; older ones must not come any more. */
const BROKEN_MAX = 512

export function isClosed(stream: Stream): boolean {
  return (stream.state & IS.closed) !== 0
}

/** Takes a stream out of the connection. What it holds of the connection's window is free again. */
export function closeStream(stream: Stream): void {
  if (isClosed(stream)) return
  const { connection } = stream
  stream.state |= IS.closed
  removeStream(connection.streams, stream)
  connection.headBytes -= stream.headBytes
  connection.ended[connection.endedCount++ & (connection.ended.length - 1)] = stream.id
  if (stream.held !== undefined) {
    const { pieces } = stream.held
    stream.held = undefined
    if (connection.phase === PHASE.open)
      for (const { start, end } of pieces) refundConnection(connection, end - start)
  }
  stream.pending = undefined
  stream.pendingBytes = 0
  stream.pendingEnd = undefined
  if (connection.dataStream === stream) connection.dataStream = undefined
  if (connection.current === stream) connection.current = undefined
  if (connection.streams.size === 0) connection.lastUsed = connection.thread.clock.monotonic()
  connection.changed()
}

/** Closes a stream that its user still cares for, and tells. */
export function endEarly(stream: Stream, end: StreamEnd): void {
  if (isClosed(stream)) return
  const { connection } = stream
  const isOver = (stream.state & IS.done) !== 0
  closeStream(stream)
  if (!isOver) connection.events.closed(stream, end)
  releaseHead(stream)
}

/** The memory of a request's head is used again: nobody may look at it after this. */
export function releaseHead(stream: Stream): void {
  const { head, connection } = stream
  stream.head = undefined
  if (head !== undefined && connection.isServer) connection.thread.blocks.release(head)
}

export function noteBroken(connection: Connection, id: number): void {
  const { broken } = connection
  broken.add(id)
  if (broken.size <= BROKEN_MAX) return
  for (const oldest of broken) {
    broken.delete(oldest)
    return
  }
}

/** What has been reported of another stream is flushed first: each hears once where its part of a read ends. */
export function switchStream(connection: Connection, stream: Stream | undefined): void {
  const { current } = connection
  connection.current = stream
  if (current !== undefined && (current.state & (IS.closed | IS.done)) === 0) connection.events.flush(current)
}

/** Whether the stream is one of the last that were closed. */
export function wasEnded(connection: Connection, id: number): boolean {
  return connection.ended.includes(id)
}
