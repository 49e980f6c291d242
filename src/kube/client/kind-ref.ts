/** What a client must know of a kind to form its paths. */
export interface KindRef {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
}

/** `/apis/apps/v1/namespaces/demo/deployments/web/scale`; parts that are absent are left out. */
export function pathOf(
  kind: KindRef,
  target: {
    readonly namespace?: string | undefined
    readonly name?: string
    readonly subresource?: string | undefined
  },
): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  const scope =
    kind.namespaced && target.namespace !== undefined
      ? `/namespaces/${encodeURIComponent(target.namespace)}`
      : ''
  const name = target.name === undefined ? '' : `/${encodeURIComponent(target.name)}`
  const subresource = target.subresource === undefined ? '' : `/${target.subresource}`
  return `${root}${scope}/${kind.plural}${name}${subresource}`
}

function namespaced(group: string, version: string, plural: string, kind: string): KindRef {
  return { group, version, plural, kind, namespaced: true }
}

function cluster(group: string, version: string, plural: string, kind: string): KindRef {
  return { group, version, plural, kind, namespaced: false }
}

const GATEWAY = 'gateway.networking.k8s.io'
const ISTIO_NETWORKING = 'networking.istio.io'
const ISTIO_SECURITY = 'security.istio.io'
const RBAC = 'rbac.authorization.k8s.io'
const ADMISSION = 'admissionregistration.k8s.io'

/** The kinds that the project itself reads or writes. */
export const KINDS = {
  namespace: cluster('', 'v1', 'namespaces', 'Namespace'),
  node: cluster('', 'v1', 'nodes', 'Node'),
  pod: namespaced('', 'v1', 'pods', 'Pod'),
  service: namespaced('', 'v1', 'services', 'Service'),
  endpoints: namespaced('', 'v1', 'endpoints', 'Endpoints'),
  event: namespaced('', 'v1', 'events', 'Event'),
  configMap: namespaced('', 'v1', 'configmaps', 'ConfigMap'),
  secret: namespaced('', 'v1', 'secrets', 'Secret'),
  serviceAccount: namespaced('', 'v1', 'serviceaccounts', 'ServiceAccount'),
  deployment: namespaced('apps', 'v1', 'deployments', 'Deployment'),
  replicaSet: namespaced('apps', 'v1', 'replicasets', 'ReplicaSet'),
  statefulSet: namespaced('apps', 'v1', 'statefulsets', 'StatefulSet'),
  daemonSet: namespaced('apps', 'v1', 'daemonsets', 'DaemonSet'),
  job: namespaced('batch', 'v1', 'jobs', 'Job'),
  cronJob: namespaced('batch', 'v1', 'cronjobs', 'CronJob'),
  horizontalPodAutoscaler: namespaced(
    'autoscaling',
    'v2',
    'horizontalpodautoscalers',
    'HorizontalPodAutoscaler',
  ),
  podDisruptionBudget: namespaced('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  endpointSlice: namespaced('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice'),
  lease: namespaced('coordination.k8s.io', 'v1', 'leases', 'Lease'),
  role: namespaced(RBAC, 'v1', 'roles', 'Role'),
  roleBinding: namespaced(RBAC, 'v1', 'rolebindings', 'RoleBinding'),
  clusterRole: cluster(RBAC, 'v1', 'clusterroles', 'ClusterRole'),
  clusterRoleBinding: cluster(RBAC, 'v1', 'clusterrolebindings', 'ClusterRoleBinding'),
  mutatingWebhookConfiguration: cluster(
    ADMISSION,
    'v1',
    'mutatingwebhookconfigurations',
    'MutatingWebhookConfiguration',
  ),
  validatingWebhookConfiguration: cluster(
    ADMISSION,
    'v1',
    'validatingwebhookconfigurations',
    'ValidatingWebhookConfiguration',
  ),
  customResourceDefinition: cluster(
    'apiextensions.k8s.io',
    'v1',
    'customresourcedefinitions',
    'CustomResourceDefinition',
  ),
  tokenReview: cluster('authentication.k8s.io', 'v1', 'tokenreviews', 'TokenReview'),
  gatewayClass: cluster(GATEWAY, 'v1', 'gatewayclasses', 'GatewayClass'),
  gateway: namespaced(GATEWAY, 'v1', 'gateways', 'Gateway'),
  httpRoute: namespaced(GATEWAY, 'v1', 'httproutes', 'HTTPRoute'),
  grpcRoute: namespaced(GATEWAY, 'v1', 'grpcroutes', 'GRPCRoute'),
  referenceGrant: namespaced(GATEWAY, 'v1beta1', 'referencegrants', 'ReferenceGrant'),
  backendTlsPolicy: namespaced(GATEWAY, 'v1', 'backendtlspolicies', 'BackendTLSPolicy'),
  istioGateway: namespaced(ISTIO_NETWORKING, 'v1', 'gateways', 'Gateway'),
  virtualService: namespaced(ISTIO_NETWORKING, 'v1', 'virtualservices', 'VirtualService'),
  destinationRule: namespaced(ISTIO_NETWORKING, 'v1', 'destinationrules', 'DestinationRule'),
  serviceEntry: namespaced(ISTIO_NETWORKING, 'v1', 'serviceentries', 'ServiceEntry'),
  workloadEntry: namespaced(ISTIO_NETWORKING, 'v1', 'workloadentries', 'WorkloadEntry'),
  sidecar: namespaced(ISTIO_NETWORKING, 'v1', 'sidecars', 'Sidecar'),
  authorizationPolicy: namespaced(ISTIO_SECURITY, 'v1', 'authorizationpolicies', 'AuthorizationPolicy'),
  peerAuthentication: namespaced(ISTIO_SECURITY, 'v1', 'peerauthentications', 'PeerAuthentication'),
  requestAuthentication: namespaced(ISTIO_SECURITY, 'v1', 'requestauthentications', 'RequestAuthentication'),
  telemetry: namespaced('telemetry.istio.io', 'v1', 'telemetries', 'Telemetry'),
} as const satisfies Readonly<Record<string, KindRef>>
