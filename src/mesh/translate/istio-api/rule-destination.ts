import type { RouteFilter, Service, WeightedDestination } from '../../../model/index.ts'
import type { IstioRouteDestination } from '../../resources/index.ts'
import { isVisible } from '../visibility.ts'
import { translateHeaders } from './headers.ts'
import type { RuleContext } from './rule-context.ts'

/** Istio: a route to a cluster that does not exist is answered with 503. */
const UNRESOLVED_STATUS = 503

/** A weighted destination whose port may still depend on the port that was dialled. */
export interface RuleDestination {
  readonly weight: number
  readonly host: string
  readonly subset: string | undefined
  readonly port: number | undefined
  readonly service: Service | undefined
  readonly filters: readonly RouteFilter[]
}

/** Those with a weight; a single destination takes everything. */
export function translateDestinations(
  destinations: readonly IstioRouteDestination[],
  path: string,
  context: RuleContext,
  problems: string[],
): readonly RuleDestination[] {
  const isSingle = destinations.length === 1
  return destinations
    .map((entry, index) => {
      const { destination } = entry
      const host = context.resolveHost(destination.host)
      const found = context.serviceByHost(host)
      const service =
        found !== undefined && isVisible(found.visibility, context.namespace) ? found : undefined
      if (service === undefined) {
        problems.push(
          `${path}[${index}].destination.host ${host} is not known; its requests are answered with 503`,
        )
      }
      return {
        weight: isSingle ? 100 : (entry.weight ?? 0),
        host,
        subset: destination.subset === '' ? undefined : destination.subset,
        port: destination.port?.number ?? (service?.ports.length === 1 ? service.ports[0]?.port : undefined),
        service,
        filters: translateHeaders(entry.headers),
      }
    })
    .filter((destination) => destination.weight > 0)
}

/** The ports on which a rule must be laid out one by one since some destination means "the port that was dialled". */
export function dependentPorts(destinations: readonly RuleDestination[]): readonly number[] {
  const open = destinations.filter(
    (destination) => destination.port === undefined && destination.service !== undefined,
  )
  const ports = open.flatMap((destination) => (destination.service?.ports ?? []).map((entry) => entry.port))
  return [...new Set(ports)].sort((a, b) => a - b)
}

/**
 * @param dialled the port that a destination without one means
 * @param problems a port that the service does not have is added to it
 */
export function toWeighted(
  destination: RuleDestination,
  dialled: number | undefined,
  problems: string[],
): WeightedDestination {
  const { weight, service, subset, filters } = destination
  const port = destination.port ?? dialled
  if (service !== undefined && !service.ports.some((entry) => entry.port === port)) {
    const known = service.ports.map((entry) => entry.port).join(', ')
    problems.push(
      `destination ${destination.host} has no port ${port ?? '(none given)'}; it has ${known}; its requests are answered with 503`,
    )
  }
  if (service === undefined || port === undefined || !service.ports.some((entry) => entry.port === port)) {
    return {
      weight,
      target: { kind: 'unresolved', status: UNRESOLVED_STATUS, reason: 'cluster_not_found' },
      filters,
    }
  }
  return {
    weight,
    target: { kind: 'service', service: service.key, port, ...(subset === undefined ? {} : { subset }) },
    filters,
  }
}
