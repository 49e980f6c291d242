import type { HttpFilterFactory } from '../order.ts'

/** Has requests counted by the `statPrefix` of the match that took them, as far as they come to an upstream. */
export const statisticsFilter: HttpFilterFactory = (route, { statistics }) => {
  if (route.action.kind !== 'forward') return undefined
  if (route.matches.every(({ source }) => source.statPrefix === undefined)) return undefined
  const [domain = '*'] = route.source.domains
  return {
    request(exchange, { source: { statPrefix } }) {
      if (statPrefix !== undefined) {
        exchange.statistics = statistics.of(`${domain}:${exchange.context.port}`, statPrefix)
      }
      return 'continue'
    },
  }
}
