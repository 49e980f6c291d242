import { mirrorTo } from '../../exchange/mirror.ts'
import type { HttpFilterFactory } from '../order.ts'

/** Sends copies of requests elsewhere, as the filters before it have left them (Gateway API RequestMirror, Istio's mirrors). */
export const mirrorFilter: HttpFilterFactory = (route, context) => {
  const mirrors = route.filters
    .filter((filter) => filter.kind === 'mirror')
    .map(({ percent, target }) => ({
      percent,
      cluster: context.cluster({ ...target, subset: target.subset }),
    }))
  if (mirrors.length === 0) return undefined
  const { random } = context
  return {
    request(exchange) {
      // A connection that changes its protocol has no copy.
      if (exchange.upgrade !== '') return 'continue'
      for (const { percent, cluster } of mirrors) {
        if (random.next() * 100 < percent && cluster.isKnown()) mirrorTo(exchange, cluster)
      }
      return 'continue'
    },
  }
}
