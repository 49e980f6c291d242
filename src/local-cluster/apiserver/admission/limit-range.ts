import type { KubeObject } from '../../../kube/index.ts'
import type { Amounts } from '../../quota/index.ts'
import type { Store } from '../../store/index.ts'
import { at, isObject, type JsonObject, listAt, stringAt, textsAt, withAt, withMembers } from '../json.ts'
import { limitItems } from './limit-range-check.ts'
import type { AdmissionRequest, MutationRequest } from './types.ts'

const ANNOTATION = 'kubernetes.io/limit-ranger'

/** What containers get that say nothing themselves. */
interface ContainerDefaults {
  readonly defaultLimit: Amounts
  readonly defaultRequest: Amounts
}

function isNewPod({ asked, operation }: AdmissionRequest): boolean {
  return operation === 'CREATE' && asked.resource.collection === 'core/pods' && asked.path.subresource === ''
}

function defaultsOf(store: Store, namespace: string): readonly ContainerDefaults[] {
  return limitItems(store, namespace)
    .filter((item) => stringAt(item, 'type') === 'Container')
    .map((item) => {
      // Kubernetes fills the missing ones in from those that are there.
      const defaultLimit = { ...textsAt(item, 'max'), ...textsAt(item, 'default') }
      const defaultRequest = {
        ...textsAt(item, 'min'),
        ...defaultLimit,
        ...textsAt(item, 'defaultRequest'),
      }
      return { defaultLimit, defaultRequest }
    })
}

/** Gives containers that do not say what they need the defaults of their namespace's LimitRanges. */
export function applyLimitRanges(store: Store, request: MutationRequest): KubeObject {
  const { object, asked } = request
  if (!isNewPod(request)) return object
  const limits = defaultsOf(store, asked.path.namespace)
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
  { defaultLimit, defaultRequest }: ContainerDefaults,
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
