import { FLAG } from '../../telemetry/index.ts'
import type { Exchange, RouteStatistics } from './types.ts'

export interface RouteStatisticsTable {
  /** @returns undefined when there are as many as are kept */
  readonly of: (virtualHost: string, prefix: string) => RouteStatistics | undefined
  readonly all: () => Iterable<RouteStatistics>
}

/** What is counted of a route stays when the route goes, so there is an end to it. */
const KEPT_MAX = 1000

export function createRouteStatistics(): RouteStatisticsTable {
  const byName = new Map<string, RouteStatistics>()
  return {
    of(virtualHost, prefix) {
      const name = `${virtualHost} ${prefix}`
      const known = byName.get(name)
      if (known !== undefined || byName.size >= KEPT_MAX) return known
      const made = { virtualHost, prefix, sent: 0, retries: 0, timeouts: 0, byStatus: new Map() }
      byName.set(name, made)
      return made
    },
    all: () => byName.values(),
  }
}

/** @see Envoy, the statistics of a virtual cluster */
export function countRoute(statistics: RouteStatistics, { attempt, status, flags }: Exchange): void {
  statistics.sent += attempt
  statistics.retries += Math.max(0, attempt - 1)
  if ((flags & FLAG.UT) !== 0) statistics.timeouts++
  statistics.byStatus.set(status, (statistics.byStatus.get(status) ?? 0) + 1)
}
