import { assert } from '../base/index.ts'
import type { Route, RouteName } from '../model/index.ts'
import { type CompiledRoute, type RouteMatchResult, compileRoute } from './compile.ts'
import { type Subject, subjectOf } from './condition.ts'
import { createDomainMap } from './domain-map.ts'
import { type Explanation, explainMatches } from './explain.ts'
import {
  bestInIndex,
  createPathIndex,
  insertIntoIndex,
  type PathIndex,
  removeFromIndex,
} from './path-index.ts'
import { type RouteRequest, hostOf, pathOnly, queryOf } from './request.ts'

/**
 * The routes of one scope (the listeners of a gateway port, or the mesh), ready to decide. A change of one route touches
 * what that route is in, nothing else, whatever the number of the others.
 */
export interface RouteTable {
  /** Adds or replaces a route. @throws AssertionError when it does not compile: check it with `compileRoute` before */
  readonly set: (route: Route) => void
  /** The same for a route that is compiled already, so that several tables share it. */
  readonly setCompiled: (route: CompiledRoute) => void
  readonly delete: (key: RouteName) => void
  readonly get: (key: RouteName) => CompiledRoute | undefined
  /**
   * The match that serves a request: among the routes of the most specific domain that holds the host, the one with the
   * smallest order key whose conditions all hold.
   * @param domain the host to look under instead of the request's own, where the caller has resolved it to a service's
   */
  readonly match: (request: RouteRequest, domain?: string) => RouteMatchResult | undefined
  /** The same decision, with its reasons; linear in the number of routes of the domain. */
  readonly explain: (request: RouteRequest, domain?: string) => Explanation
  /** Whether any domain holds the host: tells "no such host" from "no route". */
  readonly hasHost: (host: string) => boolean
  readonly size: () => number
}

interface VirtualHost {
  readonly domain: string
  /** One, as most hosts have, is kept without a set. */
  routes: CompiledRoute | Set<CompiledRoute> | undefined
  readonly index: PathIndex
}

export function createRouteTable(): RouteTable {
  const routes = new Map<RouteName, CompiledRoute>()
  const hosts = createDomainMap<VirtualHost>()
  // Filled for each request and never read after it: match() is synchronous, so one will do.
  let scratch: Subject | undefined

  function add(route: CompiledRoute): void {
    routes.set(route.key, route)
    for (const domain of new Set(route.source.domains)) {
      let host = hosts.get(domain)
      if (host === undefined)
        hosts.set(domain, (host = { domain, routes: undefined, index: createPathIndex() }))
      if (host.routes === undefined) host.routes = route
      else if (host.routes instanceof Set) host.routes.add(route)
      else host.routes = new Set([host.routes, route])
      for (const match of route.matches) insertIntoIndex(host.index, match)
    }
  }

  function remove(key: RouteName): void {
    const route = routes.get(key)
    if (route === undefined) return
    routes.delete(key)
    for (const domain of new Set(route.source.domains)) {
      const host = hosts.get(domain)
      if (host === undefined) continue
      for (const match of route.matches) removeFromIndex(host.index, match)
      if (host.routes instanceof Set) host.routes.delete(route)
      if (host.routes === route || routesOf(host).length === 0) hosts.delete(domain)
    }
  }

  function setCompiled(route: CompiledRoute): void {
    remove(route.key)
    add(route)
  }

  return {
    set(route) {
      const compiled = compileRoute(route)
      assert(compiled.ok, `route ${route.key} does not compile; compileRoute tells why before it is set`)
      setCompiled(compiled.value)
    },
    setCompiled,
    delete: remove,
    get: (key) => routes.get(key),
    match(request, domain) {
      const host = hosts.find(domain ?? hostOf(request.authority))
      if (host === undefined) return undefined
      if (scratch === undefined) scratch = subjectOf(request)
      else refill(scratch, request)
      return bestInIndex(host.index, scratch)?.result
    },
    explain(request, domain) {
      const name = domain ?? hostOf(request.authority)
      const host = hosts.find(name)
      return explainMatches(name, host?.domain, host === undefined ? [] : routesOf(host), subjectOf(request))
    },
    hasHost: (host) => hosts.find(host) !== undefined,
    size: () => routes.size,
  }
}

function routesOf({ routes }: VirtualHost): readonly CompiledRoute[] {
  if (routes === undefined) return []
  return routes instanceof Set ? [...routes] : [routes]
}

function refill(subject: Subject, request: RouteRequest): void {
  subject.request = request
  subject.path = pathOnly(request.path)
  subject.query = queryOf(request.path)
  subject.connects = request.method === 'CONNECT'
}
