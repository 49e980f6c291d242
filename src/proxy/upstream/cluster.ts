import type { Service, ServiceName, TrafficPolicy, Workload } from '../../model/index.ts'
import { resolvePolicy, selectEndpoints } from '../../routing/index.ts'
import type { ForwardTarget } from '../exchange/types.ts'
import { type Balancer, createBalancer } from './balancer.ts'
import { createHost, type Host, type HostCounters, type UpstreamSettings } from './host.ts'

/** What a cluster is made for: one port, and one subset, of a service. */
export interface ClusterKey {
  readonly service: ServiceName
  readonly hostname: string
  readonly port: number
  readonly subset: string | undefined
}

/** A named pool of endpoints. It lives as long as something refers to it; what it stands for changes in place. */
export interface Cluster extends ForwardTarget {
  readonly key: ClusterKey
  readonly service: () => Service | undefined
  readonly hosts: () => readonly Host[]
  readonly pick: () => Host | undefined
  /** Whether the service is known and has the subset; otherwise requests are answered with NC. */
  readonly isKnown: () => boolean
  /** What hosts that are gone have counted. */
  readonly retired: Pick<HostCounters, 'connectionsTotal' | 'connectFailures' | 'requestsTotal'>
  /** Resolves policy and endpoints anew. */
  readonly refresh: () => void
  readonly close: () => void
}

/** Where clusters find the model. */
export interface ClusterSources {
  readonly service: (name: ServiceName) => Service | undefined
  readonly workloadsOf: (name: ServiceName) => Iterable<Workload>
  readonly clientNamespace: string
  readonly connectTimeoutMs: () => number
}

/** Istio's form, `outbound|80|v1|reviews.default.svc.cluster.local`. */
export function clusterName(key: ClusterKey): string {
  return `outbound|${key.port}|${key.subset ?? ''}|${key.hostname}`
}

export function createCluster(settings: UpstreamSettings, sources: ClusterSources, key: ClusterKey): Cluster {
  let hosts = new Map<string, Host>()
  let balancer: Balancer<Host> = { pick: () => undefined }
  let known = false
  let service: Service | undefined
  let traffic: TrafficPolicy = {}
  const retired = { connectionsTotal: 0, connectFailures: 0, requestsTotal: 0 }

  function refresh(): void {
    service = sources.service(key.service)
    const policy =
      service &&
      resolvePolicy({ service, port: key.port, subset: key.subset, clientNamespace: sources.clientNamespace })
    known = policy?.kind === 'resolved'
    if (policy?.kind !== 'resolved') {
      replaceHosts(new Map())
      return
    }
    traffic = policy.traffic
    const endpoints = selectEndpoints({
      workloads: sources.workloadsOf(key.service),
      service: key.service,
      port: key.port,
      subsetLabels: policy.subsetLabels,
    })
    const next = new Map<string, Host>()
    for (const { workload, address, port, weight } of endpoints) {
      // Telemetry names the workload behind a host, so a pod that takes over an address is another host.
      const id = `${address}:${port} ${workload.key}`
      const kept = hosts.get(id)
      kept?.update(workload, weight)
      next.set(id, kept ?? newHost(workload, address, port, weight))
    }
    replaceHosts(next)
  }

  function newHost(workload: Workload, ip: string, port: number, weight: number): Host {
    return createHost({
      settings,
      ip,
      port,
      weight,
      workload,
      connectTimeoutMs: () => traffic.connectTimeoutMs ?? sources.connectTimeoutMs(),
    })
  }

  function replaceHosts(next: Map<string, Host>): void {
    const before = hosts
    hosts = next
    balancer = createBalancer(traffic.balancer, [...next.values()], settings.thread.random)
    for (const [id, host] of before) {
      if (next.get(id) === host) continue
      host.remove()
      retired.connectionsTotal += host.counters.connectionsTotal
      retired.connectFailures += host.counters.connectFailures
      retired.requestsTotal += host.counters.requestsTotal
    }
  }

  return {
    key,
    name: clusterName(key),
    service: () => service,
    hosts: () => [...hosts.values()],
    pick: () => balancer.pick(),
    isKnown: () => known,
    retired,
    refresh,
    close: () => replaceHosts(new Map()),
  }
}
