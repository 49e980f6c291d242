import { unreachable } from '../../../base/index.ts'
import type { OrderKey, PathMatch } from '../../../model/index.ts'
import type { UnorderedMatch } from './match.ts'

/** First member of every order key of a Gateway API route; VirtualServices use another, so the two never mix. */
const FAMILY = 0

export interface RulePlace {
  /** RFC 3339 */
  readonly created: string
  readonly namespace: string
  readonly name: string
  readonly rule: number
  readonly match: number
  /** Tells apart the model routes that one rule gives on different listeners. */
  readonly variant: string
}

/**
 * Gateway API, HTTPRouteRule matching precedence: exact path, longest prefix, method, number of headers, number of
 * query parameters; then oldest route, namespace and name, and the order within the route. Regular expressions are
 * left to implementations: as in Istio they come after prefixes, longer ones first.
 */
export function httpRouteOrder(match: UnorderedMatch, place: RulePlace): OrderKey {
  return [
    FAMILY,
    pathRank(match.path),
    0 - pathLength(match.path),
    match.method === undefined ? 1 : 0,
    0 - match.headers.length,
    0 - match.query.length,
    place.created,
    `${place.namespace}/${place.name}`,
    place.rule,
    place.match,
    place.variant,
  ]
}

function pathRank(path: PathMatch | undefined): number {
  switch (path?.kind) {
    case 'exact':
      return 0
    case 'segment-prefix':
    case 'string-prefix':
      return 1
    case 'regex':
      return 2
    case undefined:
      return 3
    default:
      return unreachable(path)
  }
}

/** The prefix `/` is held as '' but is one character long. */
function pathLength(path: PathMatch | undefined): number {
  return path === undefined ? 0 : Math.max(1, path.value.length)
}
