import type { Random } from '../../../base/index.ts'
import { type LocalReply, sendLocalReply } from '../../exchange/local-reply.ts'
import type { Exchange } from '../../exchange/types.ts'
import { createWheelTimer } from '../../net/timer-wheel.ts'
import { FLAG } from '../../../telemetry/index.ts'
import type { HttpFilterFactory } from '../order.ts'
import { resumeChain } from '../run.ts'

/** Makes a share of the requests late, or fail, on purpose (Envoy's fault filter; Istio's fault). */
export const faultFilter: HttpFilterFactory = (route, context) => {
  const faults = route.filters.filter((filter) => filter.kind === 'fault')
  const delay = faults.findLast((fault) => fault.delay !== undefined)?.delay
  const abort = faults.findLast((fault) => fault.abort !== undefined)?.abort
  if (delay === undefined && abort === undefined) return undefined
  const { random } = context
  const reply = replyOf(abort ?? { status: 500 })
  return {
    request(exchange) {
      const fails = abort !== undefined && falls(random, abort.percent)
      if (delay !== undefined && falls(random, delay.percent)) {
        exchange.flags |= FLAG.DI
        waitFor(exchange, delay.ms, () => {
          if (fails) sendLocalReply(exchange, reply)
          else resumeChain(exchange)
        })
        return 'wait'
      }
      if (!fails) return 'continue'
      sendLocalReply(exchange, reply)
      return 'stop'
    },
  }
}

function falls(random: Random, percent: number): boolean {
  return random.next() * 100 < percent
}

/** The exchange's timer, which is free until the request is sent on; it is cleared when the client goes away. */
function waitFor(exchange: Exchange, ms: number, callback: () => void): void {
  exchange.timer = createWheelTimer(callback)
  exchange.context.thread.wheel.set(exchange.timer, ms)
}

function replyOf(abort: { readonly status: number; readonly grpcStatus?: number }): LocalReply {
  const { status, grpcStatus } = abort
  return {
    status,
    body: 'fault filter abort',
    flags: FLAG.FI,
    details: 'fault_filter_abort',
    ...(grpcStatus !== undefined && { grpcStatus }),
  }
}
