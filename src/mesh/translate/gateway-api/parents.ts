import { unreachable } from '../../../base/index.ts'
import type { ParentReference } from '../../resources/index.ts'
import { GATEWAY_GROUP } from '../../resources/index.ts'
import { type KubeObject, matchesLabels } from '../../../kube/index.ts'
import { intersectHosts, namespaceOf } from '../names.ts'
import type { GatewayState } from './gateway.ts'
import type { ListenerState } from './listener-state.ts'
import type { RouteContext } from './route-context.ts'
import { bindService, isService, type MeshBinding } from './service-parent.ts'

/** A route of any kind, as far as its parents go. */
interface AttachedRoute extends KubeObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentReference[]
    readonly hostnames?: readonly string[]
  }
}

/** A listener that takes the route, and the host names under which it does. */
export interface Binding {
  readonly gateway: GatewayState
  readonly listener: ListenerState
  readonly domains: readonly string[]
}

/** How one of our parents took the route. */
export interface ParentResult {
  /** As written, with the defaults of group and kind. */
  readonly parentRef: ParentReference
  readonly bindings: readonly Binding[]
  /** Where the parent is a Service: what its clients call. */
  readonly mesh?: MeshBinding
  readonly denied: { readonly reason: string; readonly message: string } | undefined
}

/**
 * The parents that are Gateways of ours, or ListenerSets of those, in the route's order; nothing is said of any other.
 * @param rulesMesh whether routes of this kind may have Services for parents (GEP-1294)
 */
export function resolveParents(
  route: AttachedRoute,
  context: RouteContext,
  rulesMesh = false,
): readonly ParentResult[] {
  return (route.spec.parentRefs ?? []).flatMap((ref): readonly ParentResult[] => {
    const group = ref.group ?? GATEWAY_GROUP
    const kind = ref.kind ?? 'Gateway'
    if (rulesMesh && isService(ref))
      return [{ parentRef: { ...ref, group, kind }, bindings: [], ...bindService(route, ref, context) }]
    if (group !== GATEWAY_GROUP) return []
    const holder = holderOf(kind, ref.namespace ?? namespaceOf(route), ref.name, context)
    if (holder === undefined) return []
    return [{ parentRef: { ...ref, group, kind }, ...bind(route, ref, holder, context) }]
  })
}

/** Whose listeners a reference speaks of: a Gateway's own, or a ListenerSet's. */
interface Holder {
  readonly title: string
  readonly gateway: GatewayState
  readonly listeners: readonly ListenerState[]
  /** Why it has none. */
  readonly denied: string | undefined
}

function holderOf(kind: string, namespace: string, name: string, context: RouteContext): Holder | undefined {
  const title = `${kind} ${namespace}/${name}`
  if (kind === 'Gateway') {
    const gateway = context.gateway(namespace, name)
    return gateway && { title, gateway, listeners: gateway.listeners, denied: undefined }
  }
  if (kind !== 'ListenerSet') return undefined
  const gateway = context.gatewayOfSet(namespace, name)
  const set = gateway?.sets.find(({ key }) => key === `${namespace}/${name}`)
  return gateway && set && { title, gateway, listeners: set.listeners, denied: set.denied }
}

/** Narrows the listeners step by step; the first step that leaves none names the reason. */
function bind(
  route: AttachedRoute,
  ref: ParentReference,
  { title, gateway, listeners, denied }: Holder,
  context: RouteContext,
): Pick<ParentResult, 'bindings' | 'denied'> {
  if (denied !== undefined) return deny('NoMatchingParent', `${title} has no part in its Gateway: ${denied}`)
  const named = listeners.filter(
    (listener) =>
      (ref.sectionName === undefined || listener.name === ref.sectionName) &&
      (ref.port === undefined || listener.port === ref.port),
  )
  if (named.length === 0) {
    return deny('NoMatchingParent', `${title} has no listener ${describeSection(ref)}`)
  }
  const allowing = named.filter((listener) => allows(listener, route, context))
  if (allowing.length === 0) {
    return deny(
      'NotAllowedByListeners',
      `No listener of ${title} allows ${route.kind}s from namespace ${namespaceOf(route)}`,
    )
  }
  const bindings = allowing.flatMap((listener) => {
    const domains = domainsOf(route.spec.hostnames, listener.hostname)
    return domains.length === 0 ? [] : [{ gateway, listener, domains }]
  })
  if (bindings.length === 0) {
    return deny('NoMatchingListenerHostname', `No host name of the route is served by a listener of ${title}`)
  }
  return { bindings, denied: undefined }
}

function deny(reason: string, message: string): Pick<ParentResult, 'bindings' | 'denied'> {
  return { bindings: [], denied: { reason, message } }
}

function describeSection(ref: ParentReference): string {
  const parts = [
    ...(ref.sectionName === undefined ? [] : [`named ${ref.sectionName}`]),
    ...(ref.port === undefined ? [] : [`on port ${ref.port}`]),
  ]
  return parts.join(' ')
}

function allows(listener: ListenerState, route: AttachedRoute, context: RouteContext): boolean {
  if (!listener.supportedKinds.some((kind) => kind.kind === route.kind)) return false
  const namespace = namespaceOf(route)
  const { from = 'Same', selector } = listener.allowedNamespaces
  switch (from) {
    case 'All':
      return true
    case 'None':
      return false
    case 'Same':
      return namespace === listener.owner.namespace
    case 'Selector':
      return selector !== undefined && matchesLabels(selector, context.namespaceLabels(namespace))
    default:
      return unreachable(from)
  }
}

function domainsOf(
  hostnames: readonly string[] | undefined,
  listenerHost: string | undefined,
): readonly string[] {
  const wanted = hostnames === undefined || hostnames.length === 0 ? ['*'] : hostnames
  const shared = wanted.flatMap((host) => intersectHosts(host.toLowerCase(), listenerHost ?? '*') ?? [])
  return [...new Set(shared)].sort()
}
