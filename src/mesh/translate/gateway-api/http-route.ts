import {
  type ListenerName,
  type Origin,
  type Route,
  routeName,
  type RouteScope,
} from '../../../model/index.ts'
import type { KindRef, ParentReference } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import { condition, type ConditionIntent, CONTROLLER_NAME, type StatusUpdate } from '../status.ts'
import { resolvedOutcome } from './backends.ts'
import { type RuleResult, translateRule } from './http-rule.ts'
import { httpRouteOrder } from './order.ts'
import { type Binding, type ParentResult, resolveParents } from './parents.ts'
import type { HttpRouteObject, RouteContext } from './route-context.ts'
import type { MeshBinding } from './service-parent.ts'

export interface HttpRouteResult {
  /** `<kind>/<namespace>/<name>` of the route. */
  readonly key: string
  readonly routes: readonly Route[]
  readonly attachments: readonly Attachment[]
  readonly status: StatusUpdate
}

/** A route counted by a listener. */
export interface Attachment {
  readonly key: string
  readonly listener: ListenerName
}

export function translateHttpRoute(
  route: HttpRouteObject,
  kind: KindRef,
  context: RouteContext,
): HttpRouteResult {
  const namespace = namespaceOf(route)
  const { name, generation = 0 } = route.metadata
  const key = `${namespace}/${name}`
  const parents = resolveParents(route, context, true)
  const rules = {
    ofGateways: translateRules(route, context),
    // GEP-1294: what a client of the mesh may call anyway, it may be led to; no ReferenceGrant is asked for.
    ofServices: parents.some(({ mesh }) => mesh !== undefined)
      ? translateRules(route, { ...context, grants: undefined })
      : [],
  }
  const bindings = isUsable(rules.ofGateways) ? uniqueBindings(parents) : []
  const services = isUsable(rules.ofServices) ? uniqueServices(parents) : []
  const places = gatewayPlaces(bindings)
  return {
    key: `${kind.kind}/${key}`,
    routes: [
      ...rules.ofGateways.flatMap((rule, index) => modelRoutes(route, rule, { index, places, before: 0 })),
      ...rules.ofServices.flatMap((rule, index) =>
        modelRoutes(route, rule, { index, places: services.flatMap(meshPlaces), before: places.length }),
      ),
    ],
    attachments: bindings.map(({ listener }) => ({
      key: `${listener.key}|${kind.kind}/${key}`,
      listener: listener.key,
    })),
    status: {
      key: `${kind.kind}/${key}`,
      kind,
      namespace,
      name,
      observedGeneration: generation,
      status: {
        parents: parents.map((parent) =>
          parentStatus(parent, parent.mesh === undefined ? rules.ofGateways : rules.ofServices, generation),
        ),
      },
    },
  }
}

function translateRules(route: HttpRouteObject, context: RouteContext): readonly RuleResult[] {
  return (route.spec.rules ?? [{}]).map((rule, index) => translateRule(rule, index, route, context))
}

function isUsable(rules: readonly RuleResult[]): boolean {
  return rules.some((rule) => rule.faults.length === 0)
}

/** Two references may lead to the same listener. */
function uniqueBindings(parents: readonly ParentResult[]): readonly Binding[] {
  const all = parents.flatMap((parent) => parent.bindings)
  return [...new Map(all.map((binding) => [binding.listener.key, binding])).values()]
}

function uniqueServices(parents: readonly ParentResult[]): readonly MeshBinding[] {
  const all = parents.flatMap(({ mesh }) => mesh ?? [])
  return [...new Map(all.map((one) => [`${one.hostname}:${one.ports?.join() ?? ''}`, one])).values()]
}

/** Where a rule stands, and under which host names. */
interface ModelPlace {
  readonly scope: RouteScope
  readonly domains: readonly string[]
  /** The port that a match asks for. */
  readonly port: number | undefined
}

/** Listeners that narrow the route's host names in the same way share a model route. */
function gatewayPlaces(bindings: readonly Binding[]): readonly ModelPlace[] {
  const groups = [...Map.groupBy(bindings, ({ domains }) => domains.join(',')).values()]
  return groups.map((group): ModelPlace => ({
    scope: { kind: 'gateway', listeners: group.map(({ listener }) => listener.key).sort() },
    domains: group[0]?.domains ?? [],
    port: undefined,
  }))
}

/** One model route for each place. @param at.before how many model routes of the rule stand elsewhere */
function modelRoutes(
  route: HttpRouteObject,
  rule: RuleResult,
  at: { readonly index: number; readonly places: readonly ModelPlace[]; readonly before: number },
): readonly Route[] {
  if (rule.matches.length === 0) return []
  return at.places.map((place, position) => {
    const variant = at.before + position
    return modelRoute(route, rule, {
      ...place,
      index: at.index,
      variant: variant === 0 ? '' : String(variant),
    })
  })
}

function meshPlaces({ service, hostname, ports, clientNamespace }: MeshBinding): readonly ModelPlace[] {
  const clients = clientNamespace === undefined ? {} : { clientNamespaces: [clientNamespace] }
  const scope = { kind: 'mesh', ...clients, service } as const
  return (ports ?? [undefined]).map((port) => ({ scope, domains: [hostname], port }))
}

function modelRoute(
  route: HttpRouteObject,
  rule: RuleResult,
  place: ModelPlace & { readonly index: number; readonly variant: string },
): Route {
  const namespace = namespaceOf(route)
  const { name, creationTimestamp = '' } = route.metadata
  const { index, variant, port } = place
  const origin: Origin = { kind: route.kind, namespace, name, rule: index }
  return {
    type: 'route',
    key: variant === '' ? routeName(origin) : routeName(origin, variant),
    scope: place.scope,
    domains: place.domains,
    matches: rule.matches.map((match, matchIndex) => ({
      order: httpRouteOrder(match, {
        created: creationTimestamp,
        namespace,
        // Routes of two kinds may have one name.
        name: route.kind === 'HTTPRoute' ? name : `${name}/${route.kind}`,
        rule: index,
        match: matchIndex,
        variant,
      }),
      ...match,
      ...(port === undefined ? {} : { port }),
    })),
    filters: rule.filters,
    action: rule.action,
    origin,
  }
}

function parentStatus(
  parent: ParentResult,
  rules: readonly RuleResult[],
  generation: number,
): {
  readonly parentRef: ParentReference
  readonly controllerName: string
  readonly conditions: readonly ConditionIntent[]
} {
  return {
    parentRef: parent.parentRef,
    controllerName: CONTROLLER_NAME,
    conditions: [
      condition(generation, 'Accepted', acceptedOutcome(parent, rules)),
      ...partiallyInvalid(rules, generation),
      condition(generation, 'ResolvedRefs', resolvedOutcome(rules.flatMap((rule) => rule.refFaults))),
    ],
  }
}

function acceptedOutcome(parent: ParentResult, rules: readonly RuleResult[]) {
  if (parent.denied !== undefined) return { status: false, ...parent.denied }
  if (rules.every((rule) => rule.faults.length > 0)) {
    return { status: false, reason: 'UnsupportedValue', message: describeFaults(rules) }
  }
  if (parent.mesh !== undefined) {
    return { status: true, reason: 'Accepted', message: `Rules requests for ${parent.mesh.hostname}` }
  }
  const count = parent.bindings.length
  return {
    status: true,
    reason: 'Accepted',
    message: count > 1 ? `Bound to ${count} listeners` : 'Bound to 1 listener',
  }
}

/** Gateway API: the message of a partly invalid route begins with "Dropped Rule" and names the rules. */
function partiallyInvalid(rules: readonly RuleResult[], generation: number): readonly ConditionIntent[] {
  const faulty = rules.filter((rule) => rule.faults.length > 0)
  if (faulty.length === 0 || faulty.length === rules.length) return []
  const message = `Dropped Rule: ${describeFaults(rules)}; requests that match are answered with 500`
  return [condition(generation, 'PartiallyInvalid', { status: true, reason: 'UnsupportedValue', message })]
}

function describeFaults(rules: readonly RuleResult[]): string {
  return rules
    .flatMap((rule, index) => rule.faults.map((fault) => `spec.rules[${index}]: ${fault}`))
    .join('; ')
}
