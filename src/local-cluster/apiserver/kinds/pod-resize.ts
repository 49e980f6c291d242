import type { FieldError, KubeObject } from '../../../kube/index.ts'
import { at, isObject, type JsonObject, listAt, sameJson, stringAt, withAt, withMembers } from '../json.ts'
import { qosClassOf } from './pod.ts'

const LISTS = ['containers', 'initContainers'] as const
/** What of a container can be changed while it runs. */
const RESIZABLE: ReadonlySet<string> = new Set(['cpu', 'memory'])

/** The current pod with the resources of another: nothing else is taken by `pods/resize`. */
export function resizedPod(object: KubeObject, current: KubeObject): KubeObject {
  const { managedFields } = object.metadata
  const resized = LISTS.reduce(
    (pod, list) =>
      at(current.spec, list) === undefined && at(object.spec, list) === undefined
        ? pod
        : withAt(pod, ['spec', list], resizedContainers(object, current, list)),
    current,
  )
  return withMembers(resized, { metadata: withMembers(current.metadata, { managedFields }) })
}

function resizedContainers(object: KubeObject, current: KubeObject, list: string): readonly unknown[] {
  const known = new Map(listAt(current.spec, list).map((one) => [stringAt(one, 'name'), one]))
  return listAt(object.spec, list).map((container) => {
    const old = known.get(stringAt(container, 'name'))
    if (!isObject(old) || !isObject(container)) return container
    const { resources, resizePolicy } = container
    return withMembers(old, { resources, resizePolicy })
  })
}

/** What a resize may not do, beyond what the pod as a whole may not be. */
export function validateResize(pod: KubeObject, current: KubeObject): readonly FieldError[] {
  for (const list of LISTS) {
    const detail = `${list} may not be added or removed on resize`
    if (listAt(pod.spec, list).length !== listAt(current.spec, list).length)
      return [{ type: 'Forbidden', path: `spec.${list}`, detail }]
  }
  const errors = LISTS.flatMap((list) =>
    listAt(pod.spec, list).flatMap((container, index) => {
      const path = `spec.${list}[${index}]`
      const old = listAt(current.spec, list)[index]
      if (stringAt(old, 'name') !== stringAt(container, 'name'))
        return [forbidden(`spec.${list}`, `${list} may not be renamed or reordered on resize`)]
      return validateContainer(container, old, path)
    }),
  )
  if (qosClassOf(pod) !== qosClassOf(current)) {
    const detail = 'Pod QOS Class may not change as a result of resizing'
    const value = stringAt(current.status, 'qosClass') ?? ''
    errors.unshift({ type: 'Invalid value', path: 'spec', value, detail })
  }
  if (errors.length > 0 || sameJson(fixedPart(pod), fixedPart(current))) return errors
  return [forbidden('spec', 'only cpu and memory resources are mutable')]
}

function forbidden(path: string, detail: string): FieldError {
  return { type: 'Forbidden', path, detail }
}

function validateContainer(container: unknown, old: unknown, path: string): readonly FieldError[] {
  const [now, before] = [at(container, 'resources'), at(old, 'resources')]
  const isOnce = path.startsWith('spec.initContainers') && stringAt(old, 'restartPolicy') !== 'Always'
  if (isOnce && !sameJson(now ?? {}, before ?? {}))
    return [forbidden(`${path}.resources`, 'resources for non-sidecar init containers are immutable')]
  return (['limits', 'requests'] as const).flatMap((side) => {
    const isRemoved = Object.keys(amountsOf(before, side)).some(
      (name) => RESIZABLE.has(name) && amountsOf(now, side)[name] === undefined,
    )
    return isRemoved ? [forbidden(`${path}.resources.${side}`, `resource ${side} cannot be removed`)] : []
  })
}

function amountsOf(resources: unknown, side: string): JsonObject {
  const amounts = at(resources, side)
  return isObject(amounts) ? amounts : {}
}

/** A pod's spec without what a resize may change. */
function fixedPart({ spec }: KubeObject): unknown {
  return LISTS.reduce<unknown>(
    (fixed, list) => withAt(fixed, [list], listAt(spec, list).map(withoutResizable)),
    spec,
  )
}

function withoutResizable(container: unknown): unknown {
  const resources = at(container, 'resources')
  const kept = (side: string) =>
    Object.fromEntries(Object.entries(amountsOf(resources, side)).filter(([name]) => !RESIZABLE.has(name)))
  return withAt(container, ['resources'], {
    limits: kept('limits'),
    requests: kept('requests'),
    claims: at(resources, 'claims'),
  })
}
