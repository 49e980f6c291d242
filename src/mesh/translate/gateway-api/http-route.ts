import { type Origin, type Route, routeName } from '../../../model/index.ts'
import type { KindRef, ParentReference } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import { condition, type ConditionIntent, CONTROLLER_NAME, type StatusUpdate } from '../status.ts'
import { resolvedOutcome } from './backends.ts'
import { type RuleResult, translateRule } from './http-rule.ts'
import { httpRouteOrder } from './order.ts'
import { type Binding, type ParentResult, resolveParents } from './parents.ts'
import type { HttpRouteObject, RouteContext } from './route-context.ts'

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
  /** `<namespace>/<name>` of the Gateway. */
  readonly gateway: string
  readonly listener: string
}

export function translateHttpRoute(
  route: HttpRouteObject,
  kind: KindRef,
  context: RouteContext,
): HttpRouteResult {
  const namespace = namespaceOf(route)
  const { name, generation = 0 } = route.metadata
  const key = `${namespace}/${name}`
  const rules = (route.spec.rules ?? [{}]).map((rule, index) => translateRule(rule, index, route, context))
  const parents = resolveParents(route, context)
  const usable = rules.some((rule) => rule.faults.length === 0)
  const bindings = usable ? uniqueBindings(parents) : []
  return {
    key: `${kind.kind}/${key}`,
    routes:
      bindings.length === 0 ? [] : rules.flatMap((rule, index) => modelRoutes(route, rule, index, bindings)),
    attachments: bindings.map(({ gateway, listener }) => ({
      key: `${listener.key}|${kind.kind}/${key}`,
      gateway: gateway.key,
      listener: listener.name,
    })),
    status: {
      key: `${kind.kind}/${key}`,
      kind,
      namespace,
      name,
      observedGeneration: generation,
      status: { parents: parents.map((parent) => parentStatus(parent, rules, generation)) },
    },
  }
}

/** Two references may lead to the same listener. */
function uniqueBindings(parents: readonly ParentResult[]): readonly Binding[] {
  const all = parents.flatMap((parent) => parent.bindings)
  return [...new Map(all.map((binding) => [binding.listener.key, binding])).values()]
}

/** One model route per rule; listeners that narrow its host names differently need one each. */
function modelRoutes(
  route: HttpRouteObject,
  rule: RuleResult,
  index: number,
  bindings: readonly Binding[],
): readonly Route[] {
  if (rule.matches.length === 0) return []
  const groups = Map.groupBy(bindings, ({ domains }) => domains.join(','))
  return [...groups.values()].map((group, position) => {
    const variant = position === 0 ? '' : String(position)
    return modelRoute(route, rule, { index, variant, group })
  })
}

function modelRoute(
  route: HttpRouteObject,
  rule: RuleResult,
  place: { readonly index: number; readonly variant: string; readonly group: readonly Binding[] },
): Route {
  const namespace = namespaceOf(route)
  const { name, creationTimestamp = '' } = route.metadata
  const { index, variant, group } = place
  const origin: Origin = { kind: route.kind, namespace, name, rule: index }
  return {
    type: 'route',
    key: variant === '' ? routeName(origin) : routeName(origin, variant),
    scope: { kind: 'gateway', listeners: group.map((binding) => binding.listener.key).sort() },
    domains: group[0]?.domains ?? [],
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
