import type { Graph, Source } from '../../base/index.ts'
import {
  type ConfigMap,
  type Deployment,
  type EndpointSlice,
  type KubeObject,
  type Namespace,
  type Pod,
  parseApiVersion,
  type Service,
} from '../../kube/index.ts'
import {
  type DestinationRule,
  type Gateway,
  type GatewayClass,
  type GRPCRoute,
  type HTTPRoute,
  type IstioGateway,
  type KindRef,
  type ReferenceGrant,
  RESOURCE_KINDS,
  type ServiceEntry,
  type Sidecar,
  type VirtualService,
  type WorkloadEntry,
} from '../resources/index.ts'
import { objectKey } from './names.ts'

/** The objects of Kubernetes that the translation is made from, keyed by `objectKey`. */
export interface Sources {
  readonly namespaces: Source<Namespace>
  readonly configMaps: Source<ConfigMap>
  readonly services: Source<Service>
  readonly deployments: Source<Deployment>
  readonly pods: Source<Pod>
  readonly endpointSlices: Source<EndpointSlice>
  readonly gatewayClasses: Source<GatewayClass>
  readonly gateways: Source<Gateway>
  readonly httpRoutes: Source<HTTPRoute>
  readonly grpcRoutes: Source<GRPCRoute>
  readonly referenceGrants: Source<ReferenceGrant>
  readonly istioGateways: Source<IstioGateway>
  readonly virtualServices: Source<VirtualService>
  readonly destinationRules: Source<DestinationRule>
  readonly serviceEntries: Source<ServiceEntry>
  readonly sidecars: Source<Sidecar>
  readonly workloadEntries: Source<WorkloadEntry>
}

export interface SourceKind {
  readonly source: keyof Sources
  readonly kind: KindRef
  /** Only objects of the root namespace are read. */
  readonly rootNamespaceOnly?: boolean
}

/** What the control plane watches: one informer for each. */
export const SOURCE_KINDS: readonly SourceKind[] = [
  { source: 'namespaces', kind: RESOURCE_KINDS.namespace },
  { source: 'configMaps', kind: RESOURCE_KINDS.configMap, rootNamespaceOnly: true },
  { source: 'services', kind: RESOURCE_KINDS.service },
  { source: 'deployments', kind: RESOURCE_KINDS.deployment },
  { source: 'pods', kind: RESOURCE_KINDS.pod },
  { source: 'endpointSlices', kind: RESOURCE_KINDS.endpointSlice },
  { source: 'gatewayClasses', kind: RESOURCE_KINDS.gatewayClass },
  { source: 'gateways', kind: RESOURCE_KINDS.gateway },
  { source: 'httpRoutes', kind: RESOURCE_KINDS.httpRoute },
  { source: 'grpcRoutes', kind: RESOURCE_KINDS.grpcRoute },
  { source: 'referenceGrants', kind: RESOURCE_KINDS.referenceGrant },
  { source: 'istioGateways', kind: RESOURCE_KINDS.istioGateway },
  { source: 'virtualServices', kind: RESOURCE_KINDS.virtualService },
  { source: 'destinationRules', kind: RESOURCE_KINDS.destinationRule },
  { source: 'serviceEntries', kind: RESOURCE_KINDS.serviceEntry },
  { source: 'sidecars', kind: RESOURCE_KINDS.sidecar },
  { source: 'workloadEntries', kind: RESOURCE_KINDS.workloadEntry },
]

export function createSources(graph: Graph): Sources {
  return {
    namespaces: graph.source('namespaces'),
    configMaps: graph.source('configMaps'),
    services: graph.source('services'),
    deployments: graph.source('deployments'),
    pods: graph.source('pods'),
    endpointSlices: graph.source('endpointSlices'),
    gatewayClasses: graph.source('gatewayClasses'),
    gateways: graph.source('gateways'),
    httpRoutes: graph.source('httpRoutes'),
    grpcRoutes: graph.source('grpcRoutes'),
    referenceGrants: graph.source('referenceGrants'),
    istioGateways: graph.source('istioGateways'),
    virtualServices: graph.source('virtualServices'),
    destinationRules: graph.source('destinationRules'),
    serviceEntries: graph.source('serviceEntries'),
    sidecars: graph.source('sidecars'),
    workloadEntries: graph.source('workloadEntries'),
  }
}

/**
 * Puts an object into the source of its kind, whatever version of the kind it is written in.
 * @returns false for a kind that the translation does not read
 */
export function setObject(sources: Sources, object: KubeObject): boolean {
  const source = sourceFor(sources, object)
  source?.set(objectKey(object), object)
  return source !== undefined
}

export function deleteObject(sources: Sources, object: KubeObject): boolean {
  const source = sourceFor(sources, object)
  source?.delete(objectKey(object))
  return source !== undefined
}

function sourceFor(sources: Sources, object: KubeObject): Source<KubeObject> | undefined {
  const { group } = parseApiVersion(object.apiVersion)
  const found = SOURCE_KINDS.find((entry) => entry.kind.group === group && entry.kind.kind === object.kind)
  return found === undefined ? undefined : (sources[found.source] as Source<KubeObject>)
}
