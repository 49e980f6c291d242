import { sendLocalReply } from '../../exchange/local-reply.ts'
import { FLAG } from '../../../telemetry/index.ts'
import type { HttpFilterFactory } from '../order.ts'
import { responseLines } from '../headers/change.ts'

/** Answers with a fixed status and body (Istio's directResponse; rules of the Gateway API whose backends do not resolve). */
export const respondFilter: HttpFilterFactory = (route) => {
  const { action } = route
  if (action.kind !== 'respond') return undefined
  const reply = {
    status: action.status,
    body: action.body ?? '',
    flags: action.status === 404 ? FLAG.NR : 0,
    details: 'direct_response',
    lines: responseLines(route.filters),
  }
  return {
    request(exchange) {
      sendLocalReply(exchange, reply)
      return 'stop'
    },
  }
}
