import { cidrContains, parseIpv4, parseIpv4Cidr } from '../../base/index.ts'
import {
  compareOrderKeys,
  type ConnectionMatch,
  type ConnectionRoute,
  type ListenerName,
  type RouteName,
} from '../../model/index.ts'
import { namePatterns } from '../tls/name-patterns.ts'

/** What is known of a connection before a byte of it is passed on. */
export interface ConnectionFacts {
  /** Of TLS that is passed through; empty: TLS without a name; absent: no TLS. */
  readonly serverName: string | undefined
  readonly port: number
  /** What the client dialled. */
  readonly address: string
  /** In the mesh: the service that was dialled. */
  readonly host: string | undefined
  readonly source:
    | { readonly labels: Readonly<Record<string, string>>; readonly namespace: string }
    | undefined
}

/** Routes for connections, by where they apply. */
export interface ConnectionTable {
  readonly set: (route: ConnectionRoute) => void
  readonly delete: (key: RouteName) => void
  readonly find: (
    place: ListenerName | typeof MESH_ROUTES,
    facts: ConnectionFacts,
  ) => ConnectionRoute | undefined
  /** What is known has changed. */
  readonly refresh: () => void
  readonly routes: () => Iterable<ConnectionRoute>
}

/** The place of routes that apply in sidecars. */
export const MESH_ROUTES = 'mesh'

interface Entry {
  readonly route: ConnectionRoute
  readonly match: ConnectionMatch
}

/** Entries of one place, by the server name they are for; those for any connection under no name. */
type Place = Map<string, Entry[]>

const ANY_CONNECTION = ''

export function createConnectionTable(options: {
  readonly namespace: string
  /** Whether the mesh's routes are known here. Absent: they are. */
  readonly sees?: (route: ConnectionRoute) => boolean
}): ConnectionTable {
  const routes = new Map<RouteName, ConnectionRoute>()
  let places: Map<string, Place> | undefined

  /** Made anew after a change, at the first connection that needs it. */
  function compiled(): Map<string, Place> {
    if (places !== undefined) return places
    places = new Map()
    for (const route of routes.values()) {
      if (route.scope.kind === 'mesh' && options.sees?.(route) === false) continue
      for (const place of placesOf(route, options.namespace)) addTo(placeAt(places, place), route)
    }
    for (const place of places.values()) {
      for (const entries of place.values()) {
        entries.sort((a, b) => compareOrderKeys(a.match.order, b.match.order))
      }
    }
    return places
  }

  return {
    set(route) {
      routes.set(route.key, route)
      places = undefined
    },
    delete(key) {
      routes.delete(key)
      places = undefined
    },
    find(name, facts) {
      const place = compiled().get(name)
      if (place === undefined) return undefined
      for (const pattern of patternsFor(facts.serverName)) {
        const found = place.get(pattern)?.find(({ match }) => holds(match, facts))
        if (found !== undefined) return found.route
      }
      return undefined
    },
    refresh: () => {
      places = undefined
    },
    routes: () => routes.values(),
  }
}

function placesOf({ scope }: ConnectionRoute, namespace: string): readonly string[] {
  if (scope.clientNamespaces?.includes(namespace) === false) return []
  return scope.kind === 'mesh' ? [MESH_ROUTES] : scope.listeners
}

function placeAt(places: Map<string, Place>, name: string): Place {
  let place = places.get(name)
  if (place === undefined) places.set(name, (place = new Map()))
  return place
}

function addTo(place: Place, route: ConnectionRoute): void {
  for (const match of route.matches) {
    for (const name of match.serverNames ?? [ANY_CONNECTION]) {
      const entries = place.get(name)
      if (entries === undefined) place.set(name, [{ route, match }])
      else entries.push({ route, match })
    }
  }
}

function patternsFor(serverName: string | undefined): readonly string[] {
  return serverName === undefined ? [ANY_CONNECTION] : [...namePatterns(serverName), ANY_CONNECTION]
}

function holds(match: ConnectionMatch, facts: ConnectionFacts): boolean {
  const { port, hosts, destinations, sourceLabels, sourceNamespace } = match
  const { source } = facts
  if (port !== undefined && port !== facts.port) return false
  if (hosts !== undefined && (facts.host === undefined || !hosts.some((host) => covers(host, facts.host))))
    return false
  if (destinations !== undefined && !destinations.some((one) => isWithin(facts.address, one))) return false
  if (sourceNamespace !== undefined && sourceNamespace !== source?.namespace) return false
  return Object.entries(sourceLabels ?? {}).every(([name, value]) => source?.labels[name] === value)
}

function covers(pattern: string, host: string | undefined): boolean {
  return (
    pattern === '*' ||
    pattern === host ||
    (pattern.startsWith('*.') && host?.endsWith(pattern.slice(1)) === true)
  )
}

function isWithin(address: string, network: string): boolean {
  if (network === address) return true
  const cidr = network.includes('/') ? parseIpv4Cidr(network) : undefined
  const number = parseIpv4(address)
  return cidr !== undefined && number !== undefined && cidrContains(cidr, number)
}
