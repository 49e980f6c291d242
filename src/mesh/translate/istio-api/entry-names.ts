import type { Service, ServicePolicy, TrafficPolicy } from '../../../model/index.ts'

/** Istio: where a policy speaks TLS and says no names, the servers have to show one of the ServiceEntry's. */
export function verifying(service: Service, policies: readonly ServicePolicy[]): readonly ServicePolicy[] {
  const { subjectAltNames = [] } = service
  if (subjectAltNames.length === 0) return policies
  const names = subjectAltNames.map((value) => ({ kind: 'any', value }) as const)
  const named = (traffic: TrafficPolicy): TrafficPolicy =>
    traffic.tls?.kind === 'originate' && traffic.tls.subjectAltNames.length === 0
      ? { ...traffic, tls: { ...traffic.tls, subjectAltNames: names } }
      : traffic
  const byPort = (ports: Readonly<Record<string, TrafficPolicy>>) =>
    Object.fromEntries(Object.entries(ports).map(([port, traffic]) => [port, named(traffic)]))
  return policies.map((policy) => ({
    ...policy,
    traffic: named(policy.traffic),
    ports: byPort(policy.ports),
    subsets: policy.subsets.map((subset) => ({
      ...subset,
      traffic: named(subset.traffic),
      ...(subset.ports !== undefined && { ports: byPort(subset.ports) }),
    })),
  }))
}
