import type { Endpoint as KubeEndpoint, EndpointSlice } from '../../kube/index.ts'
import { type Membership, type Service, type ServiceName, serviceName } from '../../model/index.ts'
import { namespaceOf, serviceHostname } from './names.ts'
import type { MeshSettings } from './settings.ts'

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

/** One address of an EndpointSlice: a workload's membership of a service. */
export interface SliceEndpoint {
  /** `<namespace>/<slice>/<address>` */
  readonly key: string
  readonly slice: string
  readonly namespace: string
  /** `<namespace>/<name>` of the pod behind it; a hand-made slice has none. */
  readonly pod: string | undefined
  readonly addresses: readonly string[]
  readonly service: ServiceName
  readonly membership: Membership
  readonly node: string | undefined
}

export interface EndpointContext {
  readonly service: (key: ServiceName) => Service | undefined
  /** The pod that has this address. */
  readonly podByAddress: (address: string) => string | undefined
  readonly settings: MeshSettings
}

export function translateSlice(slice: EndpointSlice, context: EndpointContext): readonly SliceEndpoint[] {
  const namespace = namespaceOf(slice)
  const name = slice.metadata.labels?.[SERVICE_NAME_LABEL]
  if (name === undefined || name === '' || slice.addressType === 'FQDN') return []
  if (isSecondFamily(slice)) return []
  const key = serviceName(namespace, serviceHostname(name, namespace, context.settings))
  const ports = portMap(slice, context.service(key))
  const seen = new Map<string, SliceEndpoint>()
  for (const endpoint of slice.endpoints ?? []) {
    const [address] = endpoint.addresses
    if (address === undefined) continue
    seen.set(address, {
      key: `${namespace}/${slice.metadata.name}/${address}`,
      slice: slice.metadata.name,
      namespace,
      pod: podOf(endpoint, namespace) ?? context.podByAddress(address),
      addresses: endpoint.addresses,
      service: key,
      membership: { ports, ...conditionOf(endpoint) },
      node: endpoint.nodeName,
    })
  }
  return [...seen.values()]
}

/** Kubernetes: an endpoint that is terminating is not ready, whether it still serves or not. */
function conditionOf({ conditions }: KubeEndpoint): Pick<Membership, 'ready' | 'draining'> {
  const { ready = true, serving = ready, terminating = false } = conditions ?? {}
  return !ready && serving && terminating ? { ready, draining: true } : { ready }
}

/** The mesh is of IPv4: a pod's IPv6 address is another way to an endpoint that it knows, past the pod's proxy. */
function isSecondFamily({ addressType, metadata }: EndpointSlice): boolean {
  const manager = metadata.labels?.['endpointslice.kubernetes.io/managed-by']
  return addressType === 'IPv6' && manager === 'endpointslice-controller.k8s.io'
}

function podOf(endpoint: KubeEndpoint, namespace: string): string | undefined {
  const target = endpoint.targetRef
  if (target?.kind !== 'Pod' || target.name === undefined) return undefined
  return `${target.namespace ?? namespace}/${target.name}`
}

/** Ports of a slice are named as the service's: that joins a service port with the port on the workload. */
function portMap(slice: EndpointSlice, service: Service | undefined): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {}
  for (const port of service?.ports ?? []) {
    const target = slice.ports?.find((candidate) => (candidate.name ?? '') === port.name)?.port
    if (target !== undefined) ports[String(port.port)] = target
  }
  return ports
}
