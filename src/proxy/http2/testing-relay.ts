import { connect as connectSocket } from 'node:net'
import { createHttp2Client, type Http2ClientHandle } from './client.ts'
import type { Http2Options } from './options.ts'
import { ERROR } from './protocol.ts'
import { createTestThread, NO_ENDPOINTS, responseHead, serve, type TestServer } from './testing.ts'
import type { Stream, StreamEvents } from './types.ts'

const READ_BYTES = 64 * 1024

/** The other end of an exchange: of the server's stream the client's, and the other way round. */
const other = (stream: Stream): Stream | undefined => stream.owner as Stream | undefined

/**
 * The least that a proxy of HTTP/2 to HTTP/2 is: every request goes on over one connection. For tests of both sides
 * together and for measurements; the exchange of the proxy does the same with routes, retries and filters.
 */
export async function startRelay(
  upstreamPort: number,
  options: { readonly port?: number; readonly options?: Partial<Http2Options> } = {},
): Promise<TestServer & { readonly client: Http2ClientHandle }> {
  const thread = createTestThread()
  const shared: Pick<StreamEvents, 'data' | 'flush' | 'drained'> = {
    data: (stream, bytes, start, end) => other(stream)?.sendData(bytes, start, end),
    flush(stream) {
      if (other(stream)?.flush() === false) stream.pause()
    },
    drained: (stream) => other(stream)?.resume(),
  }
  const upstream: StreamEvents = {
    ...shared,
    head: (stream) => other(stream)?.sendHead({ ...responseHead(stream.status, ''), block: stream.head }),
    informational: (stream, status, block) => other(stream)?.sendInformational(status, block),
    end(stream, trailers) {
      other(stream)?.sendEnd(trailers)
      other(stream)?.done()
    },
    closed: (stream) => other(stream)?.reset(ERROR.internal),
    refused() {},
    malformed() {},
  }
  const socket = connectSocket({
    host: '127.0.0.1',
    port: upstreamPort,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback(bytes, buffer) {
        client.receive(buffer as Buffer, 0, bytes)
        return true
      },
    },
  })
  const client: Http2ClientHandle = createHttp2Client({
    socket,
    thread,
    events: upstream,
    endpoints: NO_ENDPOINTS,
    ...(options.options && { options: options.options }),
    onClose() {},
  })
  const downstream: StreamEvents = {
    ...shared,
    head(stream) {
      const next = client.open(stream)
      stream.owner = next
      next.sendHead({ status: 0, block: stream.head, lines: '', request: stream })
      if (!stream.hasBody) next.sendEnd('')
    },
    informational() {},
    end(stream, trailers) {
      if (stream.hasBody) other(stream)?.sendEnd(trailers)
    },
    closed: (stream) => other(stream)?.reset(),
    refused: (stream) => stream.reset(ERROR.protocol),
    malformed() {},
  }
  const server = await serve({
    thread,
    events: downstream,
    ...(options.port !== undefined && { port: options.port }),
    ...(options.options && { options: options.options }),
  })
  return {
    ...server,
    client,
    close() {
      socket.destroy()
      server.close()
    },
  }
}
