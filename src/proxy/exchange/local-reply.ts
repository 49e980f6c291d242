import { BODY } from '../http1/framing.ts'
import { FLAG } from '../../telemetry/index.ts'
import { createExchange } from './exchange.ts'
import { grpcStatusOf, isGrpc, percentEncode } from './grpc.ts'
import { dropUpstream, finish } from './finish.ts'
import type { Exchange, RefusedHead, UpstreamFailure } from './types.ts'

/** An answer that the proxy gives itself, and what the log says about it. */
export interface LocalReply {
  readonly status: number
  readonly body: string
  readonly flags: number
  readonly details: string
  /** Instead of the one that stands for the status of HTTP. */
  readonly grpcStatus?: number
  /** Absent: plain text. */
  readonly contentType?: string
  /** Further response lines, each ending in CR LF. */
  readonly lines?: string
}

/** Every way in which a request ends without an upstream's answer, in Envoy's words. */
export const REPLIES = {
  routeNotFound: { status: 404, body: '', flags: FLAG.NR, details: 'route_not_found' },
  misdirected: { status: 421, body: '', flags: FLAG.NR, details: 'misdirected_request' },
  overload: {
    status: 503,
    body: 'envoy overloaded',
    flags: FLAG.OM,
    details: 'overload',
  },
  clusterNotFound: { status: 503, body: '', flags: FLAG.NC, details: 'cluster_not_found' },
  noHealthyUpstream: {
    status: 503,
    body: 'no healthy upstream',
    flags: FLAG.UH,
    details: 'no_healthy_upstream',
  },
  requestTimeout: {
    status: 504,
    body: 'upstream request timeout',
    flags: FLAG.UT,
    details: 'upstream_response_timeout',
  },
  tryTimeout: {
    status: 504,
    body: 'upstream request timeout',
    flags: FLAG.UT,
    details: 'upstream_per_try_timeout',
  },
  badBase64: {
    status: 400,
    body: 'Bad gRPC-web request, invalid base64 data.',
    flags: 0,
    details: 'grpc_base_64_decode_failed',
  },
  badPath: { status: 400, body: '', flags: FLAG.DPE, details: 'path_normalization_failed' },
  upgradeFailed: { status: 403, body: '', flags: 0, details: 'upgrade_failed' },
} as const satisfies Readonly<Record<string, LocalReply>>

/** What a failed attempt is called: the reset reason, its flag and status. */
export function describeFailure(failure: UpstreamFailure, retried: boolean): LocalReply {
  const { reason, flag, status } = classify(failure)
  const transport = failure.kind === 'connect' && !failure.timeout ? failure.detail : ''
  const lead = retried ? 'retried and the latest reset reason' : 'reset reason'
  const tail = transport === '' ? '' : `, transport failure reason: ${transport}`
  const detail = transport === '' ? reason : `${reason}|${transport}`
  return {
    status,
    body: `upstream connect error or disconnect/reset before headers. ${lead}: ${reason}${tail}`,
    flags: flag,
    details: `upstream_reset_before_response_started{${detail.replaceAll(' ', '_')}}`,
    ...(failure.kind === 'overflow' && { lines: 'x-envoy-overloaded: true\r\n' }),
  }
}

const RESETS = {
  connection: { reason: 'connection termination', flag: FLAG.UC, status: 503 },
  peer: { reason: 'remote reset', flag: FLAG.UR, status: 503 },
  refusal: { reason: 'remote refused stream reset', flag: FLAG.UR, status: 503 },
} as const

function classify(failure: UpstreamFailure): { reason: string; flag: number; status: number } {
  switch (failure.kind) {
    case 'connect':
      return failure.timeout
        ? { reason: 'connection timeout', flag: FLAG.UF, status: 503 }
        : { reason: 'remote connection failure', flag: FLAG.UF, status: 503 }
    case 'reset':
      return RESETS[failure.by]
    case 'overflow':
      return { reason: 'overflow', flag: FLAG.UO, status: 503 }
    case 'protocol':
      return { reason: 'protocol error', flag: FLAG.UPE, status: 502 }
  }
}

/** Answers in the place of an upstream and ends the exchange. */
export function sendLocalReply(exchange: Exchange, reply: LocalReply): void {
  const { context, stream } = exchange
  dropUpstream(exchange)
  exchange.status = reply.status
  exchange.flags |= reply.flags
  exchange.details = reply.details
  exchange.responseStarted = true
  // gRPC clients look at `grpc-status` and nothing else; what they cannot read would be an error without a reason.
  if (isGrpc(exchange)) {
    sendGrpcReply(exchange, reply)
    return
  }
  const bodyless = reply.status === 204 || reply.status === 304
  const length = Buffer.byteLength(reply.body)
  const lines = replyLines(
    reply,
    bodyless ? -1 : length,
    context.thread.httpDate(),
    exchange.responseLines + context.serverLine,
  )
  if (exchange.tap !== undefined) exchange.tap.responseHead(reply.status, undefined, lines)
  stream.sendHead({
    status: reply.status,
    block: undefined,
    lines,
    kind: BODY.none,
    length,
    close: false,
  })
  if (exchange.method !== 'HEAD' && !bodyless && length > 0) {
    exchange.bytesSent += length
    const body = Buffer.from(reply.body)
    if (exchange.tap !== undefined) exchange.tap.responseData(body, 0, length)
    stream.sendData(body, 0, length)
  }
  stream.flush()
  finish(exchange)
}

function sendGrpcReply(exchange: Exchange, reply: LocalReply): void {
  const { context, stream } = exchange
  const status = reply.grpcStatus ?? grpcStatusOf(reply.status)
  const message = reply.body === '' ? '' : `grpc-message: ${percentEncode(reply.body)}\r\n`
  exchange.status = 200
  exchange.grpcStatus = String(status)
  const lines =
    `content-type: application/grpc\r\ngrpc-status: ${status}\r\n${message}${reply.lines ?? ''}` +
    `${exchange.responseLines}date: ${context.thread.httpDate()}\r\n${context.serverLine}`
  if (exchange.tap !== undefined) exchange.tap.responseHead(200, undefined, lines)
  stream.sendHead({
    status: 200,
    block: undefined,
    lines,
    kind: BODY.none,
    length: 0,
    close: false,
  })
  stream.flush()
  finish(exchange)
}

function replyLines(reply: LocalReply, length: number, date: string, serverLine: string): string {
  const size = length < 0 ? '' : `content-length: ${length}\r\n`
  const type = length > 0 ? `content-type: ${reply.contentType ?? 'text/plain'}\r\n` : ''
  return `${size}${type}${reply.lines ?? ''}date: ${date}\r\n${serverLine}`
}

/** Answers a head that is refused; the connection ends with it. */
export function sendRefusal(refusal: RefusedHead, reason: string): void {
  const { context, stream } = refusal
  const body = Buffer.from(reason)
  stream.sendHead({
    status: refusal.status,
    block: undefined,
    lines: replyLines(
      { status: refusal.status, body: reason, flags: FLAG.DPE, details: refusal.details },
      body.length,
      context.thread.httpDate(),
      context.serverLine,
    ),
    kind: BODY.none,
    length: body.length,
    close: true,
  })
  stream.sendData(body, 0, body.length)
  stream.flush()
  recordRefusal(refusal, body.length)
  stream.done()
}

/** There was no request to speak of, but logs and metrics are to show that something was refused. */
function recordRefusal(refusal: RefusedHead, bytesSent: number): void {
  const { context, stream, head, status, details } = refusal
  const exchange = createExchange({
    context,
    stream,
    head,
    method: '-',
    authority: '-',
    path: '-',
    hasBody: false,
    bodyLength: -1,
    upgrade: '',
    protocol: '-',
  })
  exchange.status = status
  exchange.flags = FLAG.DPE
  exchange.details = details
  exchange.bytesSent = bytesSent
  exchange.finished = true
  context.record(exchange)
}
