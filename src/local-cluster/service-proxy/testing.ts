import type { Endpoint, EndpointSlice, Service, ServiceSpec } from '../../kube/index.ts'
import { type Family, type RuleSet, ruleSetFor } from './rules.ts'
import type { ServiceNetwork } from './script.ts'

/** The node on which the rules of tests are in force. */
export const NODE = 'here'

export const NETWORK: ServiceNetwork = {
  family: 'ip',
  bridge: 'lateen0',
  bridgeAddress: '10.42.0.1',
  podCidr: '10.42.0.0/16',
  virtualCidrs: ['10.43.0.0/16', '10.44.0.0/24'],
}

export const NETWORK6: ServiceNetwork = {
  family: 'ip6',
  bridge: 'lateen0',
  bridgeAddress: 'fd00:10:42::1',
  podCidr: 'fd00:10:42::/112',
  virtualCidrs: ['fd00:10:43::/112'],
}

export function rulesOf(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  family: Family = 'ip',
): RuleSet {
  const { podCidr } = family === 'ip' ? NETWORK : NETWORK6
  return ruleSetFor(services, slices, { family, nodeName: NODE, podCidr })
}

/** A Service of one port, 80, with the name `http`. */
export function service(name: string, clusterIP: string, spec: Partial<ServiceSpec> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'demo' },
    spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }], ...spec },
  }
}

/** With an address that a load balancer has given it. */
export function balanced(service: Service, address: string): Service {
  return { ...service, status: { loadBalancer: { ingress: [{ ip: address }] } } }
}

/** Endpoints of the Service on this node that listen on 8080. */
export function slice(name: string, addresses: readonly string[], ready = true): EndpointSlice {
  return sliceOf(
    name,
    addresses.map((address) => ({ addresses: [address], nodeName: NODE, conditions: { ready } })),
  )
}

export function sliceOf(
  name: string,
  endpoints: readonly Endpoint[],
  port: { readonly port: number; readonly protocol?: 'TCP' | 'UDP' } = { port: 8080 },
): EndpointSlice {
  const isIpv6 = endpoints[0]?.addresses[0]?.includes(':') === true
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${port.port}${isIpv6 ? '-6' : ''}`,
      namespace: 'demo',
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: isIpv6 ? 'IPv6' : 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: port.port, protocol: port.protocol ?? 'TCP' }],
  }
}
