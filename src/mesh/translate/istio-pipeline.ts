import type { Collection, Graph } from '../../base/index.ts'
import type { ConnectionRoute, HttpBounds, Listener, RateLimit, Route } from '../../model/index.ts'
import { translateEnvoyFilter } from './istio-api/envoy-filter/envoy-filter.ts'
import { type IstioGatewayState, translateIstioGateway } from './istio-api/gateway.ts'
import { delegatesOf } from './istio-api/delegate.ts'
import { meshClaims, meshShare } from './istio-api/mesh-claim.ts'
import { serviceSeenFrom } from './istio-api/service-entry.ts'
import { translateVirtualService, type VirtualServiceResult } from './istio-api/virtual-service.ts'
import { type Problem, problemsOf } from './problem.ts'
import type { Registry } from './registry-pipeline.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'

/** What Istio's own routing objects give. */
export interface IstioPipeline {
  readonly gateways: Collection<IstioGatewayState>
  readonly listeners: Collection<Listener>
  readonly routes: Collection<Route>
  readonly connectionRoutes: Collection<ConnectionRoute>
  readonly rateLimits: Collection<RateLimit>
  readonly httpBounds: Collection<HttpBounds>
  readonly problems: readonly Collection<Problem>[]
}

export function createIstioPipeline(
  graph: Graph,
  sources: Sources,
  registry: Registry,
  settings: MeshSettings,
): IstioPipeline {
  const gateways: Collection<IstioGatewayState> = graph.derive({
    name: 'istio gateway states',
    input: sources.istioGateways,
    transform: (object) => [translateIstioGateway(object, settings)],
  })
  const results = createVirtualServices(graph, sources, { registry, gateways, settings })
  const filters = graph.derive({
    name: 'envoy filter results',
    input: sources.envoyFilters,
    transform: (object) => [translateEnvoyFilter(object, settings)],
  })
  return {
    gateways,
    rateLimits: graph.derive({
      name: 'rate limits',
      input: filters,
      transform: (result) => result.limits,
    }),
    httpBounds: graph.derive({
      name: 'http bounds',
      input: filters,
      transform: (result) => result.bounds,
    }),
    connectionRoutes: graph.derive({
      name: 'virtual service connection routes',
      input: results,
      transform: (result) => result.connectionRoutes,
    }),
    listeners: graph.derive({
      name: 'istio listeners',
      input: gateways,
      transform: (state) => state.servers.map((server) => server.listener),
    }),
    routes: graph.merge('istio routes', [
      graph.derive({
        name: 'virtual service routes',
        input: results,
        transform: (result) => result.routes,
      }),
      graph.derive({
        name: 'istio gateway redirects',
        input: gateways,
        transform: (state) => state.redirects,
      }),
    ]),
    problems: [
      graph.derive({
        name: 'istio gateway problems',
        input: gateways,
        transform: (state) => problemsOf(state.origin, state.problems),
      }),
      graph.derive({
        name: 'virtual service problems',
        input: results,
        transform: (result) => result.problems,
      }),
      graph.derive({
        name: 'envoy filter problems',
        input: filters,
        transform: (result) => result.problems,
      }),
    ],
  }
}

function createVirtualServices(
  graph: Graph,
  sources: Sources,
  from: {
    readonly registry: Registry
    readonly gateways: Collection<IstioGatewayState>
    readonly settings: MeshSettings
  },
): Collection<VirtualServiceResult> {
  const { registry, gateways, settings } = from
  const claims = graph.derive({
    name: 'mesh claims',
    input: sources.virtualServices,
    transform: (object, read) =>
      meshClaims(object, settings, read.get(registry.exports, 'mesh')?.virtualService),
  })
  const claimsByHost = graph.index(claims, 'claims by host', (claim) => [claim.host])
  const rootsByDelegate = graph.index(sources.virtualServices, 'roots by delegate', delegatesOf)
  return graph.derive({
    name: 'virtual service results',
    input: sources.virtualServices,
    transform: (object, read, key) => [
      translateVirtualService(object, {
        gateway: (name) => read.get(gateways, name),
        meshShare: (host) =>
          meshShare(key, read.lookup(claimsByHost, host), () =>
            read.list(sources.namespaces).map((namespace) => namespace.metadata.name),
          ),
        serviceByHost: (namespace, hostname) =>
          serviceSeenFrom(namespace, read.lookup(registry.servicesByHost, hostname)),
        virtualService: (name) => read.get(sources.virtualServices, name),
        isDelegate: (object.spec.hosts ?? []).length === 0 && read.lookup(rootsByDelegate, key).length > 0,
        exportDefault: read.get(registry.exports, 'mesh')?.virtualService,
        settings,
      }),
    ],
  })
}
