import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import type { ClusterLoad } from '../upstream/load.ts'
import { nameFilter } from './stats-query.ts'
import type { AdminContext, AdminRequest } from './types.ts'

/** What Envoy calls no bound. */
const UNBOUNDED = 4_294_967_295

function thresholds(limits: ClusterLoad['limits']) {
  return {
    max_connections: Math.min(limits.connectionsMax, UNBOUNDED),
    max_pending_requests: Math.min(limits.pendingMax, UNBOUNDED),
    max_requests: Math.min(limits.requestsMax, UNBOUNDED),
    max_retries: Math.min(limits.retriesMax, UNBOUNDED),
  }
}

function numbersOf({ limits: _limits, shared: _shared, ...load }: ClusterLoad) {
  return load
}

function wantedClusters({ query }: AdminRequest, { instance }: AdminContext): readonly Cluster[] {
  const isWanted = nameFilter(query.get('filter'))
  return [...instance.runtime.clusters()].filter(({ name }) => typeof isWanted === 'string' || isWanted(name))
}

/** With figures that are numbers under their names, so that those of several workers can be added up. */
export function clusters(request: AdminRequest, context: AdminContext) {
  return {
    cluster_statuses: wantedClusters(request, context).map((cluster) => ({
      name: cluster.name,
      observability_name: cluster.name,
      circuit_breakers: { thresholds: [thresholds(cluster.load.limits)] },
      load: numbersOf(cluster.load),
      host_statuses: cluster.hosts().map((host) => ({
        address: { socket_address: { address: host.ip, port_value: host.port } },
        health_status: {
          eds_health_status: 'HEALTHY',
          ...(cluster.isEjected(host) && { failed_outlier_check: true }),
          ...(!cluster.isWell(host) && { failed_active_health_check: true }),
        },
        weight: host.weight,
        locality: host.workload()?.locality ?? {},
        workload: host.workload()?.key,
        stats: host.counters,
      })),
    })),
  }
}

/** @see Envoy, /clusters: health_flags */
function healthFlags(cluster: Cluster, host: Host): string {
  const flags = [
    cluster.isWell(host) ? '' : '/failed_active_hc',
    cluster.isEjected(host) ? '/failed_outlier_check' : '',
  ].join('')
  return flags === '' ? 'healthy' : flags
}

export function clusterLines(request: AdminRequest, context: AdminContext): string {
  let lines = ''
  for (const cluster of wantedClusters(request, context)) {
    lines += `${cluster.name}::observability_name::${cluster.name}\n`
    for (const [name, value] of Object.entries(thresholds(cluster.load.limits))) {
      lines += `${cluster.name}::default_priority::${name}::${value}\n`
    }
    for (const host of cluster.hosts()) lines += hostLines(cluster, host)
  }
  return lines
}

function hostLines(cluster: Cluster, host: Host): string {
  const { counters } = host
  const { region = '', zone = '', subzone = '' } = host.workload()?.locality ?? {}
  const figures: readonly (readonly [string, string | number])[] = [
    ['cx_active', counters.connectionsActive],
    ['cx_connect_fail', counters.connectFailures],
    ['cx_total', counters.connectionsTotal],
    ['rq_active', counters.requestsActive],
    ['rq_error', counters.requestsError],
    ['rq_pending_active', counters.requestsWaiting],
    ['rq_success', Math.max(0, counters.requestsTotal - counters.requestsError - counters.requestsActive)],
    ['rq_total', counters.requestsTotal],
    ['hostname', host.workload()?.hostname ?? ''],
    ['health_flags', healthFlags(cluster, host)],
    ['weight', host.weight],
    ['region', region],
    ['zone', zone],
    ['sub_zone', subzone],
  ]
  return figures.map(([name, value]) => `${cluster.name}::${host.address}::${name}::${value}\n`).join('')
}
