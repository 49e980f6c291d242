import type { Locality } from '../../model/index.ts'
import type { Located } from './locality.ts'

/** The hosts of a zone, and their part of the requests, of 1. */
export interface ZonePart<Host> {
  readonly hosts: readonly Host[]
  readonly part: number
}

/**
 * Keeps requests within the client's zone as far as every host gets as many as the others do: clients of a zone that has a
 * greater share of the clients than of the hosts send what is too much to the zones where it is the other way round.
 * @param around where the clients are, the one that asks among them
 * @returns undefined where all hosts are alike: they are few, or none is near
 * @see Envoy, "zone aware routing"
 */
export function zoneParts<Host extends Located>(
  hosts: readonly Host[],
  client: {
    readonly own: Locality | undefined
    readonly around: readonly (Locality | undefined)[]
    readonly minClusterSize: number
  },
): readonly ZonePart<Host>[] | undefined {
  const { own, around, minClusterSize } = client
  if (own === undefined || around.length === 0 || hosts.length < minClusterSize) return undefined
  const zones = Map.groupBy(hosts, (host) => zoneOf(host.workload()?.locality))
  const near = zones.get(zoneOf(own))
  if (near === undefined) return undefined
  const clients = Map.groupBy(around, zoneOf)
  const shareOfHosts = (zone: string): number => (zones.get(zone)?.length ?? 0) / hosts.length
  const shareOfClients = (zone: string): number => (clients.get(zone)?.length ?? 0) / around.length
  const local = zoneOf(own)
  const kept = shareOfHosts(local) / shareOfClients(local)
  if (!(kept < 1)) return [{ hosts: near, part: 1 }]
  const others = [...zones].flatMap(([zone, there]) => {
    const spare = shareOfHosts(zone) - shareOfClients(zone)
    return zone !== local && spare > 0 ? [{ hosts: there, spare }] : []
  })
  const spares = others.reduce((sum, { spare }) => sum + spare, 0)
  return [
    { hosts: near, part: kept },
    ...others.map(({ hosts: there, spare }) => ({ hosts: there, part: ((1 - kept) * spare) / spares })),
  ]
}

/** Zones of different regions may have the same name. */
function zoneOf(locality: Locality | undefined): string {
  return `${locality?.region ?? ''}/${locality?.zone ?? ''}`
}
