import { deepEqual } from '../../base/index.ts'
import {
  type Endpoint,
  type EndpointAddress,
  type Endpoints,
  type EndpointSlice,
  type EndpointSlicePort,
  isIpv6,
  type Service,
} from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { ENDPOINTS_MANAGED_BY, hasSelector } from './endpoints.ts'
import { createExpectations } from './expectations.ts'
import { controllerReference } from './pods.ts'
import { createObjectQueue } from './object-queue.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'
import { MANAGED_BY, SERVICE_NAME } from './slices.ts'

const MIRROR = 'endpointslicemirroring-controller.k8s.io'
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror'
/** Endpoints were once used to elect a leader; these change all the time and lead nowhere. */
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
/** @see kube-controller-manager --mirroring-max-endpoints-per-subset */
const ADDRESSES_MAX = 1000
const EXPECTATION_RETRY_MS = 1_000

/** Writes Endpoints that a person wrote for a Service without selector into slices, which is what everybody reads. */
export function createEndpointsMirror(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const services = informers.of<Service>(KINDS.service)
  const endpoints = informers.of<Endpoints>(KINDS.endpoints)
  const slices = informers.of<EndpointSlice>(KINDS.endpointSlice)
  const slicesByService = slices.indexBy((slice) => mirrorKeys(slice))
  const expectations = createExpectations(clock)

  const queue = createObjectQueue(context, {
    name: 'endpoints-mirror',
    concurrency: 4,
    reads: [services, slices, endpoints],
    reconcile: async ({ key, namespace, name }) => {
      if (!expectations.satisfied(key)) return EXPECTATION_RETRY_MS
      const service = services.get(name, namespace)
      const source = endpoints.get(name, namespace)
      const isMirrored = service && source && !hasSelector(service) && isWrittenByHand(source)
      await carryOut(key, isMirrored ? slicesFrom(source) : [], slicesByService.lookup(key))
      return undefined
    },
  })

  const carryOut = async (
    key: string,
    wanted: readonly EndpointSlice[],
    existing: readonly EndpointSlice[],
  ) => {
    const free = new Set(existing)
    for (const slice of wanted) {
      const current = [...free].find((one) => idOf(one) === idOf(slice))
      if (current) {
        free.delete(current)
        await update(current, slice)
      } else {
        const made = await client.create<EndpointSlice>(KINDS.endpointSlice, slice)
        expectations.created(key, made.metadata.uid ?? '')
      }
    }
    for (const { metadata } of free) {
      await client
        .delete(KINDS.endpointSlice, metadata.name, metadata.namespace, { uid: metadata.uid ?? '' })
        .catch(ignoreOvertaken)
    }
  }

  const update = async (current: EndpointSlice, wanted: EndpointSlice) => {
    const { labels } = wanted.metadata
    const isSame =
      deepEqual(current.endpoints ?? [], wanted.endpoints) && deepEqual(current.metadata.labels, labels)
    if (isSame) return
    const next = { ...current, metadata: { ...current.metadata, labels: labels ?? {} } }
    await client
      .update(KINDS.endpointSlice, { ...next, endpoints: wanted.endpoints ?? [] })
      .catch(ignoreOvertaken)
  }

  services.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  endpoints.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  slices.onChange((changes) => {
    for (const { before, after } of changes) {
      const slice = after ?? before
      if (slice) expectations.observe(slice.metadata.uid ?? '', after !== undefined)
      for (const one of [before, after]) if (one) mirrorKeys(one).forEach(queue.add)
    }
  })
  return { name: 'endpoints-mirror', stop: queue.stop }
}

function isWrittenByHand({ metadata: { labels, annotations } }: Endpoints): boolean {
  return (
    labels?.[SKIP_MIRROR] !== 'true' &&
    labels?.[ENDPOINTS_MANAGED_BY] === undefined &&
    annotations?.[LEADER] === undefined
  )
}

function mirrorKeys({ metadata: { labels, namespace } }: EndpointSlice): readonly string[] {
  const service = labels?.[SERVICE_NAME]
  return labels?.[MANAGED_BY] === MIRROR && service !== undefined ? [`${namespace ?? ''}/${service}`] : []
}

/** One slice for each subset and family of addresses. */
function slicesFrom(source: Endpoints): readonly EndpointSlice[] {
  return (source.subsets ?? []).flatMap((subset) => {
    const all = [
      ...(subset.addresses ?? []).map((address) => endpointFrom(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => endpointFrom(address, false)),
    ].slice(0, ADDRESSES_MAX)
    const ports: readonly EndpointSlicePort[] = (subset.ports ?? []).map((port) => ({
      ...port,
      name: port.name ?? '',
      protocol: port.protocol ?? 'TCP',
    }))
    return ['IPv4', 'IPv6'].flatMap((addressType) => {
      const endpoints = all.filter((one) => isIpv6(one.addresses[0] ?? '') === (addressType === 'IPv6'))
      return endpoints.length === 0 ? [] : [sliceOf(source, { addressType, endpoints, ports })]
    })
  })
}

function sliceOf(
  source: Endpoints,
  content: Pick<EndpointSlice, 'addressType' | 'endpoints' | 'ports'>,
): EndpointSlice {
  const { name, namespace, labels } = source.metadata
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: '',
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MIRROR },
      ownerReferences: [controllerReference(source)],
    },
    ...content,
  }
}

function endpointFrom({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  }
}

/** What cannot be changed in a slice, or is what tells the slices of one Endpoints apart. */
function idOf({ addressType, ports }: EndpointSlice): string {
  const sorted = (ports ?? []).map((port) => [port.name, port.port, port.protocol, port.appProtocol])
  return JSON.stringify([addressType, sorted])
}
