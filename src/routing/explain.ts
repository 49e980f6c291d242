import type { Origin, RouteName } from '../model/index.ts'
import { type CompiledMatch, type CompiledRoute, compareMatches } from './compile.ts'
import { type Condition, NAMES_CONNECT, type Subject } from './condition.ts'

/** Why a request takes the route it takes. */
export interface Explanation {
  readonly host: string
  /** The domain whose routes were tried; absent: no route is for this host. */
  readonly domain?: string
  readonly winner?: ExplainedMatch
  /** The matches that come before the winner (all, when there is none), in order, each with what kept it from winning. */
  readonly passedOver: readonly PassedOverMatch[]
}

export interface ExplainedMatch {
  readonly route: RouteName
  readonly origin: Origin
  /** Index among the matches of the route. */
  readonly match: number
}

export interface PassedOverMatch extends ExplainedMatch {
  readonly failed: { readonly condition: string; readonly expected: string; readonly actual: string }
}

/** Tries the matches one by one in their order: the plain form of what the tables do by index. */
export function explainMatches(
  host: string,
  domain: string | undefined,
  routes: readonly CompiledRoute[],
  subject: Subject,
): Explanation {
  const passedOver: PassedOverMatch[] = []
  const found = domain === undefined ? { host } : { host, domain }
  for (const match of routes.flatMap((route) => route.matches).sort(compareMatches)) {
    const failed = firstFailed(match, subject)
    if (failed === undefined) return { ...found, winner: explained(match), passedOver }
    const { name, expected } = failed
    passedOver.push({
      ...explained(match),
      failed: { condition: name, expected, actual: failed.actual(subject) },
    })
  }
  return { ...found, passedOver }
}

function firstFailed(match: CompiledMatch, subject: Subject): Condition | undefined {
  const conditions = match.takesConnect ? match.conditions : [...match.conditions, NAMES_CONNECT]
  return [match.path, ...conditions].find((condition) => !condition.holds(subject))
}

function explained(match: CompiledMatch): ExplainedMatch {
  return { route: match.route.key, origin: match.route.origin, match: match.index }
}
