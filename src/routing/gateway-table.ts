import type { Listener, ListenerName, Route, RouteName } from '../model/index.ts'
import { assert } from '../base/index.ts'
import { type CompiledRoute, type RouteMatchResult, compileRoute } from './compile.ts'
import { createDomainMap } from './domain-map.ts'
import type { Explanation } from './explain.ts'
import { type RouteRequest, hostOf } from './request.ts'
import { type RouteTable, createRouteTable } from './route-table.ts'

/** The listeners of one port of a gateway, and the routes attached to them. */
export interface GatewayTable {
  readonly setListener: (listener: Listener) => void
  readonly deleteListener: (key: ListenerName) => void
  /** Adds or replaces a route; it is kept while none of its listeners is here, and served when one comes. */
  readonly set: (route: Route) => void
  readonly setCompiled: (route: CompiledRoute) => void
  readonly delete: (key: RouteName) => void
  readonly match: (request: RouteRequest) => RouteMatchResult | NoRoute
  /** Whether the listener is one of those that serve the host; undefined: none does. */
  readonly isServedBy: (host: string, listener: ListenerName) => boolean | undefined
  readonly explain: (request: RouteRequest) => GatewayExplanation
  readonly size: () => number
}

/** Both are 404 with the flag NR; the reason is for logs and explanations. */
export interface NoRoute {
  readonly kind: 'no-listener' | 'no-host' | 'no-route'
}

export interface GatewayExplanation extends Explanation {
  /** The listeners that serve the host. */
  readonly listeners: readonly ListenerName[]
}

const NO_LISTENER: NoRoute = { kind: 'no-listener' }
const NO_HOST: NoRoute = { kind: 'no-host' }
const NO_ROUTE: NoRoute = { kind: 'no-route' }

/** The listeners that share one host name and one table. */
interface Group {
  readonly listeners: Map<ListenerName, Listener>
  readonly table: RouteTable
}

/**
 * Isolated listeners (Gateway API): the most specific host name that holds the request's host decides, and only routes
 * attached to listeners of that name are tried. Merged ones (Istio API): their routes are one table behind all their
 * host names.
 */
export function createGatewayTable(listeners: readonly Listener[] = []): GatewayTable {
  const byKey = new Map<ListenerName, Listener>()
  const routes = new Map<RouteName, CompiledRoute>()
  const routesOf = new Map<ListenerName, Set<CompiledRoute>>()
  const merged: Group = { listeners: new Map(), table: createRouteTable() }
  const isolated = createDomainMap<Group>()
  /** For each host name of any listener, the table that serves it. */
  let groups = createDomainMap<Group>()

  function groupsOf(listener: Listener): readonly Group[] {
    if (!listener.isolated) return [merged]
    return listener.hostnames.map((hostname) => {
      let group = isolated.get(hostname)
      if (group === undefined)
        isolated.set(hostname, (group = { listeners: new Map(), table: createRouteTable() }))
      return group
    })
  }

  /** Listeners change seldom and are few, so that their map is made anew. Of one name, the isolated listener goes first. */
  function rebuildGroups(): void {
    groups = createDomainMap()
    for (const listener of byKey.values()) {
      if (listener.isolated) continue
      for (const hostname of listener.hostnames) groups.set(hostname, merged)
    }
    for (const listener of byKey.values()) {
      if (!listener.isolated) continue
      for (const hostname of listener.hostnames) {
        const group = isolated.get(hostname)
        if (group !== undefined) groups.set(hostname, group)
      }
    }
  }

  function setListener(listener: Listener): void {
    removeListener(listener.key)
    byKey.set(listener.key, listener)
    for (const group of groupsOf(listener)) {
      group.listeners.set(listener.key, listener)
      for (const route of routesOf.get(listener.key) ?? []) group.table.setCompiled(route)
    }
    rebuildGroups()
  }

  function removeListener(key: ListenerName): void {
    const listener = byKey.get(key)
    if (listener === undefined) return
    byKey.delete(key)
    for (const group of groupsOf(listener)) {
      group.listeners.delete(key)
      for (const route of routesOf.get(key) ?? []) {
        if (!isAttached(route, group)) group.table.delete(route.key)
      }
    }
    if (listener.isolated) {
      for (const hostname of listener.hostnames) {
        if (isolated.get(hostname)?.listeners.size === 0) isolated.delete(hostname)
      }
    }
  }

  function setCompiled(route: CompiledRoute): void {
    const before = routes.get(route.key)
    routes.set(route.key, route)
    if (before !== undefined) detach(before, route)
    for (const key of listenersOf(route)) {
      let set = routesOf.get(key)
      if (set === undefined) routesOf.set(key, (set = new Set()))
      set.add(route)
      const listener = byKey.get(key)
      if (listener === undefined) continue
      for (const group of groupsOf(listener)) group.table.setCompiled(route)
    }
  }

  /** Takes a route out of its listeners' sets, and out of the tables that its successor will not replace it in. */
  function detach(route: CompiledRoute, successor: CompiledRoute | undefined): void {
    for (const key of listenersOf(route)) {
      const set = routesOf.get(key)
      set?.delete(route)
      if (set?.size === 0) routesOf.delete(key)
      const listener = byKey.get(key)
      if (listener === undefined) continue
      for (const group of groupsOf(listener)) {
        if (successor === undefined || !isAttached(successor, group)) group.table.delete(route.key)
      }
    }
  }

  function match(request: RouteRequest): RouteMatchResult | NoRoute {
    if (byKey.size === 0) return NO_LISTENER
    const host = hostOf(request.authority)
    const group = groups.find(host)
    if (group === undefined) return NO_HOST
    return group.table.match(request, host) ?? NO_ROUTE
  }

  for (const listener of listeners) setListener(listener)
  return {
    setListener,
    deleteListener(key) {
      removeListener(key)
      rebuildGroups()
    },
    set(route) {
      const compiled = compileRoute(route)
      assert(compiled.ok, `route ${route.key} does not compile; compileRoute tells why before it is set`)
      setCompiled(compiled.value)
    },
    setCompiled,
    delete(key) {
      const route = routes.get(key)
      if (route === undefined) return
      routes.delete(key)
      detach(route, undefined)
    },
    match,
    isServedBy: (host, listener) => groups.find(host)?.listeners.has(listener),
    explain(request) {
      const host = hostOf(request.authority)
      const group = groups.find(host)
      if (group === undefined) return { host, passedOver: [], listeners: [] }
      return { ...group.table.explain(request, host), listeners: [...group.listeners.keys()] }
    },
    size: () => routes.size,
  }
}

function listenersOf(route: CompiledRoute): readonly ListenerName[] {
  return route.source.scope.kind === 'gateway' ? route.source.scope.listeners : []
}

function isAttached(route: CompiledRoute, group: Group): boolean {
  return listenersOf(route).some((key) => group.listeners.has(key))
}
