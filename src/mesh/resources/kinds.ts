/** How a kind is addressed on the Kubernetes API; the same shape as the API client's. */
export interface KindRef {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
}

export const GATEWAY_GROUP = 'gateway.networking.k8s.io'
/** Kinds of the Gateway API that are still an experiment. */
export const GATEWAY_EXPERIMENTAL_GROUP = 'gateway.networking.x-k8s.io'
export const ISTIO_NETWORKING_GROUP = 'networking.istio.io'
export const ISTIO_SECURITY_GROUP = 'security.istio.io'
export const ISTIO_TELEMETRY_GROUP = 'telemetry.istio.io'
export const ISTIO_EXTENSIONS_GROUP = 'extensions.istio.io'

function kind(group: string, version: string, kindName: string, plural: string, namespaced = true): KindRef {
  return { group, version, plural, kind: kindName, namespaced }
}

/** Every kind that the control plane reads or writes. */
export const RESOURCE_KINDS = {
  pod: kind('', 'v1', 'Pod', 'pods'),
  service: kind('', 'v1', 'Service', 'services'),
  namespace: kind('', 'v1', 'Namespace', 'namespaces', false),
  secret: kind('', 'v1', 'Secret', 'secrets'),
  configMap: kind('', 'v1', 'ConfigMap', 'configmaps'),
  deployment: kind('apps', 'v1', 'Deployment', 'deployments'),
  endpointSlice: kind('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices'),
  gatewayClass: kind(GATEWAY_GROUP, 'v1', 'GatewayClass', 'gatewayclasses', false),
  xMesh: kind(GATEWAY_EXPERIMENTAL_GROUP, 'v1alpha1', 'XMesh', 'xmeshes', false),
  gateway: kind(GATEWAY_GROUP, 'v1', 'Gateway', 'gateways'),
  listenerSet: kind(GATEWAY_GROUP, 'v1', 'ListenerSet', 'listenersets'),
  httpRoute: kind(GATEWAY_GROUP, 'v1', 'HTTPRoute', 'httproutes'),
  grpcRoute: kind(GATEWAY_GROUP, 'v1', 'GRPCRoute', 'grpcroutes'),
  tlsRoute: kind(GATEWAY_GROUP, 'v1', 'TLSRoute', 'tlsroutes'),
  tcpRoute: kind(GATEWAY_GROUP, 'v1', 'TCPRoute', 'tcproutes'),
  udpRoute: kind(GATEWAY_GROUP, 'v1', 'UDPRoute', 'udproutes'),
  backendTlsPolicy: kind(GATEWAY_GROUP, 'v1', 'BackendTLSPolicy', 'backendtlspolicies'),
  referenceGrant: kind(GATEWAY_GROUP, 'v1beta1', 'ReferenceGrant', 'referencegrants'),
  istioGateway: kind(ISTIO_NETWORKING_GROUP, 'v1', 'Gateway', 'gateways'),
  virtualService: kind(ISTIO_NETWORKING_GROUP, 'v1', 'VirtualService', 'virtualservices'),
  destinationRule: kind(ISTIO_NETWORKING_GROUP, 'v1', 'DestinationRule', 'destinationrules'),
  serviceEntry: kind(ISTIO_NETWORKING_GROUP, 'v1', 'ServiceEntry', 'serviceentries'),
  envoyFilter: kind(ISTIO_NETWORKING_GROUP, 'v1alpha3', 'EnvoyFilter', 'envoyfilters'),
  proxyConfig: kind(ISTIO_NETWORKING_GROUP, 'v1beta1', 'ProxyConfig', 'proxyconfigs'),
  sidecar: kind(ISTIO_NETWORKING_GROUP, 'v1', 'Sidecar', 'sidecars'),
  workloadEntry: kind(ISTIO_NETWORKING_GROUP, 'v1', 'WorkloadEntry', 'workloadentries'),
  telemetry: kind(ISTIO_TELEMETRY_GROUP, 'v1', 'Telemetry', 'telemetries'),
  authorizationPolicy: kind(ISTIO_SECURITY_GROUP, 'v1', 'AuthorizationPolicy', 'authorizationpolicies'),
  peerAuthentication: kind(ISTIO_SECURITY_GROUP, 'v1', 'PeerAuthentication', 'peerauthentications'),
  requestAuthentication: kind(ISTIO_SECURITY_GROUP, 'v1', 'RequestAuthentication', 'requestauthentications'),
  workloadGroup: kind(ISTIO_NETWORKING_GROUP, 'v1', 'WorkloadGroup', 'workloadgroups'),
} as const satisfies Readonly<Record<string, KindRef>>
