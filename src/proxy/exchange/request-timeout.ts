import { createWheelTimer } from '../net/timer-wheel.ts'
import { sendLocalReply } from './local-reply.ts'
import type { Exchange } from './types.ts'

/** Answers 408 when the whole request is not there after so long, and nothing has been answered (Envoy's `request_timeout`). */
export function watchRequest(exchange: Exchange): void {
  const { thread, rules } = exchange.context
  const timer = createWheelTimer(() => {
    if (exchange.finished || exchange.requestDone || exchange.responseStarted) return
    sendLocalReply(exchange, {
      status: 408,
      body: 'request timeout',
      flags: 0,
      details: 'request_overall_timeout',
    })
  })
  exchange.requestTimer = timer
  thread.wheel.set(timer, rules.requestTimeoutMs)
}
