import { attach, type ConnectionOptions, createConnection } from './connection.ts'
import { DRAIN, drain, endIfDrained } from './life.ts'
import { PREFACE, STREAM_ID_MAX } from './protocol.ts'
import { receive } from './receive.ts'
import { createStream } from './stream.ts'
import { PHASE } from './stream-state.ts'
import type { Connection, Stream } from './types.ts'

export interface Http2ClientHandle {
  readonly receive: (bytes: Buffer, start: number, end: number) => void
  /** Whether another request may be sent now: the peer's limit, ours, and whether either side is going away. */
  readonly canOpen: () => boolean
  /** A stream for one request; it takes its number when its head is sent. Call only when `canOpen`. */
  readonly open: (owner: unknown) => Stream
  /** Whether the peer takes extended CONNECT (RFC 8441); known after its first settings. */
  readonly canConnect: () => boolean
  /** The peer's settings have come: it speaks HTTP/2. */
  readonly isReady: () => boolean
  readonly activeStreams: () => number
  /** No new requests; closes after the last. */
  readonly drain: () => void
  readonly destroy: () => void
}

/**
 * The client's side of an HTTP/2 connection. Requests may be sent at once, also before the socket is connected: nothing
 * has to be waited for (RFC 9113, 3.4).
 */
export function createHttp2Client(options: ConnectionOptions): Http2ClientHandle {
  const connection: Connection = createConnection(false, {
    ...options,
    onChange() {
      endIfDrained(connection)
      options.onChange?.()
    },
  })
  options.socket.write(PREFACE)
  attach(connection, options.onClose)
  let unnumbered = 0
  return {
    receive: (bytes, start, end) => receive(connection, bytes, start, end),
    canOpen: () =>
      connection.phase !== PHASE.closed &&
      connection.drainPhase === DRAIN.none &&
      !connection.peerGoingAway &&
      connection.nextStream < STREAM_ID_MAX &&
      connection.streams.size < Math.min(connection.peerStreams, connection.options.maxConcurrentStreams),
    open(owner) {
      const stream = createStream(connection, --unnumbered)
      stream.owner = owner
      return stream
    },
    canConnect: () => connection.peerConnect,
    isReady: () => connection.settingsReceived,
    activeStreams: () => connection.streams.size,
    drain: () => drain(connection),
    destroy: () => options.socket.destroy(),
  }
}
