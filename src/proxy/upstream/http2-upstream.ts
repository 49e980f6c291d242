import type { Socket } from 'node:net'
import { describeSocketError } from '../net/socket-error.ts'
import type {
  Exchange,
  UpstreamEvents,
  UpstreamFailure,
  UpstreamStream,
  WorkCounter,
} from '../exchange/types.ts'
import { isGrpc } from '../exchange/grpc.ts'
import { BODY, type BodyKind, createFraming } from '../http1/framing.ts'
import { dropKnown, type HeadBlock, type HeadLimits } from '../http1/head-block.ts'
import { IS } from '../http2/stream-state.ts'
import { createHttp2Client, type Http2ClientHandle } from '../http2/client.ts'
import type { Http2Thread, RequestParts, Stream, StreamEnd, StreamEvents } from '../http2/types.ts'
import { FIELD } from '../http1/known-fields.ts'

/** An HTTP/2 connection to an endpoint: it carries many requests at once. */
export interface Http2Upstream {
  readonly receive: (bytes: Buffer, start: number, end: number) => void
  /** Whether another request may be given to it now. */
  readonly canTake: () => boolean
  /** `events.ready` follows at once. */
  readonly assign: (exchange: Exchange) => UpstreamStream
  readonly connected: () => void
  /** Connecting took too long. */
  readonly expire: () => void
  readonly active: () => number
  /** Takes no more, closes after its last request. */
  readonly drain: () => void
}

export interface Http2UpstreamOwner {
  /** The server knows no extended CONNECT. */
  readonly connectRefused: () => void
  /** A request is over. */
  readonly released: () => void
  /**
   * The connection has ended; every request on it was told before.
   * @param failure why no connection came about, when none did
   */
  readonly closed: (failure: UpstreamFailure | undefined) => void
}

/** One request on the connection: the codec's stream comes with the connection. */
interface Http2Request extends UpstreamStream {
  readonly upstream: Parts
  exchange: Exchange | undefined
  stream: Stream | undefined
}

interface Parts {
  readonly socket: Socket
  readonly events: UpstreamEvents
  readonly owner: Http2UpstreamOwner
  client: Http2ClientHandle
  isConnected: boolean
  answered: number
  error: string
  /** Upgrades that wait for the server's settings. */
  readonly awaiting: Http2Request[]
}

export function createHttp2Upstream(options: {
  readonly socket: Socket
  readonly isEncrypted?: boolean
  readonly thread: Http2Thread
  readonly work: WorkCounter
  readonly events: UpstreamEvents
  readonly owner: Http2UpstreamOwner
  readonly responseHead: HeadLimits
  readonly keepAlive?: { readonly intervalMs: number; readonly timeoutMs: number } | undefined
}): Http2Upstream {
  const { socket, owner, keepAlive } = options
  const parts: Parts = {
    socket,
    events: options.events,
    owner,
    client: undefined as unknown as Http2ClientHandle,
    isConnected: false,
    answered: 0,
    error: '',
    awaiting: [],
  }
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (parts.error === '') parts.error = describeSocketError(error)
  })
  parts.client = createHttp2Client({
    socket,
    ...(options.isEncrypted !== undefined && { isEncrypted: options.isEncrypted }),
    thread: options.thread,
    options: {
      requestHead: options.responseHead,
      ...(keepAlive !== undefined && {
        keepAliveIntervalMs: keepAlive.intervalMs,
        keepAliveTimeoutMs: keepAlive.timeoutMs,
      }),
    },
    events: STREAM_EVENTS,
    endpoints: { remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0 },
    work: options.work,
    onChange: () => serveAwaiting(parts),
    onClose() {
      for (const request of parts.awaiting.splice(0)) failAwaiting(request)
      owner.closed(parts.isConnected ? undefined : connectFailure(parts))
    },
  })
  return {
    receive: (bytes, start, end) => parts.client.receive(bytes, start, end),
    canTake: () => parts.isConnected && parts.client.canOpen(),
    assign: (exchange) => assign(parts, exchange),
    connected() {
      parts.isConnected = true
    },
    expire() {
      parts.error = 'connection timeout'
      socket.destroy()
    },
    active: parts.client.activeStreams,
    drain: () => parts.client.drain(),
  }
}

/** An extended CONNECT may be sent once the server has said that it knows it (RFC 8441, 3). */
function serveAwaiting(parts: Parts): void {
  if (parts.awaiting.length === 0 || !parts.client.isReady()) return
  for (const request of parts.awaiting.splice(0)) {
    if (request.exchange === undefined) continue
    if (parts.client.canConnect()) begin(request, request.exchange)
    else refuseConnect(request, request.exchange)
  }
}

function refuseConnect(request: Http2Request, exchange: Exchange): void {
  const { upstream } = request
  upstream.owner.connectRefused()
  leave(request)
  const detail = 'http2.connect_protocol_not_enabled'
  upstream.events.failed(exchange, { kind: 'reset', detail, reused: false, answered: false, by: 'refusal' })
}

function failAwaiting(request: Http2Request): void {
  const { exchange, upstream } = request
  if (exchange === undefined) return
  leave(request)
  upstream.events.failed(
    exchange,
    failureOf({ kind: 'connection', detail: 'connection termination' }, upstream),
  )
}

function begin(request: Http2Request, exchange: Exchange): void {
  request.stream = request.upstream.client.open(request)
  request.upstream.events.ready(exchange)
}

function assign(parts: Parts, exchange: Exchange): UpstreamStream {
  const request: Http2Request = {
    upstream: parts,
    exchange,
    stream: undefined,
    localAddress,
    reused,
    sendHead,
    sendData,
    sendEnd,
    flush,
    pauseResponse,
    resumeResponse,
    endTunnel,
    cancel,
  }
  exchange.upstream = request
  if (exchange.upgrade === '' || exchange.upgrade === 'connect') {
    begin(request, exchange)
  } else {
    if (parts.awaiting.push(request) === 1) queueMicrotask(() => serveAwaiting(parts))
  }
  return request
}

function connectFailure(parts: Parts): UpstreamFailure {
  const detail = parts.error === '' ? 'connection termination' : parts.error
  return { kind: 'connect', detail, timeout: parts.error === 'connection timeout' }
}

/* What the request flow does with a request; one function of each for all of them. */

function localAddress(this: UpstreamStream): string {
  const { socket } = requestOf(this).upstream
  return `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`
}

function reused(this: UpstreamStream): boolean {
  return requestOf(this).upstream.answered > 0
}

function sendHead(this: UpstreamStream, exchange: Exchange): void {
  const { plan } = exchange
  const counts = plan?.attemptCount === true && exchange.context.rules.attemptCount
  const attempts = counts ? `x-envoy-attempt-count: ${exchange.attempt}\r\n` : ''
  const { upgrade } = exchange
  const request: RequestParts = {
    method: upgrade === '' ? exchange.method : 'CONNECT',
    scheme: exchange.scheme,
    authority: exchange.authority,
    path: exchange.path,
    protocol: upgrade === 'connect' ? '' : upgrade,
  }
  const stream = requestOf(this).stream as Stream
  // What a client says of trailers ends at this hop; servers of gRPC want to hear it.
  const trailers = isGrpc(exchange) ? 'te: trailers\r\n' : ''
  stream.sendHead({
    block: exchange.head,
    lines: `${plan?.requestLines ?? ''}${attempts}${trailers}`,
    status: 0,
    request,
  })
  if (!exchange.hasBody && upgrade === '') stream.sendEnd('')
}

function sendData(this: UpstreamStream, bytes: Buffer, start: number, end: number): void {
  requestOf(this).stream?.sendData(bytes, start, end)
}

function sendEnd(this: UpstreamStream, trailers: string): void {
  requestOf(this).stream?.sendEnd(trailers)
}

function flush(this: UpstreamStream): boolean {
  return requestOf(this).stream?.flush() ?? true
}

function pauseResponse(this: UpstreamStream): void {
  requestOf(this).stream?.pause()
}

function resumeResponse(this: UpstreamStream): void {
  requestOf(this).stream?.resume()
}

function endTunnel(this: UpstreamStream): void {
  requestOf(this).stream?.sendEnd('')
}

function cancel(this: UpstreamStream): void {
  const request = requestOf(this)
  const { upstream, stream } = request
  if (request.exchange === undefined) return
  request.exchange = undefined
  if (stream !== undefined && !hasBothEnds(stream)) stream.reset()
  upstream.owner.released()
}

/** Of a tunnel: what was sent before its end still goes out, as the windows allow. */
function hasBothEnds(stream: Stream): boolean {
  return (stream.state & IS.remoteEnded) !== 0 && stream.pendingEnd !== undefined
}

function requestOf(stream: UpstreamStream): Http2Request {
  return stream as Http2Request
}

/** Used within one call: what a response head says of the body. */
const framing = createFraming()

function acceptTunnel(exchange: Exchange, block: HeadBlock): void {
  dropKnown(block, FIELD['content-length'])
  framing.kind = BODY.none
  if (exchange.upgrade === 'websocket') block.status = 101
}

/** Servers may end a stream without a body by an empty frame: what follows the head is then still no body. */
function bodyKind(stream: Stream, exchange: Exchange, status: number | undefined): BodyKind {
  const isBodyless = exchange.method === 'HEAD' || status === 204 || status === 304
  if (isBodyless || !stream.hasBody) return BODY.none
  return stream.contentLength >= 0 ? BODY.length : BODY.chunked
}

/** What the server answers. */
const STREAM_EVENTS: StreamEvents = {
  head(stream) {
    const request = stream.owner as Http2Request
    const { exchange, upstream } = request
    if (exchange === undefined) return
    const block = stream.head
    framing.kind = bodyKind(stream, exchange, block?.status)
    framing.length = Math.max(0, stream.contentLength)
    framing.keepAlive = true
    framing.upgrade = ''
    // The tunnel is there: to the rest of the proxy it is what an upgrade of HTTP/1.1 leads to.
    if (exchange.upgrade !== '' && block !== undefined && block.status < 300) acceptTunnel(exchange, block)
    if (block === undefined || upstream.events.head(exchange, block, framing)) return
    // Another attempt is made: this response is of no use.
    leave(request)
    stream.reset()
  },
  informational(stream, _status, block) {
    const { exchange, upstream } = stream.owner as Http2Request
    if (exchange !== undefined) upstream.events.informational(exchange, block)
  },
  data(stream, bytes, start, end) {
    const { exchange, upstream } = stream.owner as Http2Request
    if (exchange !== undefined) upstream.events.data(exchange, bytes, start, end)
  },
  end(stream, trailers) {
    const request = stream.owner as Http2Request
    const { exchange, upstream } = request
    if (exchange === undefined) return
    // Of a tunnel it is one side: the other may go on.
    if (!exchange.tunnel) leave(request)
    upstream.answered++
    // A server may answer before it has heard all; the rest is not sent then.
    if (!exchange.requestDone) stream.reset()
    upstream.events.end(exchange, trailers)
  },
  flush(stream) {
    const { exchange, upstream } = stream.owner as Http2Request
    if (exchange !== undefined && exchange.responseStarted) upstream.events.flush(exchange)
  },
  drained(stream) {
    const { exchange, upstream } = stream.owner as Http2Request
    if (exchange !== undefined) upstream.events.drained(exchange)
  },
  closed(stream, end) {
    const request = stream.owner as Http2Request
    const { exchange, upstream } = request
    if (exchange === undefined) return
    leave(request)
    upstream.events.failed(exchange, failureOf(end, upstream))
  },
  refused() {},
  malformed() {},
}

/** The request is over, for whatever reason; nothing more of its stream is passed on. */
function leave(request: Http2Request): void {
  request.exchange = undefined
  request.upstream.owner.released()
}

function failureOf(end: StreamEnd, upstream: Parts): UpstreamFailure {
  switch (end.kind) {
    case 'malformed':
      return { kind: 'protocol', detail: end.detail }
    case 'refused':
      return { kind: 'reset', detail: end.detail, reused: false, answered: false, by: 'refusal' }
    case 'reset':
      return { kind: 'reset', detail: end.detail, reused: false, answered: false, by: 'peer' }
    case 'connection': {
      const detail = upstream.error === '' ? end.detail : upstream.error
      return { kind: 'reset', detail, reused: upstream.answered > 0, answered: false, by: 'connection' }
    }
  }
}
