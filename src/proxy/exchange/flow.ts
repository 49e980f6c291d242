import { dropKept } from './kept-body.ts'
import { normalizePath, normalizePathBy } from '../../routing/index.ts'
import { FLAG, lineValue } from '../../telemetry/index.ts'
import type { Framing } from '../http1/framing.ts'
import { BODY } from '../http1/framing.ts'
import { fieldValue, hasField, type HeadBlock } from '../http1/head-block.ts'
import { FIELD } from '../http1/known-fields.ts'
import { reasonOf } from '../http1/status-line.ts'
import { keepBody, mayRetry, onFailed, onReady, onRequestDone, retryLater } from './attempt.ts'
import { prepareRequest, prepareResponse } from './fields.ts'
import { dropUpstream, endRetry, finish, settle } from './finish.ts'
import { isGrpc } from './grpc.ts'
import { REPLIES, sendLocalReply, sendRefusal } from './local-reply.ts'
import { countMessages, createMessageCounts } from './messages.ts'
import { mirrorData, mirrorEnd, mirrorGone } from './mirror.ts'
import { isRetriableResponse } from './retry.ts'
import { watchRequest } from './request-timeout.ts'
import { watchIdle } from './stream-idle.ts'
import { acceptLine, isFalseConsent, opensTunnel } from './tunnel.ts'
import type { DownstreamEvents, Exchange, ForwardPlan, UpstreamEvents } from './types.ts'

/** What happens to a request as its parts come in from the client. The codec calls; versions do not matter here. */
export const DOWNSTREAM_EVENTS: DownstreamEvents = {
  request(exchange) {
    const { telemetry } = exchange.context
    if (telemetry.tap !== undefined) telemetry.tap.begin(exchange)
    prepareRequest(exchange)
    if (exchange.context.rules.streamIdleTimeoutMs > 0) watchIdle(exchange)
    if (exchange.hasBody && exchange.context.rules.requestTimeoutMs > 0) watchRequest(exchange)
    if (telemetry.tracer !== undefined) telemetry.tracer.begin(exchange)
    if (isGrpc(exchange)) exchange.messages = createMessageCounts()
    if (!normalize(exchange)) {
      sendLocalReply(exchange, REPLIES.badPath)
      return
    }
    if (exchange.upgrade !== '' && !mayTunnel(exchange)) {
      sendLocalReply(exchange, REPLIES.upgradeFailed)
      return
    }
    exchange.context.handle(exchange)
  },
  data(exchange, bytes, start, end) {
    exchange.bytesReceived += end - start
    if (exchange.bodyDecoder !== undefined) dataOfDecoder(exchange, bytes, start, end)
    else dataOf(exchange, bytes, start, end)
  },
  end(exchange, trailers) {
    exchange.requestEndedAt = exchange.context.thread.clock.monotonic()
    if (exchange.bodyDecoder?.isWhole() === false && !exchange.finished)
      sendLocalReply(exchange, REPLIES.badBase64)
    else endOf(exchange, trailers)
  },
  flush(exchange) {
    exchange.dispatching = false
    if (exchange.upstreamReady && exchange.upstream?.flush() === false) exchange.stream.pauseRequest()
  },
  drained(exchange) {
    exchange.upstream?.resumeResponse()
  },
  gone(exchange, reason) {
    if (exchange.mirrors !== undefined) mirrorGone(exchange)
    if (exchange.finished) return
    if (reason === 'malformed' && !exchange.responseStarted) {
      sendLocalReply(exchange, {
        status: 400,
        body: 'Bad Request',
        flags: FLAG.DPE,
        details: 'http1.codec_error',
      })
      return
    }
    dropUpstream(exchange)
    if (!exchange.tunnel) {
      exchange.flags |= reason === 'malformed' ? FLAG.DPE : FLAG.DC
      exchange.details = reason === 'malformed' ? 'http1.codec_error' : 'downstream_remote_disconnect'
    }
    if (reason === 'malformed') exchange.stream.reset()
    settle(exchange)
  },
  refused(refusal) {
    sendRefusal(refusal, reasonOf(refusal.status))
  },
}

function dataOf(exchange: Exchange, bytes: Buffer, start: number, end: number): void {
  if (exchange.messages !== undefined) countMessages(exchange.messages.request, bytes, start, end)
  if (exchange.tap !== undefined) exchange.tap.requestData(bytes, start, end)
  if (exchange.mirrors !== undefined) mirrorData(exchange, bytes, start, end)
  if (exchange.finished) return
  if (exchange.kept !== undefined) keepBody(exchange, exchange.kept, bytes, start, end)
  if (exchange.onBody !== undefined) exchange.onBody()
  if (exchange.upstreamReady) exchange.upstream?.sendData(bytes, start, end)
}

function dataOfDecoder(exchange: Exchange, bytes: Buffer, start: number, end: number): void {
  if (exchange.finished) return
  const decoded = exchange.bodyDecoder?.decode(bytes, start, end)
  if (decoded === undefined) sendLocalReply(exchange, REPLIES.badBase64)
  else if (decoded === bytes) dataOf(exchange, bytes, start, end)
  else if (decoded.length > 0) dataOf(exchange, decoded, 0, decoded.length)
}

function endOf(exchange: Exchange, trailers: string): void {
  if (exchange.mirrors !== undefined) mirrorEnd(exchange, trailers)
  if (exchange.tunnel) {
    endClientSide(exchange)
  } else if (exchange.upgrade !== '') {
    exchange.tunnelEnds |= CLIENT_SIDE
  } else {
    if (exchange.upstreamReady) exchange.upstream?.sendEnd(trailers)
    onRequestDone(exchange)
    if (exchange.onBody !== undefined) exchange.onBody()
  }
}

/** WebSocket goes everywhere, as Istio configures Envoy; CONNECT where a route asks for it by name. */
function mayTunnel({ upgrade, context }: Exchange): boolean {
  return upgrade === 'websocket' || (upgrade === 'connect' && context.role !== 'inbound')
}

/** Routing, policies and the application are to mean the same path; outgoing requests are left as they are. */
function normalize(exchange: Exchange): boolean {
  const { role, rules } = exchange.context
  if (role === 'outbound' || exchange.path.charCodeAt(0) !== 47) return true
  const path =
    rules.normalization === 'base'
      ? normalizePath(exchange.path)
      : normalizePathBy(rules.normalization, exchange.path)
  if (path === undefined) return false
  if (path !== exchange.path) {
    exchange.path = path
    exchange.targetChanged = true
  }
  return true
}

/** What happens to a response as its parts come in from the upstream. */
export const UPSTREAM_EVENTS: UpstreamEvents = {
  ready: onReady,
  head: onHead,
  informational(exchange, block) {
    if (block.status === 100) {
      // Who does not wait for it, or has got it from an earlier try, would only be confused.
      if (exchange.continued || !hasField(exchange.head, FIELD.expect)) return
      exchange.continued = true
    }
    exchange.stream.sendInformational(block.status, block)
    exchange.stream.flush()
  },
  data(exchange, bytes, start, end) {
    exchange.bytesSent += end - start
    if (exchange.messages !== undefined) countMessages(exchange.messages.response, bytes, start, end)
    if (exchange.tap !== undefined) exchange.tap.responseData(bytes, start, end)
    exchange.stream.sendData(bytes, start, end)
  },
  flush(exchange) {
    if (!exchange.stream.flush()) exchange.upstream?.pauseResponse()
  },
  end(exchange, trailers) {
    if (exchange.tunnel) {
      exchange.stream.flush()
      exchange.stream.endTunnel()
      endTunnelSide(exchange, SERVER_SIDE)
      return
    }
    exchange.upstream = undefined
    exchange.upstreamReady = false
    exchange.responseTrailers = trailers
    if (exchange.messages !== undefined && trailers !== '')
      exchange.grpcStatus = knownGrpcStatus(lineValue(trailers, 'grpc-status'))
    exchange.stream.sendEnd(trailers)
    exchange.stream.flush()
    finish(exchange)
  },
  drained(exchange) {
    // Though all of the request may have been read: who does not read does not hear that the client has gone.
    exchange.stream.resumeRequest()
  },
  failed: onFailed,
}

const CLIENT_SIDE = 1
const SERVER_SIDE = 2

function endClientSide(exchange: Exchange): void {
  exchange.upstream?.flush()
  exchange.upstream?.endTunnel()
  endTunnelSide(exchange, CLIENT_SIDE)
}

function endTunnelSide(exchange: Exchange, side: number): void {
  exchange.tunnelEnds |= side
  if (exchange.tunnelEnds !== (CLIENT_SIDE | SERVER_SIDE)) return
  dropUpstream(exchange)
  finish(exchange)
}

function onHead(exchange: Exchange, block: HeadBlock, framing: Framing): boolean {
  const plan = exchange.plan as ForwardPlan
  const { thread } = exchange.context
  exchange.host?.report(block.status)
  if (exchange.upgrade !== '' && isFalseConsent(exchange, block.status)) {
    onFailed(exchange, { kind: 'protocol', detail: 'http1.upgrade_ignored' })
    return false
  }
  if (plan.retry.attempts > 0 && isRetriableResponse(plan.retry, block) && mayRetry(exchange)) {
    exchange.upstream = undefined
    exchange.upstreamReady = false
    retryLater(exchange)
    return false
  }
  if (exchange.retrying) endRetry(exchange)
  exchange.answeredAt = thread.clock.monotonic()
  exchange.upstreamServiceTime = Math.floor(exchange.answeredAt - exchange.sentAt)
  exchange.upstreamLocal = exchange.upstream?.localAddress() ?? '-'
  exchange.status = block.status
  exchange.details = 'via_upstream'
  exchange.responseStarted = true
  exchange.responseHeadBytes = block.length
  dropKept(exchange)
  if (exchange.tryTimer) thread.wheel.clear(exchange.tryTimer)
  const lines = prepareResponse(exchange, block, framing)
  exchange.responseFilter?.(exchange, block)
  for (const filter of plan.response) filter(exchange, block)
  tellOfHead(exchange, block, lines)
  const { stream } = exchange
  if (exchange.upgrade !== '' && opensTunnel(exchange, block.status)) {
    startTunnel(exchange, block, lines)
    return true
  }
  stream.sendHead({
    status: block.status,
    block,
    lines,
    kind: framing.kind,
    length: framing.length,
    close: false,
  })
  return true
}

function startTunnel(exchange: Exchange, block: HeadBlock, lines: string): void {
  const { stream } = exchange
  exchange.tunnel = true
  if (exchange.timer) exchange.context.thread.wheel.clear(exchange.timer)
  // The client may have ended its side before there was another.
  const endedEarly = (exchange.tunnelEnds & CLIENT_SIDE) !== 0
  const accept = exchange.upgrade === 'websocket' ? acceptLine(exchange, block) : ''
  stream.sendHead({
    status: block.status,
    block,
    lines: lines + accept,
    kind: BODY.none,
    length: 0,
    close: false,
  })
  stream.flush()
  stream.becomeTunnel()
  if (endedEarly && !exchange.finished) endClientSide(exchange)
}

/** What is gone when the exchange is over. */
function tellOfHead(exchange: Exchange, block: HeadBlock, lines: string): void {
  const { responseFields } = exchange.context.telemetry
  if (responseFields.length > 0) keepForLog(exchange, block, responseFields)
  if (exchange.messages !== undefined) exchange.grpcStatus = knownGrpcStatus(fieldValue(block, 'grpc-status'))
  if (exchange.tap !== undefined) exchange.tap.responseHead(block.status, block, lines)
}

/** What a server invents is not a status: it would be a label of a metric. */
function knownGrpcStatus(text: string | undefined): string {
  return text !== undefined && /^(?:\d|1[0-6])$/.test(text) ? text : ''
}

function keepForLog(exchange: Exchange, block: HeadBlock, names: readonly string[]): void {
  exchange.responseFields = {}
  for (const name of names) exchange.responseFields[name] = fieldValue(block, name)
}
