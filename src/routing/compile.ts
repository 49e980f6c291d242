import { type Result, type Violation, fail, ok, unreachable } from '../base/index.ts'
import {
  type CorsPolicy,
  type Faults,
  type HeaderChange,
  type OrderKey,
  type Origin,
  type PathRewrite,
  type Route,
  type RouteAction,
  type RouteFilter,
  type RouteMatch,
  type RouteName,
  type StringMatch,
  type WeightedDestination,
  compareOrderKeys,
} from '../model/index.ts'
import { type Condition, compileConditions, compilePath, compileString } from './condition.ts'
import { type RegexReplace, compileReplace, type TextTest } from './regex.ts'

/** A route ready to serve: nothing is left to parse or to compile per request. */
export interface CompiledRoute {
  readonly key: RouteName
  /** For logs. */
  readonly name: string
  readonly origin: Origin
  readonly source: Route
  readonly matches: readonly CompiledMatch[]
  readonly filters: readonly CompiledFilter[]
  readonly action: CompiledAction
}

export interface CompiledMatch {
  readonly route: CompiledRoute
  /** Its index among the route's matches. */
  readonly index: number
  readonly order: OrderKey
  readonly source: RouteMatch
  readonly path: Condition
  /** All but the path. */
  readonly conditions: readonly Condition[]
  /** It names the method CONNECT. */
  readonly takesConnect: boolean
  /** What a table answers when this match wins; made once. */
  readonly result: RouteMatchResult
}

export interface RouteMatchResult {
  readonly kind: 'match'
  readonly route: CompiledRoute
  readonly match: CompiledMatch
}

export type CompiledFilter =
  | ({ readonly kind: 'request-headers' } & HeaderChange)
  | ({ readonly kind: 'response-headers' } & HeaderChange)
  | { readonly kind: 'rewrite'; readonly authority?: string; readonly path?: CompiledPathRewrite }
  | ({ readonly kind: 'cors'; readonly allowsOrigin: TextTest } & CorsPolicy)
  | ({ readonly kind: 'fault' } & Faults)
  | Extract<RouteFilter, { kind: 'mirror' }>

export type CompiledPathRewrite =
  | { readonly kind: 'full'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly replace: RegexReplace }

type Redirect = Extract<RouteAction, { kind: 'redirect' }>

export type CompiledForward = Omit<Extract<RouteAction, { kind: 'forward' }>, 'destinations'> & {
  readonly destinations: readonly CompiledDestination[]
  /** Positive. */
  readonly totalWeight: number
}

export type CompiledRedirect = Omit<Redirect, 'path'> & { readonly path?: CompiledPathRewrite }

export type CompiledAction = CompiledForward | CompiledRedirect | Extract<RouteAction, { kind: 'respond' }>

export type CompiledDestination = Omit<WeightedDestination, 'filters'> & {
  readonly filters: readonly CompiledFilter[]
}

type Reject = (path: string, message: string) => void

/** Compiles a checked route. What can still be wrong are regular expressions; the violations name their fields. */
export function compileRoute(route: Route): Result<CompiledRoute> {
  const violations: Violation[] = []
  const reject: Reject = (path, message) => violations.push({ path, message })
  const matches: CompiledMatch[] = []
  const compiled: { -readonly [K in keyof CompiledRoute]: CompiledRoute[K] } = {
    key: route.key,
    name: route.name ?? route.key,
    origin: route.origin,
    source: route,
    matches,
    filters: compileFilters(route.filters, 'filters', reject),
    action: compileAction(route.action, reject),
  }
  route.matches.forEach((match, i) => {
    const one = compileMatch(compiled, match, i, (path, message) => reject(`matches[${i}].${path}`, message))
    if (one !== undefined) matches.push(one)
  })
  // An array that grew keeps room for sixteen more.
  compiled.matches = matches.slice()
  return violations.length === 0 ? ok(compiled) : fail(violations)
}

function compileMatch(
  route: CompiledRoute,
  source: RouteMatch,
  index: number,
  reject: Reject,
): CompiledMatch | undefined {
  const { scope } = route.source
  const clientNamespaces = scope.kind === 'mesh' ? scope.clientNamespaces : undefined
  const conditions = compileConditions(source, clientNamespaces, reject)
  const path = compilePath(source.path)
  if (!path.ok) {
    reject('path.value', path.error)
    return undefined
  }
  // The result and the match name each other, so that a request needs no object of its own.
  const result: { -readonly [K in keyof RouteMatchResult]: RouteMatchResult[K] } = {
    kind: 'match',
    route,
    match: undefined as unknown as CompiledMatch,
  }
  const match: CompiledMatch = {
    route,
    index,
    order: source.order,
    source,
    path: path.value,
    conditions,
    takesConnect: source.method?.kind === 'exact' && source.method.value === 'CONNECT',
    result,
  }
  result.match = match
  return match
}

function compileAction(action: RouteAction, reject: Reject): CompiledAction {
  switch (action.kind) {
    case 'forward': {
      const destinations = action.destinations.map((one, i) => ({
        ...one,
        filters: compileFilters(one.filters, `action.destinations[${i}].filters`, reject),
      }))
      return { ...action, destinations, totalWeight: destinations.reduce((sum, one) => sum + one.weight, 0) }
    }
    case 'redirect': {
      const { path, ...rest } = action
      const compiled = path === undefined ? undefined : compileRewrite(path, 'action.path', reject)
      return compiled === undefined ? rest : { ...rest, path: compiled }
    }
    case 'respond':
      return action
    default:
      return unreachable(action)
  }
}

function compileFilters(
  filters: readonly RouteFilter[],
  at: string,
  reject: Reject,
): readonly CompiledFilter[] {
  return filters.map((filter, i): CompiledFilter => {
    if (filter.kind === 'cors')
      return { ...filter, allowsOrigin: compileAny(filter.allowOrigins, `${at}[${i}].allowOrigins`, reject) }
    if (filter.kind !== 'rewrite') return filter
    const { path, ...rest } = filter
    const compiled = path === undefined ? undefined : compileRewrite(path, `${at}[${i}].path`, reject)
    return compiled === undefined ? rest : { ...rest, path: compiled }
  })
}

/** Holds for a text that one of the matches takes. */
function compileAny(matches: readonly StringMatch[], at: string, reject: Reject): TextTest {
  const tests = matches.flatMap((match, i) => {
    const test = compileString(match)
    if (test.ok) return [test.value]
    reject(`${at}[${i}].value`, test.error)
    return []
  })
  return (text) => tests.some((test) => test(text))
}

function compileRewrite(rewrite: PathRewrite, at: string, reject: Reject): CompiledPathRewrite | undefined {
  if (rewrite.kind !== 'regex') return rewrite
  const replace = compileReplace(rewrite.pattern, rewrite.substitution)
  if (replace.ok) return { kind: 'regex', replace: replace.value }
  reject(`${at}.pattern`, replace.error)
  return undefined
}

/**
 * Which match comes first. Translations give no two matches the same order key; should they, the names decide, so that
 * the order in which routes arrive never does.
 */
export function compareMatches(a: CompiledMatch, b: CompiledMatch): number {
  const order = compareOrderKeys(a.order, b.order)
  if (order !== 0) return order
  if (a.route.key !== b.route.key) return a.route.key < b.route.key ? -1 : 1
  return a.index - b.index
}
