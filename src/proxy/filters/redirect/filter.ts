import { redirectLocation } from '../../../routing/index.ts'
import { sendLocalReply } from '../../exchange/local-reply.ts'
import { responseLines } from '../headers/change.ts'
import type { HttpFilterFactory } from '../order.ts'

/** Sends the client elsewhere (Gateway API RequestRedirect, Istio's redirect). */
export const redirectFilter: HttpFilterFactory = (route) => {
  const { action } = route
  if (action.kind !== 'redirect') return undefined
  const lines = responseLines(route.filters)
  return {
    request(exchange, match) {
      const location = redirectLocation(action, exchange, match.source.path)
      sendLocalReply(exchange, {
        status: action.status,
        body: '',
        flags: 0,
        details: 'direct_response',
        lines: `location: ${location}\r\n${lines}`,
      })
      return 'stop'
    },
  }
}
