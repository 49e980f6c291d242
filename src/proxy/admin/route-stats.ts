import type { MetricsRegistry } from '../../telemetry/index.ts'
import type { RouteStatistics } from '../exchange/types.ts'

/** By the `statPrefix` of a route, in Envoy's names. */
export function showRoute(registry: MetricsRegistry, statistics: RouteStatistics): void {
  const { virtualHost, prefix, sent, retries, timeouts, byStatus } = statistics
  const labels = [
    ['envoy_virtual_host', virtualHost],
    ['envoy_route', prefix],
  ] as const
  const show = (
    name: string,
    help: string,
    value: number,
    more: readonly (readonly [string, string])[] = [],
  ) => {
    registry.counter(`envoy_vhost_route_${name}`, help).series([...labels, ...more]).value = value
  }
  show('upstream_rq_total', 'Requests sent for a route with a statPrefix.', sent)
  show('upstream_rq_retry', 'Retries for a route with a statPrefix.', retries)
  show('upstream_rq_timeout', 'Requests of a route with a statPrefix that took too long.', timeouts)
  const classes = new Map<string, number>()
  let completed = 0
  for (const [status, count] of byStatus) {
    if (status === 0) continue
    completed += count
    const kind = String(Math.floor(status / 100))
    classes.set(kind, (classes.get(kind) ?? 0) + count)
    show('upstream_rq', 'Answers for a route with a statPrefix.', count, [
      ['envoy_response_code', String(status)],
    ])
  }
  show('upstream_rq_completed', 'Requests of a route with a statPrefix that were answered.', completed)
  for (const [kind, count] of classes) {
    show('upstream_rq_xx', 'Answers for a route with a statPrefix, by class.', count, [
      ['envoy_response_code_class', kind],
    ])
  }
}
