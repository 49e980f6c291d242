import type { Clock } from '../../base/index.ts'
import type { Metrics } from '../push/index.ts'
import type { Sources, Translation } from '../translate/index.ts'

/** How much there is to serve. */
export function observeRegistry(metrics: Metrics, sources: Sources, translation: Translation): void {
  const size = (name: string, help: string, count: () => number) =>
    metrics.gauge(name, help, () => [[{}, count()]])
  size('pilot_services', 'Total services known to pilot.', () => translation.model.services.size())
  size('pilot_virt_services', 'Total virtual services known to pilot.', () => sources.virtualServices.size())
  size('pilot_k8s_cfg_http_routes', 'Total HTTPRoutes known to pilot.', () => sources.httpRoutes.size())
  size('pilot_endpoints', 'Total workloads known to pilot.', () => translation.model.workloads.size())
}

export function observeProcess(
  metrics: Metrics,
  options: { readonly version: string; readonly clock: Clock },
): void {
  const { version, clock } = options
  const startedAt = clock.monotonic()
  metrics.gauge('pilot_info', 'Pilot version and build information.', () => [[{ version }, 1]])
  metrics.gauge('istio_build', 'Istio component build info', () => [
    [{ component: 'pilot', tag: version }, 1],
  ])
  metrics.gauge('istiod_uptime_seconds', 'Current istiod server uptime in seconds', () => [
    [{}, (clock.monotonic() - startedAt) / 1000],
  ])
  metrics.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => [
    [{}, process.memoryUsage.rss()],
  ])
  metrics.gauge('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', () => {
    const { user, system } = process.cpuUsage()
    return [[{}, (user + system) / 1e6]]
  })
}
