import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer, type Server } from 'node:net'
import { systemClock } from '../../base/index.ts'
import { createBlockPool } from '../http1/head-block.ts'
import { readAccepted } from '../net/network.ts'
import { createTimerWheel } from '../net/timer-wheel.ts'
import { createHttp2Thread } from './connection.ts'
import type { Http2Options } from './options.ts'
import { createHttp2Server, type Http2ServerHandle } from './server.ts'
import type { Endpoints, Http2Thread, OutgoingHead, Stream, StreamEvents } from './types.ts'

/** A server on the codec alone, for tests, h2spec and measurements. */
export const NO_ENDPOINTS: Endpoints = { remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0 }

export function createTestThread(): Http2Thread {
  return createHttp2Thread({
    clock: systemClock,
    wheel: createTimerWheel(systemClock),
    blocks: createBlockPool(),
  })
}

const READ_BYTES = 64 * 1024
const BODY = Buffer.alloc(1024, 'x')
const SMALL_LINES = 'content-type: text/plain\r\ncontent-length: 1024\r\nserver: lateen\r\n'

export function responseHead(status: number, lines: string): OutgoingHead {
  return { status, lines, block: undefined, request: undefined }
}

/** Answers GET with 1 KiB, and anything with a body with that body and its trailers. */
export const ECHO: StreamEvents = {
  head(stream) {
    if (stream.hasBody) {
      stream.sendHead(responseHead(200, 'content-type: application/octet-stream\r\n'))
      return
    }
    stream.sendHead(responseHead(200, SMALL_LINES))
    if (stream.method !== 'HEAD') stream.sendData(BODY, 0, BODY.length)
    stream.sendEnd('')
    stream.done()
  },
  informational() {},
  data(stream, bytes, start, end) {
    stream.sendData(bytes, start, end)
  },
  end(stream, trailers) {
    if (!stream.hasBody) return
    stream.sendEnd(trailers)
    stream.done()
  },
  flush(stream) {
    if (!stream.flush()) stream.pause()
  },
  drained(stream) {
    stream.resume()
  },
  closed() {},
  refused(stream, status, details) {
    stream.sendHead(responseHead(status, `content-length: ${details.length}\r\n`))
    stream.sendData(Buffer.from(details), 0, details.length)
    stream.done()
  },
  malformed() {},
}

export interface TestServer {
  readonly port: number
  readonly connections: readonly Http2ServerHandle[]
  /** Reasons for which connections have ended. */
  readonly ended: readonly string[]
  readonly close: () => void
}

export async function serve(
  options: {
    readonly port?: number
    readonly thread?: Http2Thread
    readonly events?: StreamEvents
    readonly options?: Partial<Http2Options>
  } = {},
): Promise<TestServer> {
  const thread = options.thread ?? createTestThread()
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const connections: Http2ServerHandle[] = []
  const ended: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
    (accepted) => {
      let handle: Http2ServerHandle | undefined
      const callback = (bytes: number, target: Uint8Array): boolean => {
        handle?.receive(target as Buffer, 0, bytes)
        return true
      }
      const socket = readAccepted(accepted, { buffer, callback })
      sockets.add(socket)
      handle = createHttp2Server({
        socket,
        thread,
        events: options.events ?? ECHO,
        endpoints: NO_ENDPOINTS,
        ...(options.options && { options: options.options }),
        onClose(reason) {
          ended.push(reason)
          sockets.delete(socket)
        },
      })
      connections.push(handle)
    },
  )
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections,
    ended,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** Sends a whole request; for tests on the client's side. */
export function sendRequest(
  stream: Stream,
  request: { readonly method?: string; readonly path?: string; readonly lines?: string },
): void {
  stream.sendHead({
    status: 0,
    block: undefined,
    lines: request.lines ?? '',
    request: {
      method: request.method ?? 'GET',
      scheme: 'http',
      authority: 'test.local',
      path: request.path ?? '/',
      protocol: '',
    },
  })
}
