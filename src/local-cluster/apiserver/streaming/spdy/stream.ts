import { Duplex } from 'node:stream'
import type { SpdyHeaders } from './header-block.ts'

/** One stream of a SPDY connection: reading ends with the peer's FIN, ending it sends ours, destroying it resets. */
export interface SpdyStream {
  readonly id: number
  readonly headers: SpdyHeaders
  readonly duplex: Duplex
  /** @returns whether the reader keeps up; when not, `drained` tells when it does */
  readonly receive: (bytes: Uint8Array) => boolean
  readonly receiveEnd: () => void
  readonly receiveReset: () => void
  readonly drained: () => Promise<void>
}

export interface StreamWriter {
  /** Resolves (by the callback) when the connection takes more. */
  readonly data: (bytes: Uint8Array, done: (error?: Error | null) => void) => void
  readonly fin: (done: (error?: Error | null) => void) => void
  readonly reset: () => void
  /** Both directions are over. */
  readonly closed: () => void
  /** The reader has taken this many bytes. */
  readonly consumed: (bytes: number) => void
}

/** What a stream holds for a reader that is slow, before the whole connection has to wait for it. */
const UNREAD_BYTES_MAX = 1024 * 1024

export function createSpdyStream(id: number, headers: SpdyHeaders, writer: StreamWriter): SpdyStream {
  let waiting: (() => void)[] = []
  let wasReset = false
  let unacknowledged = 0
  const wake = () => {
    const woken = waiting
    waiting = []
    for (const resolve of woken) resolve()
  }
  const duplex = new Duplex({
    readableHighWaterMark: UNREAD_BYTES_MAX,
    allowHalfOpen: true,
    read() {
      if (unacknowledged > 0) writer.consumed(unacknowledged)
      unacknowledged = 0
      wake()
    },
    write: (chunk: Uint8Array, _encoding, done) => writer.data(chunk, done),
    final: (done) => writer.fin(done),
    destroy(error, done) {
      const isOver = duplex.writableFinished && duplex.readableEnded
      if (!wasReset && !isOver) writer.reset()
      writer.closed()
      wake()
      done(error)
    },
  })
  // The user of the stream learns of errors by its end; a listener must be there in any case.
  duplex.on('error', () => {})
  return {
    id,
    headers,
    duplex,
    receive(bytes) {
      unacknowledged += bytes.length
      return duplex.destroyed || duplex.readableEnded || duplex.push(bytes)
    },
    receiveEnd: () => void (duplex.destroyed || duplex.push(null)),
    receiveReset() {
      wasReset = true
      duplex.destroy()
    },
    drained: () =>
      new Promise((resolve) => {
        if (duplex.destroyed || duplex.readableLength < UNREAD_BYTES_MAX) resolve()
        else waiting.push(resolve)
      }),
  }
}
