import { attach, type ConnectionOptions, createConnection } from './connection.ts'
import { drain, endIfDrained, finishDraining } from './life.ts'
import { receive } from './receive.ts'
import type { Connection } from './types.ts'

export interface Http2ServerHandle {
  /** Bytes that arrived, in a buffer that is only lent. */
  readonly receive: (bytes: Buffer, start: number, end: number) => void
  /** Announces the end, serves what is on its way, closes after the last stream. */
  readonly drain: () => void
  readonly isIdle: () => boolean
  readonly activeStreams: () => number
  readonly destroy: () => void
}

/**
 * The server's side of an HTTP/2 connection (RFC 9113). The caller feeds bytes through `receive`, the preface first;
 * everything else comes from the socket's events.
 */
export function createHttp2Server(options: ConnectionOptions): Http2ServerHandle {
  const connection: Connection = createConnection(true, {
    ...options,
    onChange() {
      options.onChange?.()
      endIfDrained(connection)
    },
    onNoticed: () => finishDraining(connection),
  })
  attach(connection, options.onClose)
  return {
    receive: (bytes, start, end) => receive(connection, bytes, start, end),
    drain: () => drain(connection),
    isIdle: () => connection.streams.size === 0,
    activeStreams: () => connection.streams.size,
    destroy: () => options.socket.destroy(),
  }
}
