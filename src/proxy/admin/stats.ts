import type { ClusterLoad } from '../upstream/load.ts'
import { showRoute } from './route-stats.ts'
import type { AdminContext } from './types.ts'

/** Envoy's figures that dashboards read beside Istio's, taken from the counters when someone asks. */
export function registerProxyStats(context: AdminContext): void {
  const { instance, clock } = context
  const { registry, runtime } = instance
  const live = registry.gauge('envoy_server_live', '1 when the proxy serves.')
  const uptime = registry.gauge('envoy_server_uptime', 'Seconds since the start.')
  const connections = registry.gauge('envoy_http_downstream_cx_active', 'Connections of clients.')
  const healthy = registry.gauge('envoy_cluster_membership_healthy', 'Endpoints that may be chosen.')
  const total = registry.gauge('envoy_cluster_membership_total', 'Endpoints.')
  const cxTotal = registry.counter('envoy_cluster_upstream_cx_total', 'Connections opened to endpoints.')
  const cxFailed = registry.counter(
    'envoy_cluster_upstream_cx_connect_fail',
    'Connections that did not come about.',
  )
  const cxActive = registry.gauge('envoy_cluster_upstream_cx_active', 'Connections to endpoints.')
  const rqTotal = registry.counter('envoy_cluster_upstream_rq_total', 'Requests sent to endpoints.')
  const rqActive = registry.gauge('envoy_cluster_upstream_rq_active', 'Requests under way.')
  const loads = LOAD_STATS.map(({ kind, name, help, read }) => ({
    metric: registry[kind](`envoy_cluster_${name}`, help),
    read,
  }))
  registry.onCollect(() => {
    for (const [prefix, counters] of runtime.limits.counters()) {
      for (const [name, value] of Object.entries(counters)) {
        const metric = `envoy_${prefix.replaceAll(/[^A-Za-z0-9_]/g, '_')}_http_local_rate_limit_${name}`
        registry.counter(metric, 'Requests that a local rate limit has looked at.').series([]).value = value
      }
    }
    for (const [prefix, counters] of runtime.guards.counters()) {
      for (const [name, value] of Object.entries(counters)) {
        const metric = `envoy_${prefix.replaceAll('.', '_')}${name}`
        registry.counter(metric, 'What policies of security have decided.').series([]).value = value
      }
    }
    for (const statistics of runtime.statistics.all()) showRoute(registry, statistics)
    live.series([]).value = context.isReady() ? 1 : 0
    uptime.series([]).value = Math.floor((clock.monotonic() - context.startedAt) / 1000)
    connections.series([]).value = instance.connections.size()
    for (const cluster of runtime.clusters()) {
      const labels = [['cluster_name', cluster.name]] as const
      const hosts = cluster.hosts()
      const sum = (read: (host: (typeof hosts)[number]) => number) =>
        hosts.reduce((total, host) => total + read(host), 0)
      healthy.series(labels).value = hosts.filter(
        (host) => cluster.isWell(host) && !cluster.isEjected(host),
      ).length
      total.series(labels).value = hosts.length
      for (const { metric, read } of loads) metric.series(labels).value = read(cluster.load)
      cxActive.series(labels).value = sum((host) => host.counters.connectionsActive)
      rqActive.series(labels).value = sum((host) => host.counters.requestsActive)
      cxTotal.series(labels).value =
        cluster.retired.connectionsTotal + sum((host) => host.counters.connectionsTotal)
      cxFailed.series(labels).value =
        cluster.retired.connectFailures + sum((host) => host.counters.connectFailures)
      rqTotal.series(labels).value =
        cluster.retired.requestsTotal + sum((host) => host.counters.requestsTotal)
    }
  })
}

/** Of a cluster as a whole, by Envoy's names. */
const LOAD_STATS: readonly {
  readonly kind: 'gauge' | 'counter'
  readonly name: string
  readonly help: string
  readonly read: (load: ClusterLoad) => number
}[] = [
  {
    kind: 'gauge',
    name: 'upstream_rq_pending_active',
    help: 'Requests that wait for a connection.',
    read: (load) => load.pending,
  },
  {
    kind: 'counter',
    name: 'upstream_rq_pending_total',
    help: 'Requests that have waited for a connection.',
    read: (load) => load.pendingTotal,
  },
  {
    kind: 'counter',
    name: 'upstream_rq_pending_overflow',
    help: 'Requests refused because too many were under way or waited.',
    read: (load) => load.pendingOverflows,
  },
  {
    kind: 'counter',
    name: 'upstream_cx_overflow',
    help: 'Connections not opened because there were as many as may be.',
    read: (load) => load.connectionOverflows,
  },
  {
    kind: 'counter',
    name: 'upstream_cx_max_requests',
    help: 'Connections closed after as many requests as they may carry.',
    read: (load) => load.connectionsUsedUp,
  },
  {
    kind: 'counter',
    name: 'upstream_cx_idle_timeout',
    help: 'Connections closed because nothing used them.',
    read: (load) => load.connectionsIdledOut,
  },
  {
    kind: 'counter',
    name: 'upstream_cx_max_duration_reached',
    help: 'Connections closed at the end of the time they may last.',
    read: (load) => load.connectionsOutlived,
  },
  {
    kind: 'counter',
    name: 'upstream_rq_retry',
    help: 'Retries of requests.',
    read: (load) => load.retriesTotal,
  },
  {
    kind: 'counter',
    name: 'upstream_rq_retry_overflow',
    help: 'Retries not made because too many were under way.',
    read: (load) => load.retryOverflows,
  },
  {
    kind: 'counter',
    name: 'upstream_rq_retry_limit_exceeded',
    help: 'Requests that failed after all their retries.',
    read: (load) => load.retryLimitsReached,
  },
]
