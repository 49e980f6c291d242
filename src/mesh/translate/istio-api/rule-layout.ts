import { unreachable } from '../../../base/index.ts'
import {
  type Origin,
  type Route,
  type RouteAction,
  type RouteFilter,
  routeName,
} from '../../../model/index.ts'
import type { RuleBinding } from './binding.ts'
import { type IstioRule, type RuleAction, uriRewrite } from './http-rule.ts'
import type { TranslatedMatch } from './match.ts'
import { orderKey } from './order.ts'
import { dependentPorts, toWeighted } from './rule-destination.ts'

export interface RulePlace {
  readonly binding: RuleBinding
  readonly origin: Origin
  /** RFC 3339 */
  readonly created: string
  readonly rule: number
  /** Among the rules of a delegate; undefined: the rule is the VirtualService's own. */
  readonly part: number | undefined
  /** Of the rule, for messages. */
  readonly path: string
  /** Tells the bindings of one VirtualService apart; '' for the first. */
  readonly variant: string
  readonly problems: string[]
}

/**
 * The model routes of one rule at one binding: usually one. `rewrite.uri` replaces something else under a regular
 * expression, and a destination without a port means the port that was dialled; both need routes of their own.
 */
export function layOutRule(rule: IstioRule, place: RulePlace): readonly Route[] {
  const indexed = rule.matches.map((match, index) => ({ match, index }))
  const split = rule.rewriteUri === undefined ? [indexed] : byRewriteKind(indexed)
  return split.flatMap((matches, part) =>
    portsOf(rule.action, place.binding).flatMap((port) => {
      const variant = [
        ...(place.part === undefined ? [] : [`d${place.part}`]),
        ...(place.variant === '' ? [] : [place.variant]),
        ...(part === 0 ? [] : [`r${part}`]),
        ...(port === undefined || place.binding.port !== undefined ? [] : [`p${port}`]),
      ].join('-')
      return routeOf(rule, { ...place, variant }, { matches, port })
    }),
  )
}

interface IndexedMatch {
  readonly match: TranslatedMatch
  readonly index: number
}

function byRewriteKind(matches: readonly IndexedMatch[]): readonly (readonly IndexedMatch[])[] {
  const isRegex = ({ match }: IndexedMatch): boolean => match.match.path?.kind === 'regex'
  return [matches.filter((entry) => !isRegex(entry)), matches.filter(isRegex)].filter(
    (part) => part.length > 0,
  )
}

/** A gateway's listener says which port was dialled; in the mesh it may be any that a destination has. */
function portsOf(action: RuleAction, binding: RuleBinding): readonly (number | undefined)[] {
  if (binding.port !== undefined) return [binding.port]
  const ports = action.kind === 'forward' ? dependentPorts(action.destinations) : []
  return ports.length === 0 ? [undefined] : ports
}

function routeOf(
  rule: IstioRule,
  place: RulePlace,
  part: { readonly matches: readonly IndexedMatch[]; readonly port: number | undefined },
): readonly Route[] {
  const isMesh = place.binding.port === undefined
  const matches = part.matches.flatMap(({ match, index }) => {
    const isOther = isMesh && part.port !== undefined && (match.match.port ?? part.port) !== part.port
    if (isOther) return []
    const port = isMesh && part.port !== undefined ? { port: part.port } : {}
    return [
      {
        order: orderKey({ ...place, part: place.part ?? 0 }, { match: index, isCatchAll: match.isCatchAll }),
        ...match.match,
        ...port,
      },
    ]
  })
  if (matches.length === 0) return []
  const origin: Origin = { ...place.origin, rule: place.rule }
  return [
    {
      type: 'route',
      key: place.variant === '' ? routeName(origin) : routeName(origin, place.variant),
      scope: place.binding.scope,
      domains: place.binding.domains,
      matches,
      filters: filtersOf(rule, part.matches),
      action: actionOf(rule.action, part.port, place),
      ...(rule.name === undefined || rule.name === '' ? {} : { name: rule.name }),
      origin,
    },
  ]
}

function filtersOf(rule: IstioRule, matches: readonly IndexedMatch[]): readonly RouteFilter[] {
  if (rule.rewriteUri === undefined) return rule.filters
  const path = uriRewrite(rule.rewriteUri, matches[0]?.match.match.path)
  const given = rule.filters.findLast((filter) => filter.kind === 'rewrite')
  if (given === undefined) return [...rule.filters, { kind: 'rewrite', path }]
  return rule.filters.map((filter) => (filter === given ? { ...given, path } : filter))
}

function actionOf(action: RuleAction, port: number | undefined, place: RulePlace): RouteAction {
  switch (action.kind) {
    case 'answer':
      return action.action
    case 'forward': {
      const { destinations, timeoutMs, retries } = action
      const found: string[] = []
      const weighted = destinations.map((destination) => toWeighted(destination, port, found))
      place.problems.push(...found.map((problem) => `${place.path}: ${problem}`))
      return {
        kind: 'forward',
        destinations: weighted,
        timeouts: timeoutMs === undefined ? {} : { requestMs: timeoutMs },
        ...(retries === undefined ? {} : { retries }),
      }
    }
    default:
      return unreachable(action)
  }
}
