import {
  type Membership,
  type Origin,
  type Service,
  type ServiceName,
  serviceName,
  type Visibility,
} from '../../../model/index.ts'
import type { IstioWorkload, ServiceEntry } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import { namedProtocol } from '../protocol.ts'
import { sessionOf } from '../service.ts'
import { isVisible, visibilityOf } from '../visibility.ts'

/** What one ServiceEntry says, before it is joined with others of the same hosts. */
export interface EntryState {
  /** `<namespace>/<name>` */
  readonly key: string
  readonly namespace: string
  /** Of two entries for one host of a namespace, the older decides. */
  readonly createdAt: string
  /** One for each host. */
  readonly services: readonly Service[]
  readonly ports: readonly EntryPort[]
  /** Labels of the pods and WorkloadEntries of the namespace that serve it. */
  readonly selector: Readonly<Record<string, string>> | undefined
  readonly endpoints: readonly EntryEndpoint[]
  readonly origin: Origin
  readonly problems: readonly string[]
}

interface EntryPort {
  readonly name: string
  readonly number: number
  readonly targetPort: number
}

/** An endpoint that is written into the entry. */
export interface EntryEndpoint {
  readonly index: number
  readonly workload: IstioWorkload
  /** The hosts' services that it serves: all, but for a name that stands for itself. */
  readonly services: readonly ServiceName[]
}

type Resolution = NonNullable<ServiceEntry['spec']['resolution']>

const RESOLUTIONS: Readonly<Record<Resolution, Service['resolution']>> = {
  NONE: 'passthrough',
  STATIC: 'static',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'logical-dns',
  DYNAMIC_DNS: 'dns',
}

/** @see Istio, ServiceEntry: hosts outside of Kubernetes' own registry, as services of the mesh */
export function translateServiceEntry(object: ServiceEntry, exportDefault?: readonly string[]): EntryState {
  const namespace = namespaceOf(object)
  const { spec } = object
  const origin = { kind: 'ServiceEntry', namespace, name: object.metadata.name }
  const problems: string[] = []
  const ports = (spec.ports ?? []).map(({ name, number, targetPort }) => ({
    name,
    number,
    targetPort: targetPort === undefined || targetPort === 0 ? number : targetPort,
  }))
  const services = servicesOf(object, {
    namespace,
    origin,
    visibility: visibilityOf(spec.exportTo, namespace, exportDefault),
  })
  if (spec.resolution === 'DYNAMIC_DNS' && services.some(({ hostname }) => hostname.startsWith('*'))) {
    problems.push(
      'spec.resolution DYNAMIC_DNS of wildcard hosts is served by sidecars, which go where the client has dialled; gateways do not resolve them',
    )
  }
  return {
    key: `${namespace}/${object.metadata.name}`,
    namespace,
    createdAt: object.metadata.creationTimestamp ?? '',
    services,
    ports,
    selector: spec.workloadSelector?.labels,
    endpoints: endpointsOf(spec, services, problems),
    origin,
    problems,
  }
}

function servicesOf(
  object: ServiceEntry,
  from: { readonly namespace: string; readonly origin: Origin; readonly visibility: Visibility },
): readonly Service[] {
  const { spec } = object
  const { namespace, origin, visibility } = from
  const hosts = [...new Set((spec.hosts ?? []).map((host) => host.toLowerCase()))]
  return hosts.map((hostname) => ({
    type: 'service',
    key: serviceName(namespace, hostname),
    namespace,
    hostname,
    addresses: spec.addresses ?? [],
    ports: (spec.ports ?? []).map(({ number, name, protocol }) => ({
      port: number,
      name,
      protocol: namedProtocol(protocol ?? '', number),
    })),
    resolution: resolutionOf(hostname, spec.resolution),
    visibility,
    // Istio: an entry that does not say where its endpoints are has them outside.
    ...(spec.location !== 'MESH_INTERNAL' && { isExternal: true }),
    ...(spec.subjectAltNames !== undefined && { subjectAltNames: spec.subjectAltNames }),
    ...sessionOf(object),
    policies: [],
    origin,
  }))
}

/** Whoever calls a host of a wildcard has resolved its name. */
function resolutionOf(hostname: string, resolution: Resolution = 'NONE'): Service['resolution'] {
  if (resolution === 'DYNAMIC_DNS' && hostname.startsWith('*')) return 'passthrough'
  return RESOLUTIONS[resolution]
}

/** Those that are written down; without any, a host whose names are resolved is its own endpoint. */
function endpointsOf(
  spec: ServiceEntry['spec'],
  services: readonly Service[],
  problems: string[],
): readonly EntryEndpoint[] {
  const names = services.map((service) => service.key)
  const resolution = RESOLUTIONS[spec.resolution ?? 'NONE']
  const written = spec.endpoints ?? []
  if (resolution === 'passthrough') return []
  if (written.length === 0 && resolution !== 'static' && spec.workloadSelector === undefined) {
    return services
      .filter((service) => !service.hostname.startsWith('*'))
      .map((service, index) => ({ index, workload: { address: service.hostname }, services: [service.key] }))
  }
  return written.flatMap((workload, index) => {
    const { address } = workload
    if (address !== undefined && !address.startsWith('unix://')) return [{ index, workload, services: names }]
    problems.push(
      address === undefined
        ? `spec.endpoints[${index}] has no address: endpoints behind another network's gateway are not served`
        : `spec.endpoints[${index}].address ${address}: sockets of the machine are not served`,
    )
    return []
  })
}

/** How a workload serves the entry's ports: its own ports by name, else the entry's target ports. */
export function membershipOfEntry(
  entry: EntryState,
  ports: Readonly<Record<string, number>> | undefined,
): Membership {
  return {
    ports: Object.fromEntries(
      entry.ports.map((port) => [String(port.number), ports?.[port.name] ?? port.targetPort]),
    ),
    ready: true,
  }
}

/** Whether the entry picks a workload with these labels; an entry without a selector, or an empty one, picks none. */
export function selectsWorkload(entry: EntryState, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(entry.selector ?? {})
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value)
}

/**
 * Of the services that answer to a host: the namespace's own, else a Service of Kubernetes that it may see, else the first
 * that it may see. A ServiceEntry of somebody else takes no host from a Service.
 */
export function serviceSeenFrom(namespace: string, candidates: readonly Service[]): Service | undefined {
  const own = candidates.find((service) => service.namespace === namespace)
  if (own !== undefined) return own
  const visible = candidates.filter((service) => isVisible(service.visibility, namespace))
  return visible.find(({ origin }) => origin.kind === 'Service') ?? visible[0]
}
