import type { Graph, Source } from '../../base/index.ts'
import {
  type ConfigMap,
  type Deployment,
  type EndpointSlice,
  type KubeObject,
  type Namespace,
  type Pod,
  type Secret,
  parseApiVersion,
  type Service,
} from '../../kube/index.ts'
import {
  type AuthorizationPolicy,
  type BackendTLSPolicy,
  type DestinationRule,
  type EnvoyFilter,
  type Gateway,
  type GatewayClass,
  type GRPCRoute,
  type HTTPRoute,
  type IstioGateway,
  type IstioTelemetry,
  type KindRef,
  type ListenerSet,
  type PeerAuthentication,
  type ProxyConfig,
  type ReferenceGrant,
  type RequestAuthentication,
  RESOURCE_KINDS,
  type ServiceEntry,
  type Sidecar,
  type TCPRoute,
  type TLSRoute,
  type UDPRoute,
  type VirtualService,
  type WorkloadEntry,
  type XMesh,
} from '../resources/index.ts'
import { objectKey } from './names.ts'
import { narrowConfigMap, narrowSecret } from './narrow.ts'

/** The objects of Kubernetes that the translation is made from, keyed by `objectKey`. */
export interface Sources {
  readonly namespaces: Source<Namespace>
  readonly configMaps: Source<ConfigMap>
  readonly secrets: Source<Secret>
  readonly services: Source<Service>
  readonly deployments: Source<Deployment>
  readonly pods: Source<Pod>
  readonly endpointSlices: Source<EndpointSlice>
  readonly gatewayClasses: Source<GatewayClass>
  readonly meshes: Source<XMesh>
  readonly gateways: Source<Gateway>
  readonly listenerSets: Source<ListenerSet>
  readonly httpRoutes: Source<HTTPRoute>
  readonly grpcRoutes: Source<GRPCRoute>
  readonly tlsRoutes: Source<TLSRoute>
  readonly tcpRoutes: Source<TCPRoute>
  readonly udpRoutes: Source<UDPRoute>
  readonly backendTlsPolicies: Source<BackendTLSPolicy>
  readonly referenceGrants: Source<ReferenceGrant>
  readonly istioGateways: Source<IstioGateway>
  readonly virtualServices: Source<VirtualService>
  readonly destinationRules: Source<DestinationRule>
  readonly serviceEntries: Source<ServiceEntry>
  readonly envoyFilters: Source<EnvoyFilter>
  readonly sidecars: Source<Sidecar>
  readonly proxyConfigs: Source<ProxyConfig>
  readonly workloadEntries: Source<WorkloadEntry>
  readonly telemetries: Source<IstioTelemetry>
  readonly authorizationPolicies: Source<AuthorizationPolicy>
  readonly peerAuthentications: Source<PeerAuthentication>
  readonly requestAuthentications: Source<RequestAuthentication>
}

export interface SourceKind {
  readonly source: keyof Sources
  readonly kind: KindRef
  /** Versions in which older or newer definitions have the same, in order of preference. */
  readonly otherVersions?: readonly string[]
  /** What of an object is kept; undefined: it does not concern the mesh at all. */
  readonly narrow?: (object: KubeObject) => KubeObject | undefined
  /** For the API server: objects that never concern the mesh are not even sent. */
  readonly fieldSelector?: string
}

/** What the control plane watches: one informer for each. */
export const SOURCE_KINDS: readonly SourceKind[] = [
  { source: 'namespaces', kind: RESOURCE_KINDS.namespace },
  { source: 'configMaps', kind: RESOURCE_KINDS.configMap, narrow: narrowConfigMap },
  {
    source: 'secrets',
    kind: RESOURCE_KINDS.secret,
    narrow: narrowSecret,
    fieldSelector: 'type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token',
  },
  { source: 'services', kind: RESOURCE_KINDS.service },
  { source: 'deployments', kind: RESOURCE_KINDS.deployment },
  { source: 'pods', kind: RESOURCE_KINDS.pod },
  { source: 'endpointSlices', kind: RESOURCE_KINDS.endpointSlice },
  { source: 'gatewayClasses', kind: RESOURCE_KINDS.gatewayClass },
  { source: 'meshes', kind: RESOURCE_KINDS.xMesh },
  { source: 'gateways', kind: RESOURCE_KINDS.gateway },
  { source: 'listenerSets', kind: RESOURCE_KINDS.listenerSet },
  { source: 'httpRoutes', kind: RESOURCE_KINDS.httpRoute },
  { source: 'grpcRoutes', kind: RESOURCE_KINDS.grpcRoute },
  { source: 'tlsRoutes', kind: RESOURCE_KINDS.tlsRoute, otherVersions: ['v1alpha3', 'v1alpha2'] },
  { source: 'tcpRoutes', kind: RESOURCE_KINDS.tcpRoute, otherVersions: ['v1alpha2'] },
  { source: 'udpRoutes', kind: RESOURCE_KINDS.udpRoute, otherVersions: ['v1alpha2'] },
  { source: 'backendTlsPolicies', kind: RESOURCE_KINDS.backendTlsPolicy },
  { source: 'referenceGrants', kind: RESOURCE_KINDS.referenceGrant, otherVersions: ['v1'] },
  { source: 'istioGateways', kind: RESOURCE_KINDS.istioGateway },
  { source: 'virtualServices', kind: RESOURCE_KINDS.virtualService },
  { source: 'destinationRules', kind: RESOURCE_KINDS.destinationRule },
  { source: 'serviceEntries', kind: RESOURCE_KINDS.serviceEntry },
  { source: 'envoyFilters', kind: RESOURCE_KINDS.envoyFilter },
  { source: 'sidecars', kind: RESOURCE_KINDS.sidecar },
  { source: 'proxyConfigs', kind: RESOURCE_KINDS.proxyConfig },
  { source: 'workloadEntries', kind: RESOURCE_KINDS.workloadEntry },
  { source: 'telemetries', kind: RESOURCE_KINDS.telemetry },
  { source: 'authorizationPolicies', kind: RESOURCE_KINDS.authorizationPolicy },
  { source: 'peerAuthentications', kind: RESOURCE_KINDS.peerAuthentication },
  { source: 'requestAuthentications', kind: RESOURCE_KINDS.requestAuthentication },
]

export function createSources(graph: Graph): Sources {
  return {
    namespaces: graph.source('namespaces'),
    configMaps: graph.source('configMaps'),
    secrets: graph.source('secrets'),
    services: graph.source('services'),
    deployments: graph.source('deployments'),
    pods: graph.source('pods'),
    endpointSlices: graph.source('endpointSlices'),
    gatewayClasses: graph.source('gatewayClasses'),
    meshes: graph.source('meshes'),
    gateways: graph.source('gateways'),
    listenerSets: graph.source('listenerSets'),
    httpRoutes: graph.source('httpRoutes'),
    grpcRoutes: graph.source('grpcRoutes'),
    tlsRoutes: graph.source('tlsRoutes'),
    tcpRoutes: graph.source('tcpRoutes'),
    udpRoutes: graph.source('udpRoutes'),
    backendTlsPolicies: graph.source('backendTlsPolicies'),
    referenceGrants: graph.source('referenceGrants'),
    istioGateways: graph.source('istioGateways'),
    virtualServices: graph.source('virtualServices'),
    destinationRules: graph.source('destinationRules'),
    serviceEntries: graph.source('serviceEntries'),
    envoyFilters: graph.source('envoyFilters'),
    sidecars: graph.source('sidecars'),
    proxyConfigs: graph.source('proxyConfigs'),
    workloadEntries: graph.source('workloadEntries'),
    telemetries: graph.source('telemetries'),
    authorizationPolicies: graph.source('authorizationPolicies'),
    peerAuthentications: graph.source('peerAuthentications'),
    requestAuthentications: graph.source('requestAuthentications'),
  }
}

/**
 * Puts an object into the source of its kind, whatever version of the kind it is written in.
 * @returns false for a kind that the translation does not read
 */
export function setObject(sources: Sources, object: KubeObject): boolean {
  const entry = entryFor(object)
  if (entry === undefined) return false
  const source = sources[entry.source] as Source<KubeObject>
  const kept = entry.narrow === undefined ? object : entry.narrow(object)
  if (kept === undefined) source.delete(objectKey(object))
  else source.set(objectKey(object), kept)
  return true
}

export function deleteObject(sources: Sources, object: KubeObject): boolean {
  const entry = entryFor(object)
  if (entry === undefined) return false
  const source = sources[entry.source] as Source<KubeObject>
  source.delete(objectKey(object))
  return true
}

function entryFor(object: KubeObject): SourceKind | undefined {
  const { group } = parseApiVersion(object.apiVersion)
  return SOURCE_KINDS.find((entry) => entry.kind.group === group && entry.kind.kind === object.kind)
}
