import { FLAG } from '../../telemetry/index.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { dropUpstream, endRetry, finish } from './finish.ts'
import { describeFailure, type LocalReply, REPLIES, sendLocalReply } from './local-reply.ts'
import { keepBytes, keepForLater, KEPT_BYTES_MAX, limitKept } from './kept-body.ts'
import { isReplayable, isRetriableFailure, mayReplay } from './retry.ts'
import { planOfRetry, planOn } from './terms.ts'
import type { Exchange, ForwardHost, ForwardPlan, KeptBody, UpstreamFailure } from './types.ts'

/** Envoy's host_selection_retry_max_attempts under Istio: picks that fall on a host already tried are repeated. */
const RESELECTIONS_MAX = 5
const BACKOFF_FACTOR_MAX = 10

/** Sends the request on its way as planned. */
export function forward(exchange: Exchange, given: ForwardPlan): void {
  const plan = exchange.terms !== undefined || given.requestTimeoutMs > 0 ? planOn(given, exchange) : given
  exchange.plan = plan
  exchange.target = plan.target
  exchange.clusterName = plan.target.name
  keepForLater(exchange)
  if (plan.requestTimeoutMs > 0 && exchange.requestDone) startTimeout(exchange, plan)
  attempt(exchange)
}

/**
 * The time of a route is that of the server: it begins when the server has all of the request, so that a slow upload does not
 * use it up. @see Envoy, RouteAction.timeout
 */
function startTimeout(exchange: Exchange, plan: ForwardPlan): void {
  const { thread } = exchange.context
  exchange.deadlineAt = thread.clock.monotonic() + plan.requestTimeoutMs
  exchange.timer = createWheelTimer(() => onTimeout(exchange, REPLIES.requestTimeout))
  thread.wheel.set(exchange.timer, plan.requestTimeoutMs)
}

function startTryTimeout(exchange: Exchange, plan: ForwardPlan): void {
  exchange.tryTimer ??= createWheelTimer(() => onTryTimeout(exchange))
  exchange.context.thread.wheel.set(exchange.tryTimer, plan.tryTimeoutMs)
}

/** The request has arrived whole while it was under way. */
export function onRequestDone(exchange: Exchange): void {
  const { plan } = exchange
  if (plan === undefined || exchange.finished) return
  if (plan.requestTimeoutMs > 0) startTimeout(exchange, plan)
  if (plan.tryTimeoutMs > 0 && !exchange.waiting && !exchange.responseStarted) startTryTimeout(exchange, plan)
}

function attempt(exchange: Exchange): void {
  const host = pickHost(exchange)
  if (host === undefined) {
    sendLocalReply(exchange, REPLIES.noHealthyUpstream)
    return
  }
  const { plan } = exchange
  if (exchange.attempt++ > 0 && plan !== undefined && plan.requestTimeoutMs > 0)
    exchange.plan = planOfRetry(plan, exchange)
  connect(exchange, host, false)
}

/** Prefers a host that has not been tried for this request. */
function pickHost(exchange: Exchange): ForwardHost | undefined {
  const { target, retry } = exchange.plan as ForwardPlan
  let host = target.pick(exchange)
  const { tried } = exchange
  if (tried === undefined || retry.sameHosts === true) return host
  for (let i = 0; i < RESELECTIONS_MAX && host !== undefined && tried.includes(host.address); i++) {
    host = target.pick(exchange)
  }
  return host
}

function connect(exchange: Exchange, host: ForwardHost, fresh: boolean): void {
  const plan = exchange.plan as ForwardPlan
  exchange.host = host
  exchange.upstreamHost = host.address
  exchange.upstreamReady = false
  if (plan.tryTimeoutMs > 0 && exchange.requestDone) startTryTimeout(exchange, plan)
  const stream = host.open(exchange, fresh)
  if (stream === undefined)
    sendLocalReply(exchange, describeFailure({ kind: 'overflow' }, exchange.attempt > 1))
}

/** The connection takes the request: head, what is kept of the body, and its end if that has come. */
export function onReady(exchange: Exchange): void {
  const upstream = exchange.upstream
  if (upstream === undefined) return
  exchange.upstreamReady = true
  exchange.sentAt = exchange.context.thread.clock.monotonic()
  const { kept, trace } = exchange
  if (trace !== undefined) trace.tracer.attemptBegins(exchange)
  upstream.sendHead(exchange)
  if (kept !== undefined) {
    for (const chunk of kept.chunks) upstream.sendData(chunk, 0, chunk.length)
    limitKept(exchange, kept)
  }
  if (exchange.hasBody && exchange.requestDone) upstream.sendEnd(exchange.requestTrailers)
  if (exchange.dispatching) return
  // What a client says in an upgrade before it is answered waits for the tunnel.
  if (!upstream.flush()) exchange.stream.pauseRequest()
  else if (exchange.upgrade === '') exchange.stream.resumeRequest()
}

/** Keeps a run of body bytes for a first connection or another try. */
export function keepBody(
  exchange: Exchange,
  kept: KeptBody,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (kept.overflowed) return
  keepBytes(exchange, kept, bytes, start, end)
  if (exchange.upstreamReady) limitKept(exchange, kept)
  else if (kept.bytes > KEPT_BYTES_MAX) exchange.stream.pauseRequest()
}

/** An attempt ended without a response head, or its response broke off. */
export function onFailed(exchange: Exchange, failure: UpstreamFailure): void {
  const host = exchange.host as ForwardHost
  exchange.upstream = undefined
  exchange.upstreamReady = false
  if (exchange.tunnel || exchange.responseStarted) {
    breakOff(exchange, failure)
    return
  }
  if (mayReplay(exchange, failure)) {
    exchange.replays++
    connect(exchange, host, true)
    return
  }
  if (failure.kind !== 'overflow') host.report('local')
  if (failure.kind === 'connect') exchange.transportFailure = failure.detail
  const plan = exchange.plan as ForwardPlan
  if (isRetriableFailure(plan.retry, failure) && mayRetry(exchange)) {
    retryLater(exchange)
    return
  }
  sendLocalReply(exchange, describeFailure(failure, exchange.attempt > 1))
}

function breakOff(exchange: Exchange, failure: UpstreamFailure): void {
  if (!exchange.tunnel) {
    const reply = describeFailure(failure, false)
    exchange.flags |= reply.flags
    exchange.details = reply.details.replace('before_response_started', 'after_response_started')
  }
  exchange.stream.flush()
  exchange.stream.reset()
  finish(exchange)
}

/** Whether plan and target leave another try, which then counts as begun; notes what is used up when they do not. */
export function mayRetry(exchange: Exchange): boolean {
  const { retry, target } = exchange.plan as ForwardPlan
  if (retry.attempts === 0 || !isReplayable(exchange)) return false
  const { retries } = target
  if (exchange.retrying) endRetry(exchange)
  if (exchange.attempt - 1 >= retry.attempts) {
    exchange.flags |= FLAG.URX
    retries?.limitReached()
    return false
  }
  if (retries === undefined) return true
  exchange.retrying = retries.take()
  if (!exchange.retrying) exchange.flags |= FLAG.UO
  return exchange.retrying
}

/** Another try after Envoy's jittered back-off. */
export function retryLater(exchange: Exchange): void {
  const { thread } = exchange.context
  const { retry } = exchange.plan as ForwardPlan
  if (exchange.trace !== undefined) exchange.trace.tracer.attemptEnds(exchange)
  exchange.tried ??= []
  exchange.tried.push((exchange.host as ForwardHost).address)
  const ceiling = Math.min(
    retry.backoffMs * (2 ** exchange.attempt - 1),
    retry.backoffMs * BACKOFF_FACTOR_MAX,
  )
  exchange.tryTimer ??= createWheelTimer(() => onTryTimeout(exchange))
  exchange.waiting = true
  thread.wheel.set(exchange.tryTimer, Math.max(1, thread.random.next() * ceiling))
}

/** The timer of a try also measures the wait before the next one. */
function onTryTimeout(exchange: Exchange): void {
  if (exchange.finished) return
  if (exchange.waiting) {
    exchange.waiting = false
    attempt(exchange)
    return
  }
  if (exchange.responseStarted) return
  const { retry } = exchange.plan as ForwardPlan
  dropUpstream(exchange)
  if ((retry.conditions & TIMEOUT_CONDITIONS) !== 0 && mayRetry(exchange)) retryLater(exchange)
  else sendLocalReply(exchange, REPLIES.tryTimeout)
}

/** A try that took too long counts as a 504 and as a reset. */
const TIMEOUT_CONDITIONS = 1 | 2 | 32

function onTimeout(exchange: Exchange, reply: LocalReply): void {
  if (exchange.finished || exchange.tunnel) return
  if (!exchange.responseStarted) {
    sendLocalReply(exchange, reply)
    return
  }
  exchange.flags |= reply.flags
  exchange.details = 'response_timeout'
  dropUpstream(exchange)
  exchange.stream.reset()
  finish(exchange)
}
