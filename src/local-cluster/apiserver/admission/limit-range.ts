import { type KubeObject, parseQuantity, quantityToNumber } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, isObject, type JsonObject, listAt, stringAt, textsAt, withAt, withMembers } from '../json.ts'
import { forbidden } from '../status-error.ts'
import type { AdmissionRequest, MutationRequest } from './types.ts'

const ANNOTATION = 'kubernetes.io/limit-ranger'

type Amounts = Readonly<Record<string, string>>

/** What the LimitRanges of a namespace say about each container. */
interface ContainerLimits {
  readonly min: Amounts
  readonly max: Amounts
  readonly defaultLimit: Amounts
  readonly defaultRequest: Amounts
}

function isNewPod({ asked, operation }: AdmissionRequest): boolean {
  return operation === 'CREATE' && asked.resource.collection === 'core/pods' && asked.path.subresource === ''
}

function limitsOf(store: Store, namespace: string): readonly ContainerLimits[] {
  const collection = 'core/limitranges'
  if (store.count(collection) === 0) return []
  const listed = store.list({ collection, namespace })
  const items =
    listed.kind === 'listed' ? listed.objects.flatMap(({ object }) => listAt(object.spec, 'limits')) : []
  return items
    .filter((item) => stringAt(item, 'type') === 'Container')
    .map((item) => {
      const min = textsAt(item, 'min')
      const max = textsAt(item, 'max')
      // Kubernetes fills the missing ones in from those that are there.
      const defaultLimit = { ...max, ...textsAt(item, 'default') }
      const defaultRequest = { ...min, ...defaultLimit, ...textsAt(item, 'defaultRequest') }
      return { min, max, defaultLimit, defaultRequest }
    })
}

/** Gives containers that do not say what they need the defaults of their namespace's LimitRanges. */
export function applyLimitRanges(store: Store, request: MutationRequest): KubeObject {
  const { object, asked } = request
  if (!isNewPod(request)) return object
  const limits = limitsOf(store, asked.path.namespace)
  if (limits.length === 0) return object
  const notes: string[] = []
  const fill = (kind: 'container' | 'init container') => (container: unknown) =>
    limits.reduce<unknown>((filled, each) => withDefaults(filled, each, kind, notes), container)
  const containers = listAt(object.spec, 'containers').map(fill('container'))
  const initContainers = listAt(object.spec, 'initContainers').map(fill('init container'))
  if (notes.length === 0) return object
  const spec = withMembers(object.spec as JsonObject, {
    containers,
    ...(initContainers.length === 0 ? {} : { initContainers }),
  })
  return withAt(
    { ...object, spec },
    ['metadata', 'annotations', ANNOTATION],
    `LimitRanger plugin set: ${notes.join('; ')}`,
  )
}

function withDefaults(
  container: unknown,
  { defaultLimit, defaultRequest }: ContainerLimits,
  kind: string,
  notes: string[],
): unknown {
  if (!isObject(container)) return container
  const name = stringAt(container, 'name') ?? ''
  const fill = (side: 'requests' | 'limits', defaults: Amounts, noun: string): Amounts => {
    const present = textsAt(container, 'resources', side)
    const missing = Object.keys(defaults).filter((key) => !Object.hasOwn(present, key))
    if (missing.length > 0) notes.push(`${missing.sort().join(', ')} ${noun} for ${kind} ${name}`)
    return { ...defaults, ...present }
  }
  const requests = fill('requests', defaultRequest, 'request')
  const limits = fill('limits', defaultLimit, 'limit')
  const resources = at(container, 'resources')
  return {
    ...container,
    resources: withMembers(isObject(resources) ? resources : {}, { requests, limits }),
  }
}

/** @throws StatusError 403 when a container asks for less or more than its namespace allows */
export function checkLimitRanges(store: Store, request: AdmissionRequest): void {
  const { object, asked } = request
  if (!object || !isNewPod(request)) return
  const limits = limitsOf(store, asked.path.namespace)
  if (limits.length === 0) return
  const containers = [...listAt(object.spec, 'containers'), ...listAt(object.spec, 'initContainers')]
  const problems = limits.flatMap((each) => containers.flatMap((container) => problemsOf(container, each)))
  if (problems.length === 0) return
  const text = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`
  throw forbidden(asked.resource.info, object.metadata.name, text ?? '')
}

function problemsOf(container: unknown, { min, max }: ContainerLimits): readonly string[] {
  const requests = textsAt(container, 'resources', 'requests')
  const limits = textsAt(container, 'resources', 'limits')
  const tooLittle = Object.entries(min).flatMap(([name, least]) => {
    const request = requests[name]
    const start = `minimum ${name} usage per Container is ${least}`
    if (request === undefined) return [`${start}. No request is specified`]
    return amount(request) < amount(least) ? [`${start}, but request is ${request}`] : []
  })
  const tooMuch = Object.entries(max).flatMap(([name, most]) => {
    const limit = limits[name]
    const start = `maximum ${name} usage per Container is ${most}`
    if (limit === undefined) return [`${start}. No limit is specified`]
    return amount(limit) > amount(most) ? [`${start}, but limit is ${limit}`] : []
  })
  return [...tooLittle, ...tooMuch]
}

function amount(text: string): number {
  const quantity = parseQuantity(text)
  return quantity ? quantityToNumber(quantity) : 0
}
