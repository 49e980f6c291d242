import { createWorkQueue } from '../../base/index.ts'
import type { Endpoint, EndpointPort, EndpointSlice, Pod, Service } from '../../kube/index.ts'
import { isAlreadyExists, isConflict, isNotFound, KINDS } from '../../kube/client/index.ts'
import { controllerReference, isPodReady } from './pods.ts'
import { type Controller, type ControllerContext, splitKey } from './shared-informers.ts'

const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const MANAGER = 'endpointslice-controller.k8s.io'
const SERVICE_NAME = 'kubernetes.io/service-name'
/** @see EndpointSlice: 100 endpoints a slice by default */
const ENDPOINTS_MAX = 100

/** Writes down, for each Service with a selector, which pods answer for it. */
export function createEndpointSliceController(context: ControllerContext): Controller {
  const { client, informers, logger } = context
  const services = informers.of<Service>(KINDS.service)
  const pods = informers.of<Pod>(KINDS.pod)
  const slices = informers.of<EndpointSlice>(KINDS.endpointSlice)
  const ready = Promise.all([services.synced, pods.synced, slices.synced])

  const queue = createWorkQueue({
    ...context,
    name: 'endpointslice',
    concurrency: 8,
    retryBaseMs: 5,
    retryMaxMs: 5_000,
    logger: logger.scope('endpointslice'),
    reconcile: async (key) => {
      await ready
      const { namespace, name } = splitKey(key)
      const service = services.get(name, namespace)
      const existing = slices
        .list()
        .filter((slice) => slice.metadata.namespace === namespace && isOurs(slice, name))
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      const wanted =
        service && hasSelector(service) && service.metadata.deletionTimestamp === undefined
          ? slicesFor(
              service,
              pods.list().filter((pod) => pod.metadata.namespace === namespace && selects(service, pod)),
            )
          : []
      await reconcile(wanted, existing)
      return undefined
    },
  })

  const reconcile = async (wanted: readonly EndpointSlice[], existing: readonly EndpointSlice[]) => {
    for (const [index, slice] of wanted.entries()) {
      const current = existing[index]
      if (!current) {
        try {
          await client.create(KINDS.endpointSlice, slice)
        } catch (error) {
          if (!isAlreadyExists(error)) throw error
        }
      } else if (contentOf(current) !== contentOf(slice)) {
        const metadata = {
          ...current.metadata,
          labels: { ...current.metadata.labels, ...slice.metadata.labels },
        }
        await client.update(KINDS.endpointSlice, { ...slice, metadata }).catch(ignoreOvertaken)
      }
    }
    for (const surplus of existing.slice(wanted.length)) {
      await client.delete(KINDS.endpointSlice, surplus.metadata.name, surplus.metadata.namespace)
    }
  }

  services.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  slices.onChange((changes) => {
    for (const { before, after } of changes) {
      const slice = after ?? before
      const service = slice?.metadata.labels?.[SERVICE_NAME]
      if (slice?.metadata.labels?.[MANAGED_BY] === MANAGER && service !== undefined) {
        queue.add(`${slice.metadata.namespace}/${service}`)
      }
    }
  })
  pods.onChange((changes) => {
    for (const { before, after } of changes) {
      if (before && after && endpointFacts(before) === endpointFacts(after)) continue
      const namespace = (after ?? before)?.metadata.namespace
      for (const service of services.list()) {
        if (service.metadata.namespace !== namespace || !hasSelector(service)) continue
        if ((before && selects(service, before)) || (after && selects(service, after))) {
          queue.add(`${namespace}/${service.metadata.name}`)
        }
      }
    }
  })
  return { name: 'endpointslice', stop: queue.stop }
}

/** Pods of one Service in slices: those with the same port numbers together (a named target port may differ by pod). */
export function slicesFor(service: Service, pods: readonly Pod[]): readonly EndpointSlice[] {
  const groups = new Map<
    string,
    { readonly ports: readonly EndpointPort[]; readonly endpoints: Endpoint[] }
  >()
  const sorted = [...pods].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  for (const pod of sorted) {
    if (!pod.status?.podIP || pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') continue
    const ports = portsFor(service, pod)
    const id = JSON.stringify(ports)
    const group = groups.get(id) ?? { ports, endpoints: [] }
    group.endpoints.push(endpointFor(service, pod))
    groups.set(id, group)
  }
  if (groups.size === 0) groups.set('', { ports: [], endpoints: [] }) // as Kubernetes: a Service has a slice, if an empty one
  const slices: EndpointSlice[] = []
  for (const { ports, endpoints } of groups.values()) {
    for (let at = 0; at === 0 || at < endpoints.length; at += ENDPOINTS_MAX) {
      slices.push(sliceFrom(service, ports, endpoints.slice(at, at + ENDPOINTS_MAX)))
    }
  }
  return slices
}

function sliceFrom(
  service: Service,
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
): EndpointSlice {
  const { namespace, name, labels } = service.metadata
  const headless = service.spec?.clusterIP === 'None'
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: '',
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...labels,
        [SERVICE_NAME]: name,
        [MANAGED_BY]: MANAGER,
        ...(headless ? { 'service.kubernetes.io/headless': '' } : {}),
      },
      ownerReferences: [controllerReference(service)],
    },
    addressType: 'IPv4',
    endpoints,
    ports,
  }
}

function endpointFor(service: Service, pod: Pod): Endpoint {
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const serving = isPodReady(pod)
  return {
    addresses: [pod.status?.podIP ?? ''],
    conditions: {
      ready: (serving && !terminating) || service.spec?.publishNotReadyAddresses === true,
      serving: serving || service.spec?.publishNotReadyAddresses === true,
      terminating,
    },
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

function portsFor(service: Service, pod: Pod): readonly EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
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

function isOurs(slice: EndpointSlice, service: string): boolean {
  const labels = slice.metadata.labels
  return labels?.[MANAGED_BY] === MANAGER && labels[SERVICE_NAME] === service
}

function hasSelector(service: Service): boolean {
  return service.spec?.type !== 'ExternalName' && Object.keys(service.spec?.selector ?? {}).length > 0
}

function selects(service: Service, pod: Pod): boolean {
  const labels = pod.metadata.labels ?? {}
  return Object.entries(service.spec?.selector ?? {}).every(([key, value]) => labels[key] === value)
}

/** What of a pod can change an endpoint. */
function endpointFacts(pod: Pod): string {
  const { labels, deletionTimestamp } = pod.metadata
  return JSON.stringify([
    labels,
    deletionTimestamp,
    pod.status?.podIP,
    pod.status?.phase,
    isPodReady(pod),
    pod.spec?.nodeName,
  ])
}

/** The API server fills in defaults; only what the controller says is compared. */
function contentOf(slice: EndpointSlice): string {
  const own = {
    [SERVICE_NAME]: slice.metadata.labels?.[SERVICE_NAME],
    headless: slice.metadata.labels?.['service.kubernetes.io/headless'],
  }
  const endpoints = slice.endpoints?.map(({ addresses, conditions, hostname, nodeName, targetRef }) => [
    addresses,
    conditions?.ready,
    conditions?.serving,
    conditions?.terminating,
    hostname,
    nodeName,
    targetRef?.uid,
  ])
  return JSON.stringify([
    own,
    endpoints,
    slice.ports?.map((port) => [port.name, port.port, port.protocol, port.appProtocol]),
  ])
}

/** A newer version comes through the watch and brings the key back. */
function ignoreOvertaken(error: unknown): void {
  if (!isConflict(error) && !isNotFound(error)) throw error
}
