import { assert } from '../base/index.ts'
import type { Route, RouteName, Service, ServiceName } from '../model/index.ts'
import { type CompiledRoute, type RouteMatchResult, compileRoute } from './compile.ts'
import type { Explanation } from './explain.ts'
import type { NoRoute } from './gateway-table.ts'
import { type RouteRequest, hostOf } from './request.ts'
import { type RouteTable, createRouteTable } from './route-table.ts'

/**
 * The routes of the mesh as clients of one namespace see them. Those attached to a service (Gateway API) hold for what
 * dials the service's address, whatever Host it names; the others (VirtualService) go by the Host, as Istio's do.
 */
export interface MeshTable {
  /** Adds or replaces a route. @throws AssertionError when it does not compile: check it with `compileRoute` before */
  readonly set: (route: Route) => void
  readonly setCompiled: (route: CompiledRoute) => void
  readonly delete: (key: RouteName) => void
  /** By the routes attached to the service; undefined: none speaks of the request's port. */
  readonly ofService: (request: RouteRequest, service: Service) => MeshDecision | undefined
  /** Whether any route goes by the Host: without one nobody need find out whom it names. */
  readonly looksAtHosts: () => boolean
  /** By the routes for the request's host; undefined: there are none. @param named the service of that name */
  readonly ofHost: (request: RouteRequest, named: Service | undefined) => MeshDecision | undefined
  readonly explain: (request: RouteRequest, at: MeshPlace) => MeshExplanation | undefined
  readonly size: () => number
}

/** A request that none of the routes takes is 404: routes replace what would hold without them. */
export type MeshDecision = RouteMatchResult | NoRoute

export interface MeshExplanation extends Explanation {
  readonly result: MeshDecision
}

/** What a request meant, in the mesh's words. */
export interface MeshPlace {
  /** Whose address was dialled. */
  readonly dialled: Service | undefined
  /** Whom the Host names. */
  readonly named: Service | undefined
}

/** The one port on which rules for a host that is no service hold (Istio: its outbound listener of port 80). */
const PLAIN_HTTP_PORT = 80

const NO_ROUTE: NoRoute = { kind: 'no-route' }

export function createMeshTable(clientNamespace: string): MeshTable {
  const routes = new Map<RouteName, CompiledRoute>()
  const hosts = createRouteTable()
  const frontends = new Map<ServiceName, Frontend>()

  function add(route: CompiledRoute): void {
    routes.set(route.key, route)
    const { scope } = route.source
    if (scope.kind !== 'mesh' || scope.service === undefined) {
      hosts.setCompiled(route)
      return
    }
    const { service, clientNamespaces } = scope
    if (clientNamespaces?.includes(clientNamespace) === false) return
    let frontend = frontends.get(service)
    if (frontend === undefined) frontends.set(service, (frontend = createFrontend()))
    frontend[clientNamespaces === undefined ? 'producer' : 'consumer'].add(route)
  }

  function remove(key: RouteName): void {
    const route = routes.get(key)
    if (route === undefined) return
    routes.delete(key)
    hosts.delete(key)
    const { scope } = route.source
    if (scope.kind !== 'mesh' || scope.service === undefined) return
    const frontend = frontends.get(scope.service)
    if (frontend === undefined) return
    frontend.producer.remove(route)
    frontend.consumer.remove(route)
    if (frontend.producer.size() + frontend.consumer.size() === 0) frontends.delete(scope.service)
  }

  function setCompiled(route: CompiledRoute): void {
    remove(route.key)
    add(route)
  }

  /** GEP-1294: a namespace with routes of its own for a service does without those of the service's namespace. */
  function attached(request: RouteRequest, service: Service): RouteTable | undefined {
    const frontend = frontends.get(service.key)
    if (frontend === undefined) return undefined
    return frontend.consumer.at(request.port) ?? frontend.producer.at(request.port)
  }

  function domainOf(request: RouteRequest, named: Service | undefined): string | undefined {
    const isServed = named?.ports.some((port) => port.port === request.port) === true
    const domain = isServed ? named.hostname : hostOf(request.authority)
    return (isServed || request.port === PLAIN_HTTP_PORT) && hosts.hasHost(domain) ? domain : undefined
  }

  return {
    set(route) {
      const compiled = compileRoute(route)
      assert(compiled.ok, `route ${route.key} does not compile; compileRoute tells why before it is set`)
      setCompiled(compiled.value)
    },
    setCompiled,
    delete: remove,
    ofService(request, service) {
      const table = attached(request, service)
      return table === undefined ? undefined : (table.match(request, service.hostname) ?? NO_ROUTE)
    },
    looksAtHosts: () => hosts.size() > 0,
    ofHost(request, named) {
      const domain = domainOf(request, named)
      return domain === undefined ? undefined : (hosts.match(request, domain) ?? NO_ROUTE)
    },
    explain(request, { dialled, named }) {
      const table = dialled && attached(request, dialled)
      const domain = table === undefined ? domainOf(request, named) : dialled?.hostname
      if (domain === undefined) return undefined
      const used = table ?? hosts
      return { ...used.explain(request, domain), result: used.match(request, domain) ?? NO_ROUTE }
    },
    size: () => routes.size,
  }
}

/** The routes attached to one service (GEP-1324: its frontend), as far as they are for the table's clients. */
interface Frontend {
  /** Of the service's namespace, for all clients. */
  readonly producer: Attached
  /** Of the clients' namespace. */
  readonly consumer: Attached
}

interface Attached {
  readonly add: (route: CompiledRoute) => void
  readonly remove: (route: CompiledRoute) => void
  /** Undefined: no route speaks of the port. */
  readonly at: (port: number) => RouteTable | undefined
  readonly size: () => number
}

function createFrontend(): Frontend {
  return { producer: createAttached(), consumer: createAttached() }
}

const EVERY_PORT = 0

/** Routes that are merged into one table, and the ports that they speak of. */
function createAttached(): Attached {
  const table = createRouteTable()
  const speakers = new Map<number, number>()

  function count(route: CompiledRoute, change: 1 | -1): void {
    for (const { source } of route.matches) {
      const port = source.port ?? EVERY_PORT
      const next = (speakers.get(port) ?? 0) + change
      if (next === 0) speakers.delete(port)
      else speakers.set(port, next)
    }
  }

  return {
    add(route) {
      table.setCompiled(route)
      count(route, 1)
    },
    remove(route) {
      if (table.get(route.key) === undefined) return
      table.delete(route.key)
      count(route, -1)
    },
    at: (port) => (speakers.has(EVERY_PORT) || speakers.has(port) ? table : undefined),
    size: table.size,
  }
}
