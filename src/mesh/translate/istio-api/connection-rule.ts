import { type ConnectionMatch, type ConnectionRoute, type Origin, routeName } from '../../../model/index.ts'
import type { IstioConnectionRoute } from '../../resources/index.ts'
import { intersectHosts } from '../names.ts'
import { gatewayKey, type RuleBinding } from './binding.ts'
import type { RuleContext } from './rule-context.ts'
import {
  dependentPorts,
  type RuleDestination,
  toWeighted,
  translateDestinations,
} from './rule-destination.ts'

/** First member of the order key; the Gateway API's routes have another. */
const FAMILY = 1

export interface ConnectionPlace {
  readonly binding: RuleBinding
  /** The VirtualService's hosts, fully qualified. */
  readonly hosts: readonly string[]
  readonly origin: Origin
  readonly created: string
  readonly variant: string
  readonly problems: string[]
}

type Member = 'tls' | 'tcp'
type Match = NonNullable<IstioConnectionRoute['match']>[number]

/** The rules of `tls` or `tcp`, for one place where they apply. */
export function layOutConnectionRules(
  member: Member,
  rules: readonly IstioConnectionRoute[],
  context: RuleContext,
  place: ConnectionPlace,
): readonly ConnectionRoute[] {
  const { content } = place.binding
  const fits = content === 'any' || content === (member === 'tls' ? 'tls' : 'bytes')
  if (!fits) return []
  return rules.flatMap((rule, index) => {
    const path = `spec.${member}[${index}].route`
    const destinations = translateDestinations(rule.route ?? [], path, context, place.problems)
    if (destinations.length === 0) return []
    const matches = rule.match ?? []
    const used = matches.length === 0 ? [{}] : matches.filter((match) => applies(match, place, context))
    return used.flatMap((match, position) =>
      layOutMatch(match, destinations, { ...place, member, index, position }),
    )
  })
}

function applies(match: Match, { binding }: ConnectionPlace, context: RuleContext): boolean {
  const { gateways = [] } = match
  return (
    gateways.length === 0 ||
    gateways.some((reference) => gatewayKey(reference, context.namespace) === binding.gateway)
  )
}

/** A destination without a port means the one that was dialled: where that is open, each is laid out by itself. */
function layOutMatch(
  match: Match,
  destinations: readonly RuleDestination[],
  place: ConnectionPlace & { readonly member: Member; readonly index: number; readonly position: number },
): readonly ConnectionRoute[] {
  const { binding, member, index, position, origin, created } = place
  const serverNames = member === 'tls' ? serverNamesOf(match, binding) : undefined
  if (serverNames?.length === 0) return []
  const fixed = match.port ?? binding.port
  const open = fixed === undefined ? dependentPorts(destinations) : []
  const ports = open.length === 0 ? [fixed] : open
  // What is for some namespaces alone goes before what is for all, as with requests.
  const isForAll = binding.scope.clientNamespaces === undefined
  return ports.map((port) => {
    const parts = [member, `m${position}`, ...(open.length > 1 ? [`p${port}`] : []), place.variant]
    const ruleOrigin = { ...origin, rule: index }
    return {
      type: 'connection-route',
      key: routeName(ruleOrigin, parts.filter((part) => part !== '').join('-')),
      scope: binding.scope,
      matches: [
        {
          order: [
            FAMILY,
            isForAll ? 1 : 0,
            created,
            origin.name,
            origin.namespace,
            index,
            position,
            port ?? 0,
            place.variant,
          ],
          ...conditionsOf(match, place, { serverNames, port: open.length > 0 ? port : match.port }),
        },
      ],
      destinations: destinations.map((destination) => {
        const { weight, target } = toWeighted(destination, port, place.problems)
        return { weight, target }
      }),
      origin: ruleOrigin,
    }
  })
}

function conditionsOf(
  match: Match,
  place: ConnectionPlace,
  known: { readonly serverNames: readonly string[] | undefined; readonly port: number | undefined },
): Omit<ConnectionMatch, 'order'> {
  const { destinationSubnets = [], sourceLabels, sourceNamespace = '' } = match
  const { serverNames, port } = known
  const isMesh = place.binding.scope.kind === 'mesh'
  return {
    ...(serverNames === undefined ? (isMesh ? { hosts: place.binding.domains } : {}) : { serverNames }),
    ...(port === undefined ? {} : { port }),
    ...(destinationSubnets.length === 0 ? {} : { destinations: destinationSubnets }),
    ...(sourceLabels === undefined ? {} : { sourceLabels }),
    ...(sourceNamespace === '' ? {} : { sourceNamespace }),
  }
}

/** The server names of a rule that the gateway's server is open for. */
function serverNamesOf(match: Match, binding: RuleBinding): readonly string[] {
  const names = (match.sniHosts ?? []).map((name) => name.toLowerCase())
  const shared = names.flatMap((name) =>
    binding.scope.kind === 'mesh'
      ? [name]
      : binding.domains.flatMap((domain) => intersectHosts(name, domain) ?? []),
  )
  return [...new Set(shared)].sort()
}
