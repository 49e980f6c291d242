import { unreachable } from '../../../base/index.ts'
import { matchesLabels } from '../../../kube/index.ts'
import type { Gateway, ListenerSet } from '../../resources/index.ts'
import { GATEWAY_GROUP } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import type { ListenerState } from './listener-state.ts'

/** A ListenerSet of a Gateway of ours. */
export interface ListenerSetState {
  /** `<namespace>/<name>` */
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly generation: number
  /** Why the Gateway does not take it; it has no listeners then. */
  readonly denied: string | undefined
  readonly listeners: readonly ListenerState[]
}

/** @returns `<namespace>/<name>` of the Gateway; undefined: the parent is no Gateway */
export function parentGateway(set: ListenerSet): string | undefined {
  const { group = GATEWAY_GROUP, kind = 'Gateway', namespace = namespaceOf(set), name } = set.spec.parentRef
  return group === GATEWAY_GROUP && kind === 'Gateway' ? `${namespace}/${name}` : undefined
}

/** Gateway API, ListenerSetSpec: the oldest first, then by namespace and name. */
export function byPrecedence(sets: readonly ListenerSet[]): readonly ListenerSet[] {
  const rank = (set: ListenerSet) =>
    `${set.metadata.creationTimestamp ?? ''} ${namespaceOf(set)}/${set.metadata.name}`
  return sets.toSorted((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0))
}

/** @returns why the Gateway takes no listeners of the set */
export function denialOf(
  set: ListenerSet,
  gateway: Gateway,
  namespaceLabels: (name: string) => Readonly<Record<string, string>>,
): string | undefined {
  const { from = 'None', selector } = gateway.spec.allowedListeners?.namespaces ?? {}
  const namespace = namespaceOf(set)
  const own = namespaceOf(gateway)
  const title = `Gateway ${own}/${gateway.metadata.name}`
  const remedy = 'its owner sets spec.allowedListeners.namespaces'
  switch (from) {
    case 'All':
      return undefined
    case 'None':
      return `${title} takes no ListenerSets; ${remedy}`
    case 'Same':
      return namespace === own
        ? undefined
        : `${title} takes ListenerSets of its own namespace alone; ${remedy}`
    case 'Selector':
      return selector !== undefined && matchesLabels(selector, namespaceLabels(namespace))
        ? undefined
        : `${title} takes ListenerSets of namespaces with certain labels, which ${namespace} has not; ${remedy}`
    default:
      return unreachable(from)
  }
}
