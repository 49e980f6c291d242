import { type CompiledMatch, compareMatches } from './compile.ts'
import type { Subject } from './condition.ts'

/** Matches in their order. Data alone: with 5,000 hosts there are 5,000 of them. */
export interface MatchList {
  readonly items: CompiledMatch[]
}

/** An array that grows would keep room for sixteen more. */
export function createMatchList(match: CompiledMatch): MatchList {
  return { items: [match] }
}

export function insertMatch({ items }: MatchList, match: CompiledMatch): void {
  items.splice(placeOf(items, match), 0, match)
}

export function removeMatch({ items }: MatchList, match: CompiledMatch): void {
  const place = placeOf(items, match)
  if (items[place] === match) items.splice(place, 1)
}

/** The place of the first item that is not before the match. */
function placeOf(items: readonly CompiledMatch[], match: CompiledMatch): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareMatches(items[middle] as CompiledMatch, match) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The better of `best` and the first match of the list that the request takes.
 * @param pathKnown whether being in this list says that the path matches
 */
export function bestOf(
  list: MatchList,
  subject: Subject,
  best: CompiledMatch | undefined,
  pathKnown: boolean,
): CompiledMatch | undefined {
  const { items } = list
  for (let i = 0; i < items.length; i++) {
    const match = items[i] as CompiledMatch
    if (best !== undefined && compareMatches(match, best) >= 0) return best
    if ((pathKnown || match.path.holds(subject)) && conditionsHold(match, subject)) return match
  }
  return best
}

function conditionsHold(match: CompiledMatch, subject: Subject): boolean {
  const { conditions } = match
  for (let i = 0; i < conditions.length; i++) if (conditions[i]?.holds(subject) !== true) return false
  return !subject.connects || match.takesConnect
}
