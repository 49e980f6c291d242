import { deepEqual } from '../../base/index.ts'
import type { Endpoint, EndpointSlice, EndpointSlicePort, Pod, Service } from '../../kube/index.ts'
import { controllerReference, isPodReady } from './pods.ts'

export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
export const MANAGER = 'endpointslice-controller.k8s.io'
export const SERVICE_NAME = 'kubernetes.io/service-name'
const HEADLESS = 'service.kubernetes.io/headless'
/** @see EndpointSlice: 100 endpoints a slice by default */
const ENDPOINTS_MAX = 100

export type AddressType = 'IPv4' | 'IPv6'

/** What must happen so that the slices of a Service say which pods answer for it. */
export interface SlicePlan {
  readonly create: readonly EndpointSlice[]
  readonly update: readonly EndpointSlice[]
  readonly remove: readonly EndpointSlice[]
}

interface Group {
  readonly ports: readonly EndpointSlicePort[]
  /** By the pod's uid; taken out as they are given a place. */
  readonly endpoints: Map<string, Endpoint>
}

interface Place {
  readonly current: EndpointSlice | undefined
  ports: readonly EndpointSlicePort[]
  readonly endpoints: Endpoint[]
}

/**
 * What must happen for each family that the Service has: slices are of one each.
 * @param existing this Service's slices, in an order that does not change between calls
 */
export function planSlices(
  service: Service,
  pods: readonly Pod[],
  existing: readonly EndpointSlice[],
): SlicePlan {
  const families = familiesOf(service)
  const plans = families.map((family) => {
    const own = existing.filter((slice) => slice.addressType === family)
    return planFamily(service, family, { pods, existing: own })
  })
  const foreign = existing.filter(({ addressType }) => !families.some((family) => family === addressType))
  return {
    create: plans.flatMap(({ create }) => create),
    update: plans.flatMap(({ update }) => update),
    remove: [...plans.flatMap(({ remove }) => remove), ...foreign],
  }
}

/** The Service's own first. */
export function familiesOf({ spec }: Service): readonly AddressType[] {
  const families = (spec.ipFamilies ?? []).filter((family) => family !== '')
  return families.length === 0 ? ['IPv4'] : families
}

/**
 * Pods with the same port numbers share slices (a named target port may differ by pod). An endpoint stays in the
 * slice in which it is, so that one pod's change is one slice's change however many pods a Service has.
 */
function planFamily(
  service: Service,
  family: AddressType,
  { pods, existing }: { readonly pods: readonly Pod[]; readonly existing: readonly EndpointSlice[] },
): SlicePlan {
  const groups = groupByPorts(service, family, pods)
  const places = existing.map((slice) => keepPlace(slice, groups.get(idOf(slice.ports ?? []))))
  for (const group of groups.values()) fillPlaces(group, places)
  const used = places.filter((place) => place.endpoints.length > 0)
  // As in Kubernetes a Service has a slice, if an empty one.
  if (used.length === 0) used.push(places[0] ?? { current: undefined, ports: [], endpoints: [] })
  const wanted = used.map((place) => ({ place, slice: sliceFrom(service, family, place) }))
  return {
    create: wanted.filter(({ place }) => !place.current).map(({ slice }) => slice),
    update: wanted
      .filter(({ place, slice }) => place.current && !isSame(place.current, slice))
      .map(({ slice }) => slice),
    remove: places.filter((place) => !used.includes(place)).flatMap((place) => place.current ?? []),
  }
}

function groupByPorts(
  service: Service,
  family: AddressType,
  pods: readonly Pod[],
): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>()
  const sorted = [...pods].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  for (const pod of sorted) {
    const address = addressOf(pod, family)
    if (address === undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') continue
    const ports = portsFor(service, pod)
    const id = idOf(ports)
    const group = groups.get(id) ?? { ports, endpoints: new Map<string, Endpoint>() }
    group.endpoints.set(pod.metadata.uid ?? pod.metadata.name, endpointFor(service, pod, address))
    groups.set(id, group)
  }
  return groups
}

function addressOf({ status }: Pod, family: AddressType): string | undefined {
  const all = [status?.podIP, ...(status?.podIPs ?? []).map(({ ip }) => ip)]
  return all.find((address) => address && address.includes(':') === (family === 'IPv6'))
}

function keepPlace(slice: EndpointSlice, group: Group | undefined): Place {
  const endpoints: Endpoint[] = []
  for (const { targetRef } of slice.endpoints ?? []) {
    const endpoint = group?.endpoints.get(targetRef?.uid ?? '')
    if (!endpoint) continue
    endpoints.push(endpoint)
    group?.endpoints.delete(targetRef?.uid ?? '')
  }
  return { current: slice, ports: slice.ports ?? [], endpoints }
}

/** New endpoints go where there is room: beside those of the same ports, into slices that have become empty, into new ones. */
function fillPlaces(group: Group, places: Place[]): void {
  const id = idOf(group.ports)
  for (const [uid, endpoint] of group.endpoints) {
    const place =
      places.find((one) => idOf(one.ports) === id && one.endpoints.length < ENDPOINTS_MAX) ??
      places.find((one) => one.endpoints.length === 0) ??
      newPlace(places)
    place.ports = group.ports
    place.endpoints.push(endpoint)
    group.endpoints.delete(uid)
  }
}

function newPlace(places: Place[]): Place {
  const place: Place = { current: undefined, ports: [], endpoints: [] }
  places.push(place)
  return place
}

function sliceFrom(
  service: Service,
  addressType: AddressType,
  { current, ports, endpoints }: Place,
): EndpointSlice {
  const { namespace, name, labels } = service.metadata
  const own = {
    ...labels,
    [SERVICE_NAME]: name,
    [MANAGED_BY]: MANAGER,
    ...(service.spec.clusterIP === 'None' ? { [HEADLESS]: '' } : {}),
  }
  const fresh = {
    name: '',
    generateName: `${name}-`,
    ...(namespace === undefined ? {} : { namespace }),
    ownerReferences: [controllerReference(service)],
  }
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...(current?.metadata ?? fresh), labels: own },
    addressType,
    endpoints,
    ports,
  }
}

function endpointFor(service: Service, pod: Pod, address: string): Endpoint {
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const serving = isPodReady(pod)
  const publishes = service.spec.publishNotReadyAddresses === true
  return {
    addresses: [address],
    conditions: { ready: publishes || (serving && !terminating), serving, terminating },
    ...(pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    ...(pod.spec?.hostname !== undefined && pod.spec.subdomain === service.metadata.name
      ? { hostname: pod.spec.hostname }
      : {}),
    targetRef: {
      kind: 'Pod',
      name: pod.metadata.name,
      namespace: pod.metadata.namespace ?? '',
      uid: pod.metadata.uid ?? '',
    },
  }
}

function portsFor(service: Service, pod: Pod): readonly EndpointSlicePort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const target = port.targetPort ?? port.port
    const protocol = port.protocol ?? 'TCP'
    const number = typeof target === 'number' ? target : namedPort(pod, target, protocol)
    if (number === undefined) return []
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol,
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      },
    ]
  })
}

function namedPort(pod: Pod, name: string, protocol: string): number | undefined {
  const sidecars = (pod.spec?.initContainers ?? []).filter(
    (container) => container.restartPolicy === 'Always',
  )
  return [...(pod.spec?.containers ?? []), ...sidecars]
    .flatMap((container) => container.ports ?? [])
    .find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort
}

function idOf(ports: readonly EndpointSlicePort[]): string {
  return JSON.stringify(ports.map((port) => [port.name, port.port, port.protocol, port.appProtocol]))
}

function isSame(current: EndpointSlice, wanted: EndpointSlice): boolean {
  return (
    idOf(current.ports ?? []) === idOf(wanted.ports ?? []) &&
    deepEqual(current.metadata.labels, wanted.metadata.labels) &&
    deepEqual(current.endpoints ?? [], wanted.endpoints ?? [])
  )
}
