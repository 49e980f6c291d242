import type { Collection, Graph, Read } from '../../base/index.ts'
import type { ConnectionRoute, Destination, Route, Service } from '../../model/index.ts'
import type { Material } from './credentials/material.ts'
import {
  backendTlsOf,
  type BackendTlsState,
  backendTlsStatus,
  translateBackendTls,
} from './gateway-api/backend-tls.ts'
import type { Sources } from './sources.ts'
import type { StatusUpdate } from './status.ts'

/** What BackendTLSPolicies give: terms for services, and what their authors are told. */
export interface BackendTls {
  /** The member that a service's policies add to it. */
  readonly ofService: (service: Service, read: Read) => Pick<Service, 'tls'>
  /** @param keyOf the registry's key of a Service of Kubernetes, `<namespace>/<name>` */
  readonly statuses: (
    routes: readonly Collection<Route | ConnectionRoute>[],
    keyOf: (service: string) => string,
  ) => Collection<StatusUpdate>
}

export function createBackendTls(
  graph: Graph,
  sources: Sources,
  materials: Collection<Material>,
): BackendTls {
  const states: Collection<BackendTlsState> = graph.derive({
    name: 'backend tls states',
    input: sources.backendTlsPolicies,
    transform: (policy, read) => [translateBackendTls(policy, (key) => read.get(materials, key))],
  })
  const byService = graph.index(states, 'backend tls by service', ({ targets }) => [
    ...new Set(targets.map(({ service }) => service)),
  ])
  return {
    ofService({ origin }, read) {
      if (origin.kind !== 'Service') return {}
      const candidates = read.lookup(byService, `${origin.namespace}/${origin.name}`)
      if (candidates.length === 0) return {}
      const object = read.get(sources.services, `${origin.namespace}/${origin.name}`)
      const tls = object && backendTlsOf(object, candidates)
      return tls === undefined ? {} : { tls }
    },
    statuses(routes, keyOf) {
      const byTarget = routes.map((input) => graph.index(input, `${input.name} by service`, servicesOf))
      return graph.derive({
        name: 'backend tls statuses',
        input: states,
        transform: (state, read) => {
          const services = [...new Set(state.targets.map(({ service }) => service))]
          const used = byTarget.flatMap((index) =>
            services.flatMap((service) => read.lookup(index, keyOf(service))),
          )
          const gateways = [...new Set(used.flatMap(gatewaysOf))].sort()
          const rivals = services.flatMap((service) => read.lookup(byService, service))
          return [backendTlsStatus(state, gateways, rivals)]
        },
      })
    },
  }
}

/** `<namespace>/<name>` of the Gateways whose listeners have the route. */
function gatewaysOf({ scope }: Route | ConnectionRoute): readonly string[] {
  if (scope.kind !== 'gateway') return []
  // `Gateway/<namespace>/<name>/<listener>`
  return scope.listeners.map((listener) => listener.split('/').slice(1, 3).join('/'))
}

function servicesOf(route: Route | ConnectionRoute): readonly string[] {
  const services = targetsOf(route).flatMap((target) => (target.kind === 'service' ? [target.service] : []))
  return [...new Set(services)]
}

function targetsOf(route: Route | ConnectionRoute): readonly Destination[] {
  if (route.type === 'connection-route') return route.destinations.map(({ target }) => target)
  const mirrors = route.filters.flatMap((filter) => (filter.kind === 'mirror' ? [filter.target] : []))
  const { action } = route
  return [...mirrors, ...(action.kind === 'forward' ? action.destinations.map(({ target }) => target) : [])]
}
