import type { Collection, Graph, Read } from '../../base/index.ts'
import type { ConnectionRoute, Listener, ListenerName, Route } from '../../model/index.ts'
import {
  type ConnectionRouteResource,
  type Gateway,
  type KindRef,
  RESOURCE_KINDS,
} from '../resources/index.ts'
import type { Material } from './credentials/material.ts'
import { gatewayClassStatus, isOurClass } from './gateway-api/class.ts'
import { meshStatus } from './gateway-api/mesh.ts'
import { type GatewayDeployment, gatewayDeployment } from './gateway-api/gateway-deployment.ts'
import { gatewayStatus } from './gateway-api/gateway-status.ts'
import { judgeGateway } from './gateway-api/gateway-verdict.ts'
import { allListeners, type GatewayState, modelListeners, translateGateway } from './gateway-api/gateway.ts'
import { parentGateway } from './gateway-api/listener-set.ts'
import { listenerSetStatuses } from './gateway-api/listener-set-status.ts'
import { type ConnectionRouteResult, translateConnectionRoute } from './gateway-api/connection-route.ts'
import { parentServices } from './gateway-api/service-parent.ts'
import type { RouteContext } from './gateway-api/route-context.ts'
import { asHttpRoute } from './gateway-api/grpc-route.ts'
import { type Attachment, type HttpRouteResult, translateHttpRoute } from './gateway-api/http-route.ts'
import { serviceSeenFrom } from './istio-api/service-entry.ts'
import { namespaceOf } from './names.ts'
import { type Registry, registryKey } from './registry-pipeline.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'
import type { StatusUpdate } from './status.ts'

/** What the Gateway API's objects give. */
export interface GatewayPipeline {
  readonly states: Collection<GatewayState>
  readonly listeners: Collection<Listener>
  readonly routes: Collection<Route>
  readonly connectionRoutes: Collection<ConnectionRoute>
  readonly deployments: Collection<GatewayDeployment>
  readonly statuses: readonly Collection<StatusUpdate>[]
}

export function createGatewayPipeline(
  graph: Graph,
  sources: Sources,
  from: {
    readonly registry: Registry
    readonly materials: Collection<Material>
    readonly settings: MeshSettings
  },
): GatewayPipeline {
  const { registry, materials, settings } = from
  const grants = graph.index(sources.referenceGrants, 'grants by namespace', (grant) => [namespaceOf(grant)])
  const isOurs = (object: Gateway, read: Read): boolean => {
    const { gatewayClassName } = object.spec
    return isOurClass(gatewayClassName, read.get(sources.gatewayClasses, gatewayClassName))
  }
  const setsByParent = graph.index(sources.listenerSets, 'listener sets by gateway', (set) =>
    asList(parentGateway(set)),
  )
  const gateways: Collection<GatewayState> = graph.derive({
    name: 'gateway states',
    input: sources.gateways,
    transform: (object, read) =>
      isOurs(object, read)
        ? [
            translateGateway(object, {
              sets: read.lookup(setsByParent, `${namespaceOf(object)}/${object.metadata.name}`),
              namespaceLabels: (name) => read.get(sources.namespaces, name)?.metadata.labels ?? {},
              configMap: (key) => read.get(sources.configMaps, key),
              material: (key) => read.get(materials, key),
              grants: (namespace) => read.lookup(grants, namespace),
              settings,
            }),
          ]
        : [],
  })
  const deployments = graph.derive({
    name: 'gateway deployments',
    input: sources.gateways,
    transform: (object, read) => {
      const state = read.get(gateways, `${namespaceOf(object)}/${object.metadata.name}`)
      return asList(state && gatewayDeployment(object, state))
    },
  })
  const listeners = graph.derive({
    name: 'gateway listeners',
    input: gateways,
    transform: (state, read) => modelListeners(state, (key) => read.get(sources.services, key)),
  })
  const grpcByService = graph.index(sources.grpcRoutes, 'GRPCRoutes by Service', parentServices)
  const contextFor = (namespace: string, read: Read): RouteContext => ({
    gateway: (gatewayNamespace, name) => read.get(gateways, `${gatewayNamespace}/${name}`),
    gatewayOfSet: (setNamespace, name) => {
      const set = read.get(sources.listenerSets, `${setNamespace}/${name}`)
      const parent = set && parentGateway(set)
      return parent === undefined ? undefined : read.get(gateways, parent)
    },
    namespaceLabels: (name) => read.get(sources.namespaces, name)?.metadata.labels ?? {},
    service: (serviceNamespace, name) =>
      read.get(registry.plainServices, registryKey(serviceNamespace, name, settings)),
    grpcRoutesOf: (serviceNamespace, name) => read.lookup(grpcByService, `${serviceNamespace}/${name}`),
    serviceByHost: (hostname) => serviceSeenFrom(namespace, read.lookup(registry.servicesByHost, hostname)),
    grants: (grantNamespace) => read.lookup(grants, grantNamespace),
    settings,
  })
  const results = createHttpRoutes(graph, sources, contextFor)
  const connections = [
    createConnectionRoutes(graph, sources.tlsRoutes, RESOURCE_KINDS.tlsRoute, contextFor),
    createConnectionRoutes(graph, sources.tcpRoutes, RESOURCE_KINDS.tcpRoute, contextFor),
    createConnectionRoutes(graph, sources.udpRoutes, RESOURCE_KINDS.udpRoute, contextFor),
  ]
  const attachments = graph.merge<Attachment>('attachments', [
    graph.derive({ name: 'http attachments', input: results, transform: (result) => result.attachments }),
    ...connections.map((input) =>
      graph.derive({ name: `${input.name} attachments`, input, transform: (result) => result.attachments }),
    ),
  ])
  return {
    states: gateways,
    connectionRoutes: graph.merge(
      'connection routes of gateways',
      connections.map((input) =>
        graph.derive({ name: `${input.name} routes`, input, transform: (result) => result.routes }),
      ),
    ),
    listeners,
    routes: graph.derive({ name: 'http routes', input: results, transform: (result) => result.routes }),
    deployments,
    statuses: [
      graph.derive({
        name: 'gateway class statuses',
        input: sources.gatewayClasses,
        transform: (object) => asList(gatewayClassStatus(object)),
      }),
      graph.derive({
        name: 'mesh statuses',
        input: sources.meshes,
        transform: (object) => asList(meshStatus(object)),
      }),
      createGatewayStatuses(graph, sources, { gateways, attachments, settings }),
      ...connections.map((input) =>
        graph.derive({ name: `${input.name} statuses`, input, transform: (result) => [result.status] }),
      ),
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
  contextFor: (namespace: string, read: Read) => RouteContext,
): Collection<HttpRouteResult> {
  const { httpRoute, grpcRoute } = RESOURCE_KINDS
  return graph.merge('http route results', [
    graph.derive({
      name: 'HTTPRoute results',
      input: sources.httpRoutes,
      transform: (route, read) => [
        translateHttpRoute(route, httpRoute, contextFor(namespaceOf(route), read)),
      ],
    }),
    graph.derive({
      name: 'GRPCRoute results',
      input: sources.grpcRoutes,
      transform: (route, read) => [
        translateHttpRoute(asHttpRoute(route), grpcRoute, contextFor(namespaceOf(route), read)),
      ],
    }),
  ])
}

function createConnectionRoutes(
  graph: Graph,
  input: Collection<ConnectionRouteResource>,
  kind: KindRef,
  contextFor: (namespace: string, read: Read) => RouteContext,
): Collection<ConnectionRouteResult> {
  return graph.derive({
    name: `${kind.kind} results`,
    input,
    transform: (route, read) => [translateConnectionRoute(route, kind, contextFor(namespaceOf(route), read))],
  })
}

/** A Gateway's status and those of its ListenerSets count their routes, and its routes depend on the Gateway: so it is made last. */
function createGatewayStatuses(
  graph: Graph,
  sources: Sources,
  from: {
    readonly gateways: Collection<GatewayState>
    readonly attachments: Collection<Attachment>
    readonly settings: MeshSettings
  },
): Collection<StatusUpdate> {
  const byListener = graph.index(from.attachments, 'attachments by listener', ({ listener }) => [listener])
  return graph.derive({
    name: 'gateway statuses',
    input: from.gateways,
    transform: (state, read) => {
      const attachedRoutes: ReadonlyMap<ListenerName, number> = new Map(
        allListeners(state).map(({ key }) => [key, read.count(byListener, key)]),
      )
      const judged = judgeGateway(state, {
        service: (key) => read.get(sources.services, key),
        deployment: (key) => read.get(sources.deployments, key),
        settings: from.settings,
      })
      return [gatewayStatus(judged, attachedRoutes), ...listenerSetStatuses(judged, attachedRoutes)]
    },
  })
}

function asList<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value]
}
