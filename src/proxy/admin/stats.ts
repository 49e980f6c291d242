import type { AdminContext } from './types.ts'

/** Envoy's figures that dashboards read beside Istio's, taken from the counters when someone asks. */
export function registerProxyStats(context: AdminContext): void {
  const { instance, clock } = context
  const { registry, runtime } = instance
  const live = registry.gauge('envoy_server_live', '1 when the proxy serves.')
  const uptime = registry.gauge('envoy_server_uptime', 'Seconds since the start.')
  const connections = registry.gauge('envoy_http_downstream_cx_active', 'Connections of clients.')
  const healthy = registry.gauge('envoy_cluster_membership_healthy', 'Endpoints that may be chosen.')
  const cxTotal = registry.counter('envoy_cluster_upstream_cx_total', 'Connections opened to endpoints.')
  const cxFailed = registry.counter(
    'envoy_cluster_upstream_cx_connect_fail',
    'Connections that did not come about.',
  )
  const cxActive = registry.gauge('envoy_cluster_upstream_cx_active', 'Connections to endpoints.')
  const rqTotal = registry.counter('envoy_cluster_upstream_rq_total', 'Requests sent to endpoints.')
  const rqActive = registry.gauge('envoy_cluster_upstream_rq_active', 'Requests under way.')
  registry.onCollect(() => {
    live.series([]).value = context.isReady() ? 1 : 0
    uptime.series([]).value = Math.floor((clock.monotonic() - context.startedAt) / 1000)
    connections.series([]).value = instance.connections.size()
    for (const cluster of runtime.clusters()) {
      const labels = [['cluster_name', cluster.name]] as const
      const hosts = cluster.hosts()
      const sum = (read: (host: (typeof hosts)[number]) => number) =>
        hosts.reduce((total, host) => total + read(host), 0)
      healthy.series(labels).value = hosts.length
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
