import { parseDurationMs } from '../../../base/index.ts'
import type {
  Destination,
  Retries,
  RouteAction,
  RouteFilter,
  Timeouts,
  WeightedDestination,
} from '../../../model/index.ts'
import type { HTTPBackendRef, HTTPRouteRetry, HTTPRouteRule } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import { type RefFault, resolveBackend, unresolvedStatus } from './backends.ts'
import { translateFilters } from './filters.ts'
import { translateMatch, type UnorderedMatch } from './match.ts'
import type { HttpRouteObject, RouteContext } from './route-context.ts'
import { translateSession } from './session.ts'

/** One rule of an HTTPRoute, before it is known which listeners take it. */
export interface RuleResult {
  readonly matches: readonly UnorderedMatch[]
  readonly filters: readonly RouteFilter[]
  readonly action: RouteAction
  /** What is not served: its requests get an error, so that no other rule takes them instead. */
  readonly faults: readonly string[]
  readonly refFaults: readonly RefFault[]
}

/** Gateway API: a rule with nowhere to send requests, and without a filter that answers, gives a 500, or UNAVAILABLE. */
function failure(route: HttpRouteObject, reason: string): RouteAction {
  return { kind: 'respond', status: unresolvedStatus(route.kind), reason }
}

export function translateRule(
  rule: HTTPRouteRule,
  index: number,
  route: HttpRouteObject,
  context: RouteContext,
): RuleResult {
  const faults: string[] = []
  const refFaults: RefFault[] = []
  const matchFaults: string[] = []
  const given = rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches
  const matches = given.flatMap((match) => {
    const own: string[] = []
    const translated = translateMatch(match, own)
    matchFaults.push(...own)
    // What cannot be compiled cannot match either; the proxies are spared it.
    return own.length > 0 ? [] : [translated]
  })
  const { filters, redirect } = translateFilters(rule.filters, faults, resolverFor(route, context, refFaults))
  const destinations = translateBackends(rule, route, context, { faults, refFaults })
  const timeouts = translateTimeouts(rule, faults)
  const retries = translateRetry(rule.retry, faults)
  const origin = { kind: route.kind, namespace: namespaceOf(route), name: route.metadata.name, rule: index }
  const session = translateSession(rule.sessionPersistence, { origin, matches }, faults)
  const extra = { ...(retries && { retries }), ...(session && { session }) }
  return {
    matches,
    filters: faults.length > 0 ? [] : filters,
    action:
      faults.length > 0
        ? failure(route, 'unsupported_filter')
        : (redirect ?? forward(destinations, timeouts, extra) ?? failure(route, 'no_backend')),
    faults: [...matchFaults, ...faults],
    refFaults,
  }
}

/** What a request has passed by the time its destination is chosen. */
const RULE_ONLY: ReadonlySet<string> = new Set(['redirect', 'mirror', 'cors'])

/** @param refFaults references that do not resolve are added to it */
function resolverFor(
  route: HttpRouteObject,
  context: RouteContext,
  refFaults: RefFault[],
): (ref: HTTPBackendRef) => Destination {
  const from = { kind: route.kind, namespace: namespaceOf(route) }
  return (ref) => {
    const { target, fault } = resolveBackend(ref, from, context)
    if (fault !== undefined) refFaults.push(fault)
    return target.kind === 'unresolved' ? { ...target, status: unresolvedStatus(route.kind) } : target
  }
}

function translateBackends(
  rule: HTTPRouteRule,
  route: HttpRouteObject,
  context: RouteContext,
  found: { readonly faults: string[]; readonly refFaults: RefFault[] },
): readonly WeightedDestination[] {
  const resolve = resolverFor(route, context, found.refFaults)
  return (rule.backendRefs ?? []).map((ref) => {
    const target = resolve(ref)
    const { filters, redirect } = translateFilters(ref.filters, found.faults, resolve)
    const unserved = [...(redirect ? [redirect] : []), ...filters].find(({ kind }) => RULE_ONLY.has(kind))
    if (unserved !== undefined) found.faults.push(`filter ${unserved.kind} on a backendRef is not served`)
    return { weight: ref.weight ?? 1, target, filters }
  })
}

function forward(
  destinations: readonly WeightedDestination[],
  timeouts: Timeouts,
  extra: Pick<Extract<RouteAction, { kind: 'forward' }>, 'retries' | 'session'>,
): RouteAction | undefined {
  const weighted = destinations.filter((destination) => destination.weight > 0)
  return weighted.length === 0 ? undefined : { kind: 'forward', destinations: weighted, timeouts, ...extra }
}

/** Those of a rule that asks for retries and names no number: the same as without asking. */
const RETRY_ATTEMPTS = 2
/** GEP-1731: whatever the codes, connections that fail or break are a reason to try again. */
const ALWAYS_RETRY_ON = ['connect-failure', 'refused-stream', 'reset', 'unavailable', 'cancelled']

/** @see Gateway API, HTTPRouteRetry */
function translateRetry(retry: HTTPRouteRetry | undefined, faults: string[]): Retries | undefined {
  if (retry === undefined) return undefined
  const backoffMs = durationOf(retry.backoff, 'retry.backoff', faults)
  const codes = [...new Set(retry.codes ?? [])].sort((a, b) => a - b)
  return {
    attempts: retry.attempts ?? RETRY_ATTEMPTS,
    retryOn: [...ALWAYS_RETRY_ON, ...codes.map(String)],
    ...(backoffMs === undefined ? {} : { backoffMs }),
  }
}

function translateTimeouts(rule: HTTPRouteRule, faults: string[]): Timeouts {
  const requestMs = durationOf(rule.timeouts?.request, 'timeouts.request', faults)
  const backendRequestMs = durationOf(rule.timeouts?.backendRequest, 'timeouts.backendRequest', faults)
  return {
    ...(requestMs === undefined ? {} : { requestMs }),
    ...(backendRequestMs === undefined ? {} : { backendRequestMs }),
  }
}

function durationOf(text: string | undefined, path: string, faults: string[]): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDurationMs(text)
  if (ms === undefined) faults.push(`${path}: ${text} is not a duration such as 10s`)
  return ms
}
