import type { Container, KubeObject, PersistentVolumeClaim, Pod, Service } from '../../kube/index.ts'
import { addAmounts, type Amounts, maxAmounts } from './amounts.ts'
import { hasDeadline } from './scopes.ts'

/** The kind of an object, as `count/<plural>.<group>` names it. */
export interface CountedResource {
  readonly group: string
  readonly plural: string
}

/** Kinds that could be counted by their bare plural before `count/` came. */
const OLD_COUNTS: ReadonlySet<string> = new Set([
  'configmaps',
  'resourcequotas',
  'replicationcontrollers',
  'secrets',
  'services',
  'persistentvolumeclaims',
])
const POD_NAMES: ReadonlySet<string> = new Set([
  'pods',
  ...['', 'requests.', 'limits.'].flatMap((side) =>
    ['cpu', 'memory', 'ephemeral-storage'].map((name) => `${side}${name}`),
  ),
])
/** What every container has to state where a quota limits it. */
const TO_BE_STATED = ['cpu', 'limits.cpu', 'limits.memory', 'memory', 'requests.cpu', 'requests.memory']
const SERVICE_NAMES: ReadonlySet<string> = new Set(['services.nodeports', 'services.loadbalancers'])
const BY_STORAGE_CLASS = '.storageclass.storage.k8s.io/'

/** The names of amounts that objects of a kind can use. */
export function trackedNames(resource: CountedResource, names: readonly string[]): readonly string[] {
  return names.filter((name) => name === countName(resource) || isTracked(resource, name))
}

function isTracked({ group, plural }: CountedResource, name: string): boolean {
  if (group !== '') return false
  if (OLD_COUNTS.has(plural) && name === plural) return true
  switch (plural) {
    case 'pods':
      return POD_NAMES.has(name) || isHugePages(name) || isExtended(name)
    case 'services':
      return SERVICE_NAMES.has(name)
    case 'persistentvolumeclaims':
      return name === 'requests.storage' || name.includes(BY_STORAGE_CLASS)
    default:
      return false
  }
}

function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-') || name.startsWith('requests.hugepages-')
}

/** `requests.example.com/gpu` */
function isExtended(name: string): boolean {
  return name.startsWith('requests.') && name.includes('/') && !name.includes(BY_STORAGE_CLASS)
}

/** Whether a write can change what a kind of objects uses, beyond their number. */
export function changesUsage(
  { group, plural }: CountedResource,
  object: KubeObject,
  old: KubeObject | undefined,
): boolean {
  if (!old) return true
  if (group !== '') return false
  if (plural === 'pods') return hasDeadline(object as Pod) !== hasDeadline(old as Pod)
  return plural === 'services' || plural === 'persistentvolumeclaims'
}

/** What one object uses. */
export function usageOf(resource: CountedResource, object: KubeObject, nowMs: number): Amounts {
  const counted = { [countName(resource)]: '1' }
  if (resource.group !== '') return counted
  const all = OLD_COUNTS.has(resource.plural) ? { ...counted, [resource.plural]: '1' } : counted
  switch (resource.plural) {
    case 'pods':
      return isOver(object as Pod, nowMs) ? all : { ...all, ...podUsage(object as Pod) }
    case 'services':
      return { ...all, ...serviceUsage(object as Service) }
    case 'persistentvolumeclaims':
      return { ...all, ...claimUsage(object as PersistentVolumeClaim) }
    default:
      return all
  }
}

function countName({ group, plural }: CountedResource): string {
  return group === '' ? `count/${plural}` : `count/${plural}.${group}`
}

/** A pod that has ended, or whose node has had its time to end it, needs nothing any more. */
function isOver({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true
  if (metadata.deletionTimestamp === undefined || metadata.deletionGracePeriodSeconds === undefined) {
    return false
  }
  return nowMs > Date.parse(metadata.deletionTimestamp) + metadata.deletionGracePeriodSeconds * 1000
}

function podUsage({ spec }: Pod): Amounts {
  const of = (side: 'requests' | 'limits') => addAmounts(podAmounts(spec, side), spec.overhead ?? {})
  return stated(of('requests'), of('limits'))
}

/**
 * What a pod needs as a whole. Containers run together; init containers one after the other, beside the sidecars that
 * started before them; what is said of the pod itself counts instead.
 */
export function podAmounts(spec: Pod['spec'], side: 'requests' | 'limits'): Amounts {
  const amountsOf = (container: Container): Amounts => container.resources?.[side] ?? {}
  let sidecars: Amounts = {}
  let starting: Amounts = {}
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container)
    if (container.restartPolicy === 'Always') sidecars = addAmounts(sidecars, own)
    const now = container.restartPolicy === 'Always' ? sidecars : addAmounts(sidecars, own)
    starting = maxAmounts(starting, now)
  }
  const running = spec.containers.reduce<Amounts>((sum, one) => addAmounts(sum, amountsOf(one)), sidecars)
  return { ...maxAmounts(running, starting), ...spec.resources?.[side] }
}

function stated(requests: Amounts, limits: Amounts): Amounts {
  const usage: Record<string, string> = { pods: '1' }
  for (const [name, amount] of Object.entries(requests)) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || isHugePages(name)) usage[name] = amount
    usage[`requests.${name}`] = amount
  }
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const amount = limits[name]
    if (amount !== undefined) usage[`limits.${name}`] = amount
  }
  return usage
}

/** @returns what containers of a pod fail to say, though a quota limits it: `limits.cpu for: app; memory for: app,b` */
export function unstatedAmounts(pod: Pod, names: readonly string[]): string {
  if (pod.spec.resources !== undefined) return ''
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  const problems = TO_BE_STATED.filter((name) => names.includes(name)).flatMap((name) => {
    const silent = containers.flatMap(({ name: container, resources }) =>
      name in stated(resources?.requests ?? {}, resources?.limits ?? {}) ? [] : [container],
    )
    return silent.length === 0 ? [] : [`${name} for: ${[...new Set(silent)].sort().join(',')}`]
  })
  return problems.join('; ')
}

function serviceUsage({ spec }: Service): Amounts {
  const ports = spec.ports ?? []
  const isBalanced = spec.type === 'LoadBalancer'
  const chosen = ports.filter((port) => (port.nodePort ?? 0) !== 0).length
  const onNodes =
    spec.type !== 'NodePort' && !isBalanced
      ? 0
      : isBalanced && spec.allocateLoadBalancerNodePorts === false
        ? chosen
        : ports.length
  return { 'services.nodeports': String(onNodes), 'services.loadbalancers': isBalanced ? '1' : '0' }
}

function claimUsage({ spec, metadata }: PersistentVolumeClaim): Amounts {
  const storageClass =
    metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? ''
  const storage = spec?.resources?.requests?.['storage']
  const usage: Amounts = storage === undefined ? {} : { 'requests.storage': storage }
  if (storageClass === '') return usage
  const inClass = Object.entries({ ...usage, persistentvolumeclaims: '1' }).map(
    ([name, amount]) => [`${storageClass}${BY_STORAGE_CLASS}${name}`, amount] as const,
  )
  return { ...usage, ...Object.fromEntries(inClass) }
}
