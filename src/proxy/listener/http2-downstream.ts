import type { Socket } from 'node:net'
import { createExchange } from '../exchange/exchange.ts'
import { DOWNSTREAM_EVENTS } from '../exchange/flow.ts'
import type { DownstreamStream, Exchange, HttpContext, ResponseHead } from '../exchange/types.ts'
import { keyLine } from '../exchange/tunnel.ts'
import { createHeadBlock, dropKnown, type HeadBlock } from '../http1/head-block.ts'
import { createHttp2Server, type Http2ServerHandle } from '../http2/server.ts'
import type { Endpoints, OutgoingHead, Stream, StreamEvents } from '../http2/types.ts'
import { FIELD } from '../http1/known-fields.ts'
import { plainAddress } from '../net/plain-address.ts'

/** One stream of an HTTP/2 connection as the request flow has it. */
interface Http2Downstream extends DownstreamStream {
  readonly http2: Stream
}

/** Serves the requests of an HTTP/2 connection: each stream is an exchange of its own. */
export function serveHttp2(options: {
  readonly socket: Socket
  readonly context: HttpContext
  readonly isEncrypted?: boolean
  readonly onClose: () => void
}): Http2ServerHandle {
  const { socket, context } = options
  return createHttp2Server({
    socket,
    ...(options.isEncrypted !== undefined && { isEncrypted: options.isEncrypted }),
    thread: context.thread.http2,
    events: eventsOf(context),
    endpoints: endpointsOf(socket, context),
    options: {
      idleTimeoutMs: context.rules.idleTimeoutMs,
      headTimeoutMs: context.rules.headTimeoutMs,
      requestHead: context.rules.requestHead,
    },
    work: context.work,
    onClose: options.onClose,
  })
}

/** Of a captured connection the local address is what was dialled, as Envoy restores it. */
function endpointsOf(socket: Socket, context: HttpContext): Endpoints {
  return {
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: context.original?.address ?? plainAddress(socket.localAddress),
    localPort: context.original?.port ?? socket.localPort ?? 0,
  }
}

function eventsOf(context: HttpContext): StreamEvents {
  return {
    head: (stream) => startExchange(stream, context),
    informational() {},
    data: (stream, bytes, start, end) => DOWNSTREAM_EVENTS.data(stream.owner as Exchange, bytes, start, end),
    end(stream, trailers) {
      const exchange = stream.owner as Exchange
      if (!exchange.hasBody && exchange.upgrade === '') return
      exchange.requestDone = true
      exchange.requestTrailers = trailers
      DOWNSTREAM_EVENTS.end(exchange, trailers)
    },
    flush(stream) {
      const exchange = stream.owner as Exchange
      if (!exchange.finished) DOWNSTREAM_EVENTS.flush(exchange)
    },
    drained: (stream) => DOWNSTREAM_EVENTS.drained(stream.owner as Exchange),
    closed(stream, end) {
      const exchange = stream.owner as Exchange | undefined
      // What makes no message has been answered by the codec already: only what it stands for has to end.
      if (exchange !== undefined && !exchange.finished)
        DOWNSTREAM_EVENTS.gone(exchange, end.kind === 'malformed' ? 'malformed' : 'closed')
    },
    refused(stream, status, details) {
      const head = stream.head ?? EMPTY_HEAD
      DOWNSTREAM_EVENTS.refused({ context, stream: downstreamOf(stream), head, status, details })
    },
    malformed() {},
  }
}

const EMPTY_HEAD: HeadBlock = createHeadBlock()

function startExchange(stream: Stream, context: HttpContext): void {
  const connects = stream.method === 'CONNECT'
  if (connects) prepareTunnel(stream)
  const exchange = createExchange({
    context,
    stream: downstreamOf(stream),
    head: stream.head as HeadBlock,
    method: stream.method,
    authority: stream.authority,
    path: stream.path,
    hasBody: stream.hasBody && !connects,
    bodyLength: stream.contentLength,
    upgrade: connects ? stream.protocol : '',
    protocol: 'HTTP/2',
  })
  // There is no request line that could go out as it came in.
  exchange.targetChanged = true
  stream.owner = exchange
  DOWNSTREAM_EVENTS.request(exchange)
}

/**
 * An extended CONNECT (RFC 8441) goes on as what it stands for, an upgrade of HTTP/1.1, as in Envoy: routes and the access
 * log see a GET. What the client sends before the answer waits in its window.
 */
function prepareTunnel(stream: Stream): void {
  const head = stream.head as HeadBlock
  dropKnown(head, FIELD['content-length'])
  stream.contentLength = stream.bodyLeft = -1
  stream.pause()
  if (stream.protocol === '') {
    stream.protocol = 'connect'
    stream.path = stream.authority
    return
  }
  stream.method = 'GET'
  stream.protocol = stream.protocol.toLowerCase()
  const key = keyLine(head)
  if (key !== '') head.added.push(key)
}

function downstreamOf(stream: Stream): Http2Downstream {
  return {
    http2: stream,
    protocol: 'HTTP/2',
    remoteAddress: stream.remoteAddress,
    remotePort: stream.remotePort,
    localAddress: stream.localAddress,
    localPort: stream.localPort,
    sendHead,
    sendInformational,
    sendData,
    sendEnd,
    flush,
    becomeTunnel: resumeRequest,
    endTunnel,
    pauseRequest,
    resumeRequest,
    done,
    reset,
  }
}

/* One function of each for all streams, as in the codec. */

function sendHead(this: DownstreamStream, response: ResponseHead): void {
  const head: OutgoingHead = {
    block: response.block,
    lines: response.lines,
    status: response.status,
    request: undefined,
  }
  streamOf(this).sendHead(head)
}

function sendInformational(this: DownstreamStream, status: number, head: HeadBlock): void {
  streamOf(this).sendInformational(status, head)
}

function sendData(this: DownstreamStream, bytes: Buffer, start: number, end: number): void {
  streamOf(this).sendData(bytes, start, end)
}

function sendEnd(this: DownstreamStream, trailers: string): void {
  streamOf(this).sendEnd(trailers)
}

function flush(this: DownstreamStream): boolean {
  return streamOf(this).flush()
}

function endTunnel(this: DownstreamStream): void {
  streamOf(this).sendEnd('')
}

function pauseRequest(this: DownstreamStream): void {
  streamOf(this).pause()
}

function resumeRequest(this: DownstreamStream): void {
  streamOf(this).resume()
}

function done(this: DownstreamStream): void {
  streamOf(this).done()
}

function reset(this: DownstreamStream): void {
  streamOf(this).reset()
}

function streamOf(stream: DownstreamStream): Stream {
  return (stream as Http2Downstream).http2
}
