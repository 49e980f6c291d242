import type {
  Membership,
  Origin,
  Service,
  ServiceName,
  ServicePolicy,
  Subset,
  TrafficPolicy,
  Workload,
} from '../model/index.ts'

export type Labels = Readonly<Record<string, string>>

/** How a client is to treat one port (and subset) of a service. */
export type ResolvedPolicy =
  | {
      readonly kind: 'resolved'
      /** What workloads must have to belong to the subset; absent: no subset was asked for. */
      readonly subsetLabels?: Labels
      readonly traffic: TrafficPolicy
      /** The DestinationRule that decided; absent: none, so defaults hold. */
      readonly origin?: Origin
    }
  /** No policy defines the subset: Envoy's "no cluster" (503, NC). */
  | { readonly kind: 'unknown-subset' }

/**
 * Joins the policies of a service for one client: the first whose client namespace fits decides; its port's policy
 * replaces the general one, and the subset's is laid over that, member by member.
 */
export function resolvePolicy(options: {
  readonly service: Service
  readonly port: number
  readonly subset: string | undefined
  readonly clientNamespace: string
  readonly clientLabels?: Labels
}): ResolvedPolicy {
  const { service, port, subset, clientNamespace, clientLabels = {} } = options
  const policy = service.policies.find(
    (one) =>
      (one.clientNamespace === undefined || one.clientNamespace === clientNamespace) &&
      Object.entries(one.clientLabels ?? {}).every(([name, value]) => clientLabels[name] === value),
  )
  if (policy === undefined) {
    return subset === undefined ? { kind: 'resolved', traffic: {} } : { kind: 'unknown-subset' }
  }
  const { origin } = policy
  const base = policy.ports[String(port)] ?? policy.traffic
  if (subset === undefined) return { kind: 'resolved', traffic: base, origin }
  const found = findSubset(policy, subset)
  if (found === undefined) return { kind: 'unknown-subset' }
  return {
    kind: 'resolved',
    subsetLabels: found.labels,
    traffic: { ...base, ...(found.ports?.[String(port)] ?? found.traffic) },
    origin,
  }
}

function findSubset(policy: ServicePolicy, name: string): Subset | undefined {
  return policy.subsets.find((subset) => subset.name === name)
}

/** Where a request for a service can go. */
export interface Endpoint {
  readonly workload: Workload
  readonly address: string
  readonly port: number
  readonly weight: number
}

/**
 * The ready endpoints of a service's port, of one subset when its labels are given. None that is not ready: Istio does
 * not send those to proxies, and a service without a ready one is 503 UH.
 */
export function selectEndpoints(options: {
  readonly workloads: Iterable<Workload>
  readonly service: ServiceName
  readonly port: number
  readonly subsetLabels?: Labels | undefined
  /** Those that are on their way out, instead. */
  readonly draining?: boolean
}): readonly Endpoint[] {
  const { service, port, subsetLabels, draining = false } = options
  const wanted = Object.entries(subsetLabels ?? {})
  const endpoints: Endpoint[] = []
  for (const workload of options.workloads) {
    const membership = workload.services[service]
    if (membership === undefined || !isWanted(membership, draining)) continue
    const targetPort = membership.ports[String(port)]
    const address = workload.addresses[0]
    if (targetPort === undefined || address === undefined) continue
    if (!wanted.every(([name, value]) => workload.labels[name] === value)) continue
    endpoints.push({ workload, address, port: targetPort, weight: workload.weight })
  }
  return endpoints
}

function isWanted({ ready, draining = false }: Membership, isLeaving: boolean): boolean {
  return isLeaving ? !ready && draining : ready
}
