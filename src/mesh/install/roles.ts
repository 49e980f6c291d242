import type {
  ClusterRole,
  ClusterRoleBinding,
  KubeObject,
  PolicyRule,
  Role,
  RoleBinding,
} from '../../kube/index.ts'
import { type Installation, revisioned } from './installation.ts'
import { ownerLabels } from './labels.ts'

const RBAC = 'rbac.authorization.k8s.io'
const READ = ['get', 'list', 'watch']
const WRITE = ['get', 'watch', 'list', 'update', 'patch', 'create', 'delete']

const ISTIO_GROUPS = ['security.istio.io', 'networking.istio.io', 'telemetry.istio.io', 'extensions.istio.io']
const GATEWAY_GROUPS = ['gateway.networking.k8s.io', 'gateway.networking.x-k8s.io']

function rule(groups: readonly string[], resources: readonly string[], verbs: readonly string[]): PolicyRule {
  return { apiGroups: groups, resources, verbs }
}

/** What the control plane does on the API server, and nothing more. */
const ISTIOD_RULES: readonly PolicyRule[] = [
  rule(['admissionregistration.k8s.io'], ['mutatingwebhookconfigurations'], [...READ, 'update', 'patch']),
  rule(['admissionregistration.k8s.io'], ['validatingwebhookconfigurations'], [...READ, 'update']),
  rule(ISTIO_GROUPS, ['*'], READ),
  rule(
    ['networking.istio.io'],
    ['workloadentries', 'workloadentries/status', 'serviceentries/status'],
    WRITE,
  ),
  rule(
    ['security.istio.io'],
    ['authorizationpolicies/status', 'peerauthentications/status', 'requestauthentications/status'],
    ['update', 'patch'],
  ),
  rule(['apiextensions.k8s.io'], ['customresourcedefinitions'], READ),
  rule([''], ['pods', 'nodes', 'services', 'namespaces', 'endpoints'], READ),
  rule(['discovery.k8s.io'], ['endpointslices'], READ),
  rule(['networking.k8s.io'], ['ingresses', 'ingressclasses'], READ),
  rule(['networking.k8s.io'], ['ingresses/status'], ['*']),
  rule([''], ['configmaps'], ['create', 'get', 'list', 'watch', 'update', 'patch']),
  rule(['coordination.k8s.io'], ['leases'], ['create', 'get', 'list', 'watch', 'update', 'patch', 'delete']),
  rule(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  rule(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  rule(GATEWAY_GROUPS, ['*'], [...READ, 'update', 'patch']),
  rule(['gateway.networking.k8s.io'], ['gatewayclasses'], ['create', 'update', 'patch', 'delete']),
  rule([''], ['secrets'], READ),
]

const GATEWAY_CONTROLLER_RULES: readonly PolicyRule[] = [
  rule(['apps'], ['deployments'], WRITE),
  rule(['autoscaling'], ['horizontalpodautoscalers'], WRITE),
  rule(['policy'], ['poddisruptionbudgets'], WRITE),
  rule([''], ['services', 'serviceaccounts'], WRITE),
]

const READER_RULES: readonly PolicyRule[] = [
  rule([...ISTIO_GROUPS, RBAC], ['*'], READ),
  rule(
    [''],
    ['endpoints', 'pods', 'services', 'nodes', 'replicationcontrollers', 'namespaces', 'secrets'],
    READ,
  ),
  rule(['discovery.k8s.io'], ['endpointslices'], READ),
  rule(['apps'], ['replicasets'], READ),
  rule(['authentication.k8s.io'], ['tokenreviews'], ['create']),
]

const ISTIOD_NAMESPACE_RULES: readonly PolicyRule[] = [
  rule(['networking.istio.io'], ['gateways'], ['create']),
  rule([''], ['secrets'], ['create', 'get', 'watch', 'list', 'update', 'delete']),
  rule([''], ['configmaps'], ['delete']),
  rule(['coordination.k8s.io'], ['leases'], ['get', 'update', 'patch', 'create']),
]

export function roleObjects(installation: Installation): readonly KubeObject[] {
  const { namespace } = installation
  const istiod = revisioned('istiod', installation)
  const clusterRoleName = `${revisioned('istiod-clusterrole', installation)}-${namespace}`
  const controllerName = `${revisioned('istiod-gateway-controller', installation)}-${namespace}`
  return [
    ...clusterRole(installation, clusterRoleName, ISTIOD_RULES, istiod),
    ...clusterRole(installation, controllerName, GATEWAY_CONTROLLER_RULES, istiod),
    ...namespaceRole(installation, istiod, ISTIOD_NAMESPACE_RULES, istiod),
  ]
}

/** For tools that read the mesh, such as another cluster's control plane. */
export function readerObjects(installation: Installation): readonly KubeObject[] {
  const { namespace } = installation
  const account = 'istio-reader-service-account'
  return [
    serviceAccount(installation, account),
    ...clusterRole(installation, `istio-reader-clusterrole-${namespace}`, READER_RULES, account),
  ]
}

export function serviceAccount(installation: Installation, name: string): KubeObject {
  const metadata = { name, namespace: installation.namespace, labels: ownerLabels(installation, 'pilot') }
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata }
}

function clusterRole(
  installation: Installation,
  name: string,
  rules: readonly PolicyRule[],
  account: string,
): readonly [ClusterRole, ClusterRoleBinding] {
  const metadata = { name, labels: { app: 'istiod', ...ownerLabels(installation, 'pilot') } }
  const apiVersion = `${RBAC}/v1` as const
  return [
    { apiVersion, kind: 'ClusterRole', metadata, rules },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: installation.namespace }],
    },
  ]
}

export function namespaceRole(
  installation: Installation,
  name: string,
  rules: readonly PolicyRule[],
  account: string,
): readonly [Role, RoleBinding] {
  const { namespace } = installation
  const metadata = { name, namespace, labels: { app: 'istiod', ...ownerLabels(installation, 'pilot') } }
  const apiVersion = `${RBAC}/v1` as const
  return [
    { apiVersion, kind: 'Role', metadata, rules },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    },
  ]
}
