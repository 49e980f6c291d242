import { unreachable } from '../../../base/index.ts'
import type { OrderKey, PathMatch } from '../../../model/index.ts'
import type { UnorderedMatch } from './match.ts'

/** First member of every order key of a Gateway API route; VirtualServices use another, so the two never mix. */
const FAMILY = 0
/** GEP-1426: of the routes of a service, those beside the client go before those beside the service. */
const CONSUMER_FAMILY = -1

export interface RulePlace {
  /** RFC 3339 */
  readonly created: string
  readonly namespace: string
  readonly name: string
  readonly rule: number
  readonly match: number
  /** Tells apart the model routes that one rule gives on different listeners. */
  readonly variant: string
  /** Of a service of another namespace. */
  readonly isConsumer?: boolean
}

/**
 * Gateway API, HTTPRouteRule matching precedence: exact path, longest prefix, method, number of headers, number of
 * query parameters; then oldest route, namespace and name, and the order within the route. Regular expressions are
 * left to implementations: as in Istio they come after prefixes, longer ones first.
 */
export function httpRouteOrder(match: UnorderedMatch, place: RulePlace): OrderKey {
  return [
    place.isConsumer === true ? CONSUMER_FAMILY : FAMILY,
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

/** Behind every route of users. */
const LAST_FAMILY = 9

/** The place of what holds where nobody says anything. */
export function defaultOrder(
  place: { readonly namespace: string; readonly name: string },
  variant: string,
): OrderKey {
  return [LAST_FAMILY, `${place.namespace}/${place.name}`, variant]
}
