import type { Collection, Graph } from '../../base/index.ts'
import type {
  AuthorizationPolicy,
  ConnectionRoute,
  Credential,
  Listener,
  Mesh,
  HttpBounds,
  PeerAuthentication,
  RateLimit,
  RequestAuthentication,
  Route,
  Service,
  Sidecar,
  Telemetry,
  Workload,
} from '../../model/index.ts'
import { createCredentials, createMaterials } from './credentials/pipeline.ts'
import type { GatewayDeployment } from './gateway-api/gateway-deployment.ts'
import { createGatewayPipeline } from './gateway-pipeline.ts'
import { createIstioPipeline } from './istio-pipeline.ts'
import type { Problem } from './problem.ts'
import { createAuthorizationPipeline } from './authorization-pipeline.ts'
import { createBackendTls } from './backend-tls-pipeline.ts'
import { createRegistry, registryKey } from './registry-pipeline.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'
import { createPeerAuthenticationPipeline } from './peer-authentication-pipeline.ts'
import { createSidecarPipeline } from './sidecar-pipeline.ts'
import type { StatusUpdate } from './status.ts'
import { createTelemetryPipeline } from './telemetry-pipeline.ts'

export interface Translation {
  readonly model: {
    readonly mesh: Collection<Mesh>
    readonly workloads: Collection<Workload>
    readonly services: Collection<Service>
    readonly credentials: Collection<Credential>
    readonly listeners: Collection<Listener>
    readonly routes: Collection<Route>
    readonly connectionRoutes: Collection<ConnectionRoute>
    readonly rateLimits: Collection<RateLimit>
    readonly httpBounds: Collection<HttpBounds>
    readonly telemetry: Collection<Telemetry>
    readonly requestAuthentications: Collection<RequestAuthentication>
    readonly authorizationPolicies: Collection<AuthorizationPolicy>
    readonly peerAuthentications: Collection<PeerAuthentication>
    readonly sidecars: Collection<Sidecar>
  }
  readonly statuses: Collection<StatusUpdate>
  readonly gatewayDeployments: Collection<GatewayDeployment>
  readonly problems: Collection<Problem>
}

/** Hangs the whole translation into the graph: whatever is set on the sources shows in its collections. */
export function createTranslation(graph: Graph, sources: Sources, settings: MeshSettings): Translation {
  const materials = createMaterials(graph, sources)
  const backendTls = createBackendTls(graph, sources, materials)
  const registry = createRegistry(graph, sources, { backendTls, settings })
  const gateway = createGatewayPipeline(graph, sources, { registry, materials, settings })
  const istio = createIstioPipeline(graph, sources, registry, settings)
  const sidecars = createSidecarPipeline(graph, sources, { registry, settings })
  const telemetry = createTelemetryPipeline(graph, sources, { mesh: registry.mesh, settings })
  const peers = createPeerAuthenticationPipeline(graph, sources, settings)
  const authorization = createAuthorizationPipeline(graph, sources, { mesh: registry.mesh, settings })
  return {
    model: {
      mesh: registry.mesh,
      workloads: registry.workloads,
      services: registry.services,
      credentials: createCredentials(graph, sources, {
        materials,
        gateways: gateway.states,
        istioGateways: istio.gateways,
        services: registry.services,
      }),
      listeners: graph.merge('listeners', [gateway.listeners, istio.listeners]),
      routes: graph.merge('routes', [gateway.routes, istio.routes]),
      rateLimits: istio.rateLimits,
      httpBounds: istio.httpBounds,
      connectionRoutes: graph.merge('connection routes', [gateway.connectionRoutes, istio.connectionRoutes]),
      telemetry: telemetry.telemetry,
      requestAuthentications: authorization.requestAuthentications,
      authorizationPolicies: authorization.authorizationPolicies,
      peerAuthentications: peers.peerAuthentications,
      sidecars: sidecars.sidecars,
    },
    statuses: graph.merge('statuses', [
      ...gateway.statuses,
      registry.statuses,
      ...authorization.statuses,
      backendTls.statuses([gateway.routes, gateway.connectionRoutes], (service) => {
        const [namespace = '', name = ''] = service.split('/')
        return registryKey(namespace, name, settings)
      }),
    ]),
    gatewayDeployments: gateway.deployments,
    problems: graph.merge('problems', [
      ...registry.problems,
      ...istio.problems,
      telemetry.problems,
      peers.problems,
      sidecars.problems,
      ...authorization.problems,
    ]),
  }
}
