import { FLAG } from '../../telemetry/index.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { dropUpstream, finish } from './finish.ts'
import { sendLocalReply } from './local-reply.ts'
import type { Exchange, StreamIdle } from './types.ts'

/** So many looks in the time that nothing may move: that much later than asked for it is seen at most. */
const LOOKS = 8

/**
 * Ends the request when nothing of it, nor of its answer, has moved for so long (Envoy's `stream_idle_timeout`). Nobody
 * is told of bytes that pass: it looks now and then whether there were any.
 */
export function watchIdle(exchange: Exchange): void {
  const { wheel, clock } = exchange.context.thread
  const idle: StreamIdle = {
    timer: createWheelTimer(() => look(exchange, idle)),
    mark: markOf(exchange),
    since: clock.monotonic(),
  }
  exchange.idle = idle
  wheel.set(idle.timer, exchange.context.rules.streamIdleTimeoutMs / LOOKS)
}

function look(exchange: Exchange, idle: StreamIdle): void {
  const { thread, rules } = exchange.context
  const now = thread.clock.monotonic()
  const mark = markOf(exchange)
  if (mark !== idle.mark) {
    idle.mark = mark
    idle.since = now
  }
  if (now - idle.since >= rules.streamIdleTimeoutMs) end(exchange)
  else thread.wheel.set(idle.timer, rules.streamIdleTimeoutMs / LOOKS)
}

/** Changes whenever something has passed. */
function markOf(exchange: Exchange): number {
  return (
    exchange.bytesReceived +
    exchange.bytesSent +
    exchange.attempt +
    (exchange.requestDone ? 1 : 0) +
    (exchange.responseStarted ? 1 : 0)
  )
}

/** @see Envoy: 408 while the request is still coming, 504 when it is the answer that does not come */
function end(exchange: Exchange): void {
  if (exchange.finished) return
  if (!exchange.responseStarted) {
    const status = exchange.requestDone ? 504 : 408
    sendLocalReply(exchange, {
      status,
      body: 'stream timeout',
      flags: FLAG.SI,
      details: 'stream_idle_timeout',
    })
    return
  }
  exchange.flags |= FLAG.SI
  exchange.details = 'stream_idle_timeout'
  dropUpstream(exchange)
  exchange.stream.reset()
  finish(exchange)
}
