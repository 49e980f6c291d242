import { type ConnectionRoute, type OrderKey, type Origin, routeName } from '../../../model/index.ts'
import type { ConnectionRouteResource, KindRef } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import { condition, CONTROLLER_NAME, type StatusUpdate } from '../status.ts'
import { type BackendResult, type RefFault, resolveBackend, resolvedOutcome } from './backends.ts'
import type { Attachment } from './http-route.ts'
import { type Binding, type ParentResult, resolveParents } from './parents.ts'
import type { RouteContext } from './route-context.ts'

export interface ConnectionRouteResult {
  /** `<kind>/<namespace>/<name>` */
  readonly key: string
  readonly routes: readonly ConnectionRoute[]
  readonly attachments: readonly Attachment[]
  readonly status: StatusUpdate
}

/** First member of the order key; VirtualServices' routes have another. */
const FAMILY = 0

/** A TLSRoute, TCPRoute or UDPRoute. Gateway API: of several for the same connection the oldest serves, then by name. */
export function translateConnectionRoute(
  route: ConnectionRouteResource,
  kind: KindRef,
  context: RouteContext,
): ConnectionRouteResult {
  const namespace = namespaceOf(route)
  const { name, generation = 0 } = route.metadata
  const key = `${kind.kind}/${namespace}/${name}`
  const from = { kind: kind.kind, namespace }
  const rules = (route.spec.rules ?? []).map(({ backendRefs = [] }) =>
    backendRefs.map((ref) => ({ weight: ref.weight ?? 1, ...resolveBackend(ref, from, context) })),
  )
  const parents = resolveParents(route, context)
  const all = parents.flatMap((parent) => parent.bindings)
  const bindings = [...new Map(all.map((binding) => [binding.listener.key, binding])).values()]
  const faults = rules.flatMap((backends) => backends.flatMap(({ fault }) => fault ?? []))
  return {
    key,
    routes: rules.flatMap((backends, rule) => modelRoutes(route, kind, { backends, rule, bindings })),
    attachments: bindings.map(({ listener }) => ({
      key: `${listener.key}|${key}`,
      listener: listener.key,
    })),
    status: {
      key,
      kind,
      namespace,
      name,
      observedGeneration: generation,
      status: { parents: parents.map((parent) => parentStatus(parent, faults, generation)) },
    },
  }
}

/** Gateway API, conflicts: the oldest route serves, then the first by `{namespace}/{name}`. */
function connectionOrder(
  route: { readonly created: string; readonly namespace: string; readonly name: string },
  rule: number,
  position: number,
): OrderKey {
  return [FAMILY, route.created, `${route.namespace}/${route.name}`, rule, position]
}

/** Listeners that narrow the server names differently need a route each. */
function modelRoutes(
  route: ConnectionRouteResource,
  kind: KindRef,
  part: {
    readonly backends: readonly (BackendResult & { readonly weight: number })[]
    readonly rule: number
    readonly bindings: readonly Binding[]
  },
): readonly ConnectionRoute[] {
  const { backends, rule, bindings } = part
  if (backends.length === 0) return []
  const namespace = namespaceOf(route)
  const { name, creationTimestamp = '' } = route.metadata
  const origin: Origin = { kind: kind.kind, namespace, name, rule }
  const groups = Map.groupBy(bindings, ({ domains }) => domains.join(','))
  return [...groups.values()].map((group, position) => ({
    type: 'connection-route',
    key: position === 0 ? routeName(origin) : routeName(origin, String(position)),
    scope: { kind: 'gateway', listeners: group.map(({ listener }) => listener.key).sort() },
    matches: [
      {
        order: connectionOrder({ created: creationTimestamp, namespace, name }, rule, position),
        ...(kind.kind === 'TLSRoute' ? { serverNames: group[0]?.domains ?? ['*'] } : {}),
      },
    ],
    destinations: backends.map(({ weight, target }) => ({ weight, target })),
    origin,
  }))
}

function parentStatus(parent: ParentResult, faults: readonly RefFault[], generation: number) {
  const { parentRef, denied, bindings } = parent
  const accepted =
    denied === undefined
      ? {
          status: true,
          reason: 'Accepted',
          message: bindings.length > 1 ? `Bound to ${bindings.length} listeners` : 'Bound to 1 listener',
        }
      : { status: false, ...denied }
  return {
    parentRef,
    controllerName: CONTROLLER_NAME,
    conditions: [
      condition(generation, 'Accepted', accepted),
      condition(generation, 'ResolvedRefs', resolvedOutcome(faults)),
    ],
  }
}
