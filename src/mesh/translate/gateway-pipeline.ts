import type { Collection, Graph, Read } from '../../base/index.ts'
import type { Listener, Route } from '../../model/index.ts'
import type { Gateway } from '../resources/index.ts'
import { gatewayClassStatus, isOurClass } from './gateway-api/class.ts'
import { type GatewayDeployment, gatewayDeployment } from './gateway-api/gateway-deployment.ts'
import { gatewayStatus } from './gateway-api/gateway-status.ts'
import { type GatewayState, modelListeners, translateGateway } from './gateway-api/gateway.ts'
import { type Attachment, type HttpRouteResult, translateHttpRoute } from './gateway-api/http-route.ts'
import { serviceSeenFrom } from './istio-api/service-entry.ts'
import { namespaceOf } from './names.ts'
import { type Registry, registryKey } from './registry-pipeline.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'
import type { StatusUpdate } from './status.ts'

/** What the Gateway API's objects give. */
export interface GatewayPipeline {
  readonly listeners: Collection<Listener>
  readonly routes: Collection<Route>
  readonly deployments: Collection<GatewayDeployment>
  readonly statuses: readonly Collection<StatusUpdate>[]
}

export function createGatewayPipeline(
  graph: Graph,
  sources: Sources,
  registry: Registry,
  settings: MeshSettings,
): GatewayPipeline {
  const isOurs = (object: Gateway, read: Read): boolean => {
    const { gatewayClassName } = object.spec
    return isOurClass(gatewayClassName, read.get(sources.gatewayClasses, gatewayClassName))
  }
  const gateways: Collection<GatewayState> = graph.derive({
    name: 'gateway states',
    input: sources.gateways,
    transform: (object, read) => (isOurs(object, read) ? [translateGateway(object, settings)] : []),
  })
  const deployments = graph.derive({
    name: 'gateway deployments',
    input: sources.gateways,
    transform: (object, read) => {
      const deployment = isOurs(object, read) ? gatewayDeployment(object) : undefined
      return deployment === undefined ? [] : [deployment]
    },
  })
  const listeners = graph.derive({
    name: 'gateway listeners',
    input: gateways,
    transform: (state, read) => modelListeners(state, (key) => read.get(sources.services, key)),
  })
  const results = createHttpRoutes(graph, sources, { registry, gateways, settings })
  return {
    listeners,
    routes: graph.derive({ name: 'http routes', input: results, transform: (result) => result.routes }),
    deployments,
    statuses: [
      graph.derive({
        name: 'gateway class statuses',
        input: sources.gatewayClasses,
        transform: (object) => asList(gatewayClassStatus(object)),
      }),
      createGatewayStatuses(graph, sources, { gateways, results, settings }),
      graph.derive({
        name: 'http route statuses',
        input: results,
        transform: (result) => [result.status],
      }),
    ],
  }
}

function createHttpRoutes(
  graph: Graph,
  sources: Sources,
  from: {
    readonly registry: Registry
    readonly gateways: Collection<GatewayState>
    readonly settings: MeshSettings
  },
): Collection<HttpRouteResult> {
  const { registry, gateways, settings } = from
  const grants = graph.index(sources.referenceGrants, 'grants by namespace', (grant) => [namespaceOf(grant)])
  return graph.derive({
    name: 'http route results',
    input: sources.httpRoutes,
    transform: (route, read) => [
      translateHttpRoute(route, {
        gateway: (namespace, name) => read.get(gateways, `${namespace}/${name}`),
        namespaceLabels: (name) => read.get(sources.namespaces, name)?.metadata.labels ?? {},
        service: (namespace, name) =>
          read.get(registry.plainServices, registryKey(namespace, name, settings)),
        serviceByHost: (hostname) =>
          serviceSeenFrom(namespaceOf(route), read.lookup(registry.servicesByHost, hostname)),
        grants: (namespace) => read.lookup(grants, namespace),
        settings,
      }),
    ],
  })
}

/** A Gateway's status counts its routes, and its routes depend on the Gateway: so it is made last. */
function createGatewayStatuses(
  graph: Graph,
  sources: Sources,
  from: {
    readonly gateways: Collection<GatewayState>
    readonly results: Collection<HttpRouteResult>
    readonly settings: MeshSettings
  },
): Collection<StatusUpdate> {
  const attachments: Collection<Attachment> = graph.derive({
    name: 'attachments',
    input: from.results,
    transform: (result) => result.attachments,
  })
  const byGateway = graph.index(attachments, 'attachments by gateway', ({ gateway }) => [gateway])
  return graph.derive({
    name: 'gateway statuses',
    input: from.gateways,
    transform: (state, read) => {
      const attachedRoutes = new Map<string, number>()
      for (const { listener } of read.lookup(byGateway, state.key)) {
        attachedRoutes.set(listener, (attachedRoutes.get(listener) ?? 0) + 1)
      }
      return [
        gatewayStatus(state, {
          service: (key) => read.get(sources.services, key),
          deployment: (key) => read.get(sources.deployments, key),
          attachedRoutes,
          settings: from.settings,
        }),
      ]
    },
  })
}

function asList<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value]
}
