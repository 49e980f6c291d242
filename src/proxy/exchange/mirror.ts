import { copyHead, dropKnown } from '../http1/head-block.ts'
import { forward, onRequestDone } from './attempt.ts'
import { keepBytes, keepForLater } from './kept-body.ts'
import { createExchange } from './exchange.ts'
import { endCopies, giveUpCopy } from './finish.ts'
import { NO_RETRY } from './retry.ts'
import type { DownstreamStream, Exchange, ForwardPlan, ForwardTarget } from './types.ts'
import { FIELD } from '../http1/known-fields.ts'

/** Bytes of a body that may wait for a slow mirror; above it the copy is given up, never the request. */
const BACKLOG_MAX = 1024 * 1024
/** An answer that nobody waits for is not waited for without end. */
const TIMEOUT_MS = 15_000

/** A copy of a request on its way to somewhere else. */
interface Mirror extends Exchange {
  backlog: number
}

/**
 * Sends a copy of the request, as it stands, to another cluster. Its answer is thrown away, its failures are nobody's,
 * and it never holds the request up. @see Envoy, request_mirror_policies
 */
export function mirrorTo(exchange: Exchange, target: ForwardTarget): void {
  const { thread } = exchange.context
  const head = thread.blocks.acquire()
  copyHead(exchange.head, head)
  const stream = { ...NOBODY, done: () => thread.blocks.release(head) }
  const mirror = createExchange({
    context: { ...exchange.context, record: () => {} },
    stream,
    head,
    method: exchange.method,
    authority: shadowOf(exchange.authority),
    path: exchange.path,
    hasBody: exchange.hasBody,
    bodyLength: exchange.bodyLength,
    upgrade: '',
    protocol: exchange.protocol,
  }) as Mirror
  mirror.backlog = 0
  // It is sent once at most, whatever a kept connection has made of it: what is kept of its body is not all of it.
  mirror.replays = Number.POSITIVE_INFINITY
  mirror.targetChanged = exchange.targetChanged
  mirror.requestId = exchange.requestId
  dropKnown(head, FIELD.host)
  head.added.push(`host: ${mirror.authority}\r\n`)
  // No read of a client's ends with it: what it writes goes out at once.
  mirror.dispatching = false
  exchange.mirrors ??= []
  exchange.mirrors.push(mirror)
  keepForLater(mirror)
  forward(mirror, planFor(target))
}

/** Envoy's mark of a copy, before the port. */
function shadowOf(authority: string): string {
  const port = /:\d+$/.exec(authority)?.[0] ?? ''
  return `${authority.slice(0, authority.length - port.length)}-shadow${port}`
}

function planFor(target: ForwardTarget): ForwardPlan {
  return {
    target,
    requestTimeoutMs: TIMEOUT_MS,
    tryTimeoutMs: 0,
    retry: NO_RETRY,
    response: [],
    requestLines: '',
    baseLines: '',
    attemptCount: false,
  }
}

export function mirrorData(exchange: Exchange, bytes: Buffer, start: number, end: number): void {
  for (const one of exchange.mirrors ?? []) {
    const mirror = one as Mirror
    if (mirror.finished) continue
    mirror.backlog += end - start
    if (mirror.backlog > BACKLOG_MAX) {
      giveUpCopy(mirror)
    } else if (!mirror.upstreamReady) {
      if (mirror.kept !== undefined) keepBytes(mirror, mirror.kept, bytes, start, end)
    } else {
      mirror.upstream?.sendData(bytes, start, end)
      if (mirror.upstream?.flush() === true) mirror.backlog = 0
    }
  }
}

export function mirrorEnd(exchange: Exchange, trailers: string): void {
  for (const mirror of exchange.mirrors ?? []) {
    mirror.requestDone = true
    mirror.requestTrailers = trailers
    onRequestDone(mirror)
    if (mirror.finished || !mirror.upstreamReady) continue
    mirror.upstream?.sendEnd(trailers)
    mirror.upstream?.flush()
  }
}

/** The client has gone. */
export function mirrorGone(exchange: Exchange): void {
  if (exchange.mirrors !== undefined) endCopies(exchange.mirrors)
}

/** Takes every answer and gives it to nobody. */
const NOBODY: DownstreamStream = {
  protocol: 'none',
  remoteAddress: '',
  remotePort: 0,
  localAddress: '',
  localPort: 0,
  sendHead: () => {},
  sendInformational: () => {},
  sendData: () => {},
  sendEnd: () => {},
  flush: () => true,
  becomeTunnel: () => {},
  endTunnel: () => {},
  pauseRequest: () => {},
  resumeRequest: () => {},
  done: () => {},
  reset: () => {},
}
