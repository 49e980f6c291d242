import type { Endpoint, EndpointSlice, Service, ServiceSpec } from '../../kube/index.ts'
import { type RuleSet, ruleSetFor } from './rules.ts'

/** The node on which the rules of tests are in force. */
export const NODE = 'here'
export const POD_CIDR = '10.42.0.0/16'

export function rulesOf(services: readonly Service[], slices: readonly EndpointSlice[]): RuleSet {
  return ruleSetFor(services, slices, { nodeName: NODE, podCidr: POD_CIDR })
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
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${port.port}`,
      namespace: 'demo',
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: port.port, protocol: port.protocol ?? 'TCP' }],
  }
}
