import type { ManualClock } from '../../base/index.ts'
import type { Http2Options } from './options.ts'
import { createHttp2Server, type Http2ServerHandle } from './server.ts'
import { ECHO, NO_ENDPOINTS } from './testing.ts'
import {
  asSocket,
  createFrameReader,
  createMemorySocket,
  createMemoryThread,
  HELLO,
  type MemorySocket,
} from './testing-frames.ts'
import type { Stream, StreamEvents } from './types.ts'

/** A server in memory, seen by a client made of frames. */
export interface MemoryServer {
  readonly socket: MemorySocket
  readonly handle: Http2ServerHandle
  readonly clock: ManualClock
  /** Streams whose heads were reported. */
  readonly streams: readonly Stream[]
  /** Why the connection has ended. */
  readonly reason: () => string | undefined
  /** Sends, and returns what is answered in this turn. */
  readonly send: (...pieces: readonly Buffer[]) => string[]
  /** Sends without ending the turn. */
  readonly push: (bytes: Buffer) => void
  readonly answers: () => string[]
}

/** Before anything was sent. @param events instead of those that echo; a `head` alone takes the place of all answers */
export function openMemoryServer(
  options: Partial<Http2Options> = {},
  events: Partial<StreamEvents> = {},
): MemoryServer {
  const socket = createMemorySocket()
  const memory = createMemoryThread()
  const read = createFrameReader(false)
  const streams: Stream[] = []
  const all: StreamEvents = { ...ECHO, ...events }
  let reason: string | undefined
  const handle = createHttp2Server({
    socket: asSocket(socket),
    thread: memory.thread,
    events: {
      ...all,
      head(stream) {
        streams.push(stream)
        all.head(stream)
      },
    },
    endpoints: NO_ENDPOINTS,
    options,
    onClose(why) {
      reason = why
    },
  })
  const server: MemoryServer = {
    socket,
    handle,
    clock: memory.clock,
    streams,
    reason: () => reason,
    push: (bytes) => handle.receive(bytes, 0, bytes.length),
    send(...pieces) {
      server.push(Buffer.concat(pieces))
      return server.answers()
    },
    answers() {
      memory.turn()
      return read(Buffer.concat(socket.written.splice(0)))
    },
  }
  return server
}

/** After the first settings. */
export function openedMemoryServer(
  options: Partial<Http2Options> = {},
  events: Partial<StreamEvents> = {},
): MemoryServer {
  const server = openMemoryServer(options, events)
  server.send(HELLO)
  return server
}
