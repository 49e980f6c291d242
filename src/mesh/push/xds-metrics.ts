import type { ModelType } from '../../model/index.ts'
import type { ProxyStatus, XdsObserver } from '../../xds/server/index.ts'
import type { Metrics } from './metrics.ts'

/** Istio's short names of the types, which dashboards filter by. */
const TYPE_LABELS = {
  mesh: 'mesh',
  workload: 'eds',
  service: 'cds',
  credential: 'sds',
  listener: 'lds',
  route: 'rds',
  'connection-route': 'tcp',
  'rate-limit': 'ecds',
  'http-bounds': 'bounds',
  telemetry: 'telemetry',
  'peer-authentication': 'peer_authentication',
  sidecar: 'sidecar',
  'request-authentication': 'authn',
  'authorization-policy': 'authz',
} as const satisfies Readonly<Record<ModelType, string>>

/** Istio's buckets of the convergence time, with finer ones below, where we live. */
const SECONDS = [0.005, 0.01, 0.03, 0.1, 0.5, 1, 3, 5, 10, 20, 30]
const BYTES = [1, 10_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000]

/** Istio's metrics of the push path. */
export function observePushes(metrics: Metrics, proxies: () => readonly ProxyStatus[]): XdsObserver {
  const convergence = metrics.histogram(
    'pilot_proxy_convergence_time',
    'Delay in seconds between config change and a proxy receiving all required configuration.',
    SECONDS,
  )
  const pushTime = metrics.histogram(
    'pilot_xds_push_time',
    'Total time in seconds a push waited to be sent.',
    SECONDS,
  )
  const sizes = metrics.histogram(
    'pilot_xds_config_size_bytes',
    'Size of responses pushed to clients.',
    BYTES,
  )
  const pushes = metrics.counter('pilot_xds_pushes', 'Responses sent to proxies, by type.')
  const rejects = metrics.counter('pilot_total_xds_rejects', 'Resources rejected by proxies, by type.')
  metrics.gauge('pilot_xds', 'Number of proxies connected to this pilot using XDS.', () => {
    const counts = new Map<string, number>()
    for (const { node } of proxies()) counts.set(node.version, (counts.get(node.version) ?? 0) + 1)
    return [...counts].map(([version, count]) => [{ version }, count] as const)
  })
  for (const type of Object.keys(TYPE_LABELS) as readonly ModelType[]) {
    metrics.gauge(`pilot_xds_${TYPE_LABELS[type]}_reject`, 'Resources that proxies reject now.', () => {
      let count = 0
      for (const proxy of proxies()) count += proxy.types[type]?.rejections.length ?? 0
      return [[{}, count]]
    })
  }
  return {
    pushed: ({ type, bytes, ms }) => {
      const labels = { type: TYPE_LABELS[type] }
      pushes.add(labels)
      sizes.observe(bytes, labels)
      pushTime.observe(ms / 1000, labels)
    },
    acknowledged: ({ sinceChangeMs }) => convergence.observe(sinceChangeMs / 1000),
    rejected: ({ type }) => rejects.add({ type: TYPE_LABELS[type] }),
  }
}
