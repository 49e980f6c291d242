import { deepEqual } from '../../base/index.ts'
import type {
  Endpoint,
  EndpointAddress,
  Endpoints,
  EndpointSlice,
  EndpointSubset,
  Service,
} from '../../kube/index.ts'
import { isAlreadyExists, KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { createObjectQueue } from './object-queue.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'
import { familiesOf, MANAGED_BY, MANAGER, SERVICE_NAME } from './slices.ts'

/** Tells the Endpoints that are written here from those that a person wrote. */
export const ENDPOINTS_MANAGED_BY = 'endpoints.kubernetes.io/managed-by'
const ENDPOINTS_MANAGER = 'endpoint-controller'
const HEADLESS = 'service.kubernetes.io/headless'
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'
/** @see Endpoints: "over capacity" beyond a thousand addresses */
const ADDRESSES_MAX = 1000

/** Writes what the slices of a Service say into its Endpoints, for programs that read the older kind. */
export function createEndpointsController(context: ControllerContext): Controller {
  const { client, informers } = context
  const services = informers.of<Service>(KINDS.service)
  const slices = informers.of<EndpointSlice>(KINDS.endpointSlice)
  const endpoints = informers.of<Endpoints>(KINDS.endpoints)
  const slicesByService = slices.indexBy((slice) => serviceKeys(slice))
  /** Services that were seen to go: what is called like them goes with them, whoever wrote it. */
  const gone = new Set<string>()

  const queue = createObjectQueue(context, {
    name: 'endpoints',
    concurrency: 4,
    reads: [services, slices, endpoints],
    reconcile: async ({ key, namespace, name }) => {
      const service = services.get(name, namespace)
      const current = endpoints.get(name, namespace)
      if (!service) await remove(key, current)
      else if (hasSelector(service)) await write(service, current, slicesByService.lookup(key))
      return undefined
    },
  })

  const remove = async (key: string, current: Endpoints | undefined) => {
    const isOurs = current?.metadata.labels?.[ENDPOINTS_MANAGED_BY] === ENDPOINTS_MANAGER
    if (current && (isOurs || gone.has(key))) {
      const { name, namespace, uid = '' } = current.metadata
      await client.delete(KINDS.endpoints, name, namespace, { uid }).catch(ignoreOvertaken)
    }
    gone.delete(key)
  }

  const write = async (service: Service, current: Endpoints | undefined, found: readonly EndpointSlice[]) => {
    const wanted = endpointsFrom(service, current, found)
    const isSame =
      current !== undefined &&
      deepEqual(current.subsets ?? [], wanted.subsets ?? []) &&
      deepEqual(current.metadata.labels ?? {}, wanted.metadata.labels) &&
      deepEqual(current.metadata.annotations ?? {}, wanted.metadata.annotations ?? {})
    if (isSame) return
    if (current) await client.update(KINDS.endpoints, wanted).catch(ignoreOvertaken)
    else {
      await client.create(KINDS.endpoints, wanted).catch((error: unknown) => {
        if (!isAlreadyExists(error)) throw error
      })
    }
  }

  services.onChange((changes) => {
    for (const { key, before, after } of changes) {
      if (before && !after) gone.add(key)
      queue.add(key)
    }
  })
  endpoints.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  slices.onChange((changes) => {
    for (const { before, after } of changes) {
      for (const slice of [before, after]) if (slice) serviceKeys(slice).forEach(queue.add)
    }
  })
  return { name: 'endpoints', stop: queue.stop }
}

export function hasSelector({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0
}

function serviceKeys({ metadata: { labels, namespace } }: EndpointSlice): readonly string[] {
  const service = labels?.[SERVICE_NAME]
  return labels?.[MANAGED_BY] === MANAGER && service !== undefined ? [`${namespace ?? ''}/${service}`] : []
}

function endpointsFrom(
  service: Service,
  current: Endpoints | undefined,
  found: readonly EndpointSlice[],
): Endpoints {
  const { name, namespace, labels } = service.metadata
  // Endpoints are of one family: the Service's own.
  const [family] = familiesOf(service)
  const { subsets, isTruncated } = subsetsOf(found.filter(({ addressType }) => addressType === family))
  const annotations = Object.fromEntries(
    Object.entries(current?.metadata.annotations ?? {}).filter(([key]) => key !== OVER_CAPACITY),
  )
  if (isTruncated) annotations[OVER_CAPACITY] = 'truncated'
  const { annotations: _, ...kept } = current?.metadata ?? { name }
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...kept,
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...labels,
        [ENDPOINTS_MANAGED_BY]: ENDPOINTS_MANAGER,
        ...(service.spec.clusterIP === 'None' ? { [HEADLESS]: '' } : {}),
      },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    ...(subsets.length > 0 ? { subsets } : {}),
  }
}

interface Subset {
  readonly ports: EndpointSubset['ports'] & {}
  readonly ready: EndpointAddress[]
  readonly notReady: EndpointAddress[]
}

/** Addresses with the same ports together, all in an order that does not depend on the slices. */
function subsetsOf(found: readonly EndpointSlice[]): {
  readonly subsets: readonly EndpointSubset[]
  readonly isTruncated: boolean
} {
  const byPorts = new Map<string, Subset>()
  let count = 0
  let isTruncated = false
  for (const { endpoint, ports } of sortedEndpoints(found)) {
    const isReady = endpoint.conditions?.ready !== false
    if (!isReady && endpoint.conditions?.terminating === true) continue
    if (count >= ADDRESSES_MAX) {
      isTruncated = true
      break
    }
    count += 1
    const id = JSON.stringify(ports)
    const subset = byPorts.get(id) ?? { ports, ready: [], notReady: [] }
    byPorts.set(id, subset)
    ;(isReady ? subset.ready : subset.notReady).push(addressOf(endpoint))
  }
  const subsets = [...byPorts.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 ? { addresses: ready } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }))
  return { subsets, isTruncated }
}

function sortedEndpoints(found: readonly EndpointSlice[]) {
  return found
    .flatMap((slice) => {
      const ports = (slice.ports ?? []).flatMap(({ name, port, protocol, appProtocol }) =>
        port === undefined
          ? []
          : [
              {
                ...(name === undefined || name === '' ? {} : { name }),
                port,
                protocol: protocol ?? ('TCP' as const),
                ...(appProtocol === undefined ? {} : { appProtocol }),
              },
            ],
      )
      return (slice.endpoints ?? []).map((endpoint) => ({ endpoint, ports }))
    })
    .sort((a, b) => ((a.endpoint.addresses[0] ?? '') < (b.endpoint.addresses[0] ?? '') ? -1 : 1))
}

function addressOf({ addresses, hostname, nodeName, targetRef }: Endpoint): EndpointAddress {
  return {
    ip: addresses[0] ?? '',
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  }
}
