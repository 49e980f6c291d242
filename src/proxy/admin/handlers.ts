import { LOG_LEVELS, type LogLevel } from '../../base/index.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import type { ClusterLoad } from '../upstream/load.ts'
import type { AdminAnswer, AdminContext, AdminHandler } from './types.ts'

/** Envoy's admin paths on 127.0.0.1:15000, as far as they have a meaning here. */
export const ADMIN_PATHS: Readonly<Record<string, AdminHandler>> = {
  '/': () => text(`${Object.keys(ADMIN_PATHS).join('\n')}\n`),
  '/ready': (_request, context) =>
    context.isReady() ? text('LIVE\n') : { status: 503, type: 'text/plain', body: 'INITIALIZING\n' },
  '/server_info': (_request, context) => json(serverInfo(context)),
  '/stats': (_request, context) => text(plainStats(context.instance.registry.text())),
  '/stats/prometheus': (_request, context) => text(context.instance.registry.text()),
  '/clusters': (request, context) =>
    request.query.get('format') === 'json' ? json(clusters(context)) : text(clusterLines(context)),
  '/listeners': (request, context) =>
    request.query.get('format') === 'json'
      ? json({ listener_statuses: listeners(context) })
      : text(
          listeners(context)
            .map((one) => `${one.name}::${one.address}\n`)
            .join(''),
        ),
  '/config_dump': (_request, context) => json(configDump(context)),
  '/logging': (request, context) => logging(request.query, request.method, context),
  '/drain_listeners': (request, context) => mutation(request.method, () => context.instance.drain()),
  '/quitquitquit': (request, context) => mutation(request.method, () => context.onQuit()),
}

function text(body: string): AdminAnswer {
  return { status: 200, type: 'text/plain', body }
}

function json(value: unknown): AdminAnswer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value, undefined, 1)}\n` }
}

/** What changes the proxy must be asked for by POST, so that following a link does not do it. */
function mutation(method: string, act: () => void): AdminAnswer {
  if (method !== 'POST') return { status: 405, type: 'text/plain', body: 'use POST\n' }
  act()
  return text('OK\n')
}

/** Of the conversation between a process and its successor. */
const HOT_RESTART_VERSION = '1'

function serverInfo(context: AdminContext) {
  const { instance, bootstrap } = context
  return {
    version: `lateen/${bootstrap.node.version}`,
    state: instance.isDraining() ? 'DRAINING' : context.isReady() ? 'LIVE' : 'INITIALIZING',
    hot_restart_version: HOT_RESTART_VERSION,
    command_line_options: { restart_epoch: context.restartEpoch, concurrency: context.concurrency },
    uptime_current_epoch: `${Math.floor((context.clock.monotonic() - context.startedAt) / 1000)}s`,
    node: {
      id: bootstrap.node.id,
      cluster: bootstrap.node.cluster,
      metadata: { NAMESPACE: bootstrap.node.namespace, LABELS: bootstrap.node.labels },
    },
    control_plane: { address: bootstrap.discoveryAddress, connected: context.isConnected() },
  }
}

/** Envoy's `name: value` lines, from the Prometheus text. */
export function plainStats(prometheusText: string): string {
  return prometheusText
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const blank = line.lastIndexOf(' ')
      return `${line.slice(0, blank)}: ${line.slice(blank + 1)}\n`
    })
    .join('')
}

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

function withoutLimits({ limits: _limits, ...load }: ClusterLoad) {
  return load
}

function clusters(context: AdminContext) {
  return {
    cluster_statuses: [...context.instance.runtime.clusters()].map((cluster) => ({
      name: cluster.name,
      circuit_breakers: { thresholds: [thresholds(cluster.load.limits)] },
      load: withoutLimits(cluster.load),
      host_statuses: cluster.hosts().map((host) => ({
        address: { socket_address: { address: host.ip, port_value: host.port } },
        health_status: {
          eds_health_status: 'HEALTHY',
          ...(cluster.isEjected(host) && { failed_outlier_check: true }),
          ...(!cluster.isWell(host) && { failed_active_health_check: true }),
        },
        weight: host.weight,
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

function clusterLines(context: AdminContext): string {
  let lines = ''
  for (const cluster of context.instance.runtime.clusters()) {
    for (const [name, value] of Object.entries(thresholds(cluster.load.limits))) {
      lines += `${cluster.name}::default_priority::${name}::${value}\n`
    }
    for (const host of cluster.hosts()) {
      const prefix = `${cluster.name}::${host.address}::`
      const { counters } = host
      lines += `${prefix}cx_active::${counters.connectionsActive}\n${prefix}cx_connect_fail::${counters.connectFailures}\n`
      lines += `${prefix}cx_total::${counters.connectionsTotal}\n${prefix}rq_active::${counters.requestsActive}\n`
      lines += `${prefix}rq_total::${counters.requestsTotal}\n${prefix}health_flags::${healthFlags(cluster, host)}\n${prefix}weight::${host.weight}\n`
      const { region = '', zone = '', subzone = '' } = host.workload()?.locality ?? {}
      lines += `${prefix}region::${region}\n${prefix}zone::${zone}\n${prefix}sub_zone::${subzone}\n`
    }
  }
  return lines
}

function listeners(context: AdminContext): readonly { name: string; address: string }[] {
  const { gateway, sidecar } = context.instance
  if (sidecar !== undefined) {
    const ports = sidecar.ports()
    return [
      { name: 'virtualOutbound', address: `0.0.0.0:${ports.outbound}` },
      { name: 'virtualInbound', address: `0.0.0.0:${ports.inbound}` },
    ]
  }
  return (gateway?.list() ?? []).map(({ port, bound, transport }) => ({
    name: transport === 'udp' ? `0.0.0.0_${port}_udp` : `0.0.0.0_${port}`,
    address: `0.0.0.0:${bound}`,
  }))
}

/** The model objects as they were accepted: what the proxy works with, in the mesh's own words. */
function configDump(context: AdminContext) {
  const { runtime } = context.instance
  const { store } = runtime
  return {
    configs: [
      { '@type': 'lateen.v1.Mesh', mesh: store.mesh() },
      { '@type': 'lateen.v1.Listeners', listeners: [...store.listeners()] },
      {
        '@type': 'lateen.v1.Routes',
        routes: [...runtime.routes()].map((route) => route.source),
        waiting: [...runtime.waiting()],
      },
      {
        '@type': 'lateen.v1.ConnectionRoutes',
        routes: [...runtime.connectionRoutes.routes()],
      },
      { '@type': 'lateen.v1.Services', services: [...store.services()] },
      { '@type': 'lateen.v1.Workloads', workloads: [...store.workloads()] },
      { '@type': 'lateen.v1.Clusters', clusters: clusters(context).cluster_statuses },
      {
        '@type': 'lateen.v1.Problems',
        ports: Object.fromEntries(context.instance.gateway?.problems() ?? []),
      },
    ],
  }
}

function logging(query: URLSearchParams, method: string, context: AdminContext): AdminAnswer {
  const level = query.get('level') ?? query.get('proxy')
  if (level === null) return text(`active loggers:\n  proxy: ${context.logger.level()}\n`)
  const wanted = level === 'warning' ? 'warn' : level === 'off' ? 'none' : level
  if (!LOG_LEVELS.includes(wanted as LogLevel)) {
    return {
      status: 400,
      type: 'text/plain',
      body: `unknown level ${level}; one of ${LOG_LEVELS.join(', ')}\n`,
    }
  }
  return mutation(method, () => context.logger.setLevel(wanted as LogLevel))
}
