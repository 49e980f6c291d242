import type { EndpointSlice, Pod, Service } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { createExpectations } from './expectations.ts'
import { createObjectQueue } from './object-queue.ts'
import { isPodReady } from './pods.ts'
import { type Controller, type ControllerContext, keyOf, type ObjectIndex } from './shared-informers.ts'
import { MANAGED_BY, MANAGER, planSlices, SERVICE_NAME, type SlicePlan } from './slices.ts'

/** Writes down, for each Service with a selector, which pods answer for it. */
export function createEndpointSliceController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const services = informers.of<Service>(KINDS.service)
  const pods = informers.of<Pod>(KINDS.pod)
  const slices = informers.of<EndpointSlice>(KINDS.endpointSlice)
  const podsByLabel = pods.indexBy(labelKeys)
  const servicesByLabel = services.indexBy((service) => selectorKeys(service).slice(0, 1))
  const slicesByService = slices.indexBy((slice) => ownerKey(slice) ?? [])
  const expectations = createExpectations(clock)

  const queue = createObjectQueue(context, {
    name: 'endpointslice',
    concurrency: 8,
    reads: [services, pods, slices],
    reconcile: async ({ key, namespace, name }) => {
      // A slice that was made but is not seen yet would be made a second time; its arrival brings the key back.
      if (!expectations.satisfied(key)) return EXPECTATION_RETRY_MS
      const service = services.get(name, namespace)
      const existing = [...slicesByService.lookup(key)].sort((a, b) =>
        a.metadata.name < b.metadata.name ? -1 : 1,
      )
      const isGone = !service || service.metadata.deletionTimestamp !== undefined
      if (isGone || selectorKeys(service).length === 0) {
        await carryOut({ create: [], update: [], remove: existing }, key)
      } else await carryOut(planSlices(service, selectedPods(service, podsByLabel), existing), key)
      return undefined
    },
  })

  const carryOut = async (plan: SlicePlan, key: string) => {
    for (const slice of plan.create) {
      const made = await client.create<EndpointSlice>(KINDS.endpointSlice, slice)
      expectations.created(key, made.metadata.uid ?? '')
    }
    for (const slice of plan.update) await client.update(KINDS.endpointSlice, slice).catch(ignoreOvertaken)
    for (const { metadata } of plan.remove) {
      await client
        .delete(KINDS.endpointSlice, metadata.name, metadata.namespace, { uid: metadata.uid ?? '' })
        .catch(ignoreOvertaken)
    }
  }

  services.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  slices.onChange((changes) => {
    for (const { before, after } of changes) {
      const slice = after ?? before
      if (!slice) continue
      expectations.observe(slice.metadata.uid ?? '', after !== undefined)
      for (const key of new Set([before, after].flatMap((one) => (one && ownerKey(one)) ?? [])))
        queue.add(key)
    }
  })
  pods.onChange((changes) => {
    for (const { before, after } of changes) {
      if (before && after && endpointFacts(before) === endpointFacts(after)) continue
      for (const pod of [before, after]) {
        if (!pod) continue
        for (const service of labelKeys(pod).flatMap((label) => servicesByLabel.lookup(label))) {
          if (selects(service, pod)) queue.add(keyOf(service))
        }
      }
    }
  })
  return { name: 'endpointslice', stop: queue.stop }
}

/** The arrival of the slice comes first but for an answer that was lost. */
const EXPECTATION_RETRY_MS = 1_000

/** Index keys of a pod: each of its labels, within its namespace. */
function labelKeys(pod: Pod): readonly string[] {
  return Object.entries(pod.metadata.labels ?? {}).map(([key, value]) =>
    labelKey(pod.metadata.namespace, key, value),
  )
}

/** The same keys for what a Service selects; none where it does not select at all. */
function selectorKeys(service: Service): readonly string[] {
  if (service.spec.type === 'ExternalName') return []
  return Object.entries(service.spec.selector ?? {}).map(([key, value]) =>
    labelKey(service.metadata.namespace, key, value),
  )
}

function labelKey(namespace: string | undefined, key: string, value: string): string {
  return `${namespace ?? ''} ${key}=${value}`
}

/** Of the labels that a Service asks for, the rarest gives the shortest list to look through. */
function selectedPods(service: Service, podsByLabel: ObjectIndex<Pod>): readonly Pod[] {
  const lists = selectorKeys(service).map((key) => podsByLabel.lookup(key))
  const shortest = lists.reduce((a, b) => (b.length < a.length ? b : a), lists[0] ?? [])
  return shortest.filter((pod) => selects(service, pod))
}

function selects(service: Service, pod: Pod): boolean {
  const labels = pod.metadata.labels ?? {}
  return Object.entries(service.spec.selector ?? {}).every(([key, value]) => labels[key] === value)
}

function ownerKey(slice: EndpointSlice): readonly string[] | undefined {
  const labels = slice.metadata.labels
  const service = labels?.[SERVICE_NAME]
  return labels?.[MANAGED_BY] === MANAGER && service !== undefined
    ? [`${slice.metadata.namespace ?? ''}/${service}`]
    : undefined
}

/** What of a pod can change an endpoint. */
function endpointFacts(pod: Pod): string {
  const { labels, deletionTimestamp } = pod.metadata
  return JSON.stringify([
    labels,
    deletionTimestamp,
    pod.status?.podIP,
    pod.status?.podIPs,
    pod.status?.phase,
    isPodReady(pod),
    pod.spec?.nodeName,
  ])
}
