import type { ClusterRole, ClusterRoleBinding, KubeObject, PolicyRule, Role } from '../../../kube/index.ts'
import { EVERYTHING } from './rbac-rules.ts'

/** The roles and bindings that every Kubernetes cluster has; those of components that are not here are left out. */

const RBAC = 'rbac.authorization.k8s.io'
const API_VERSION = `${RBAC}/v1` as const
const READ = ['get', 'list', 'watch']
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update']
const READ_WRITE = [...READ, ...WRITE]

function rule(group: string, resources: readonly string[], verbs: readonly string[]): PolicyRule {
  return { apiGroups: [group], resources, verbs }
}

function paths(...nonResourceURLs: readonly string[]): PolicyRule {
  return { nonResourceURLs, verbs: ['get'] }
}

function withSubresource(plurals: readonly string[], subresource: string): readonly string[] {
  return plurals.map((plural) => `${plural}/${subresource}`)
}

const SCALED_APPS = ['deployments', 'replicasets', 'statefulsets']
const POD_STREAMS = ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy']

/** What one may look at in a namespace: everything but secrets and roles, which would lead to more. */
const VIEW_RULES: readonly PolicyRule[] = [
  rule(
    '',
    [
      'configmaps',
      'endpoints',
      'persistentvolumeclaims',
      'persistentvolumeclaims/status',
      'pods',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'serviceaccounts',
      'services',
      'services/status',
    ],
    READ,
  ),
  rule(
    '',
    [
      'bindings',
      'events',
      'limitranges',
      'namespaces/status',
      'pods/log',
      'pods/status',
      'replicationcontrollers/status',
      'resourcequotas',
      'resourcequotas/status',
    ],
    READ,
  ),
  rule('', ['namespaces'], READ),
  rule('discovery.k8s.io', ['endpointslices'], READ),
  rule(
    'apps',
    [
      'controllerrevisions',
      'daemonsets',
      'daemonsets/status',
      ...SCALED_APPS,
      ...withSubresource(SCALED_APPS, 'scale'),
      ...withSubresource(SCALED_APPS, 'status'),
    ],
    READ,
  ),
  rule('autoscaling', ['horizontalpodautoscalers', 'horizontalpodautoscalers/status'], READ),
  rule('batch', ['cronjobs', 'cronjobs/status', 'jobs', 'jobs/status'], READ),
  rule('policy', ['poddisruptionbudgets', 'poddisruptionbudgets/status'], READ),
  rule('networking.k8s.io', ['ingresses', 'ingresses/status', 'networkpolicies'], READ),
  rule('metrics.k8s.io', ['pods', 'nodes'], READ),
]

const EDIT_RULES: readonly PolicyRule[] = [
  rule('', [...POD_STREAMS, 'secrets', 'services/proxy'], READ),
  rule('', ['serviceaccounts'], ['impersonate']),
  rule('', ['pods', ...POD_STREAMS], WRITE),
  rule('', ['pods/eviction'], ['create']),
  rule(
    '',
    [
      'configmaps',
      'events',
      'persistentvolumeclaims',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'secrets',
      'serviceaccounts',
      'services',
      'services/proxy',
    ],
    WRITE,
  ),
  rule('', ['serviceaccounts/token'], ['create']),
  rule(
    'apps',
    ['daemonsets', 'deployments/rollback', ...SCALED_APPS, ...withSubresource(SCALED_APPS, 'scale')],
    WRITE,
  ),
  rule('autoscaling', ['horizontalpodautoscalers'], WRITE),
  rule('batch', ['cronjobs', 'jobs'], WRITE),
  rule('policy', ['poddisruptionbudgets'], WRITE),
  rule('networking.k8s.io', ['ingresses', 'networkpolicies'], WRITE),
  rule('coordination.k8s.io', ['leases'], READ_WRITE),
]

const ADMIN_RULES: readonly PolicyRule[] = [
  rule('authorization.k8s.io', ['localsubjectaccessreviews'], ['create']),
  rule(RBAC, ['rolebindings', 'roles'], READ_WRITE),
]

const ASK_ABOUT_OTHERS: readonly PolicyRule[] = [
  rule('authentication.k8s.io', ['tokenreviews'], ['create']),
  rule('authorization.k8s.io', ['subjectaccessreviews'], ['create']),
]

const CLUSTER_ROLES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cluster-admin': EVERYTHING,
  'system:auth-delegator': ASK_ABOUT_OTHERS,
  'system:basic-user': [
    rule('authorization.k8s.io', ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
    rule('authentication.k8s.io', ['selfsubjectreviews'], ['create']),
  ],
  'system:discovery': [
    paths(
      '/api',
      '/api/*',
      '/apis',
      '/apis/*',
      '/healthz',
      '/livez',
      '/openapi',
      '/openapi/*',
      '/readyz',
      '/version',
      '/version/',
    ),
  ],
  'system:monitoring': [
    paths(
      '/healthz',
      '/healthz/*',
      '/livez',
      '/livez/*',
      '/metrics',
      '/metrics/slis',
      '/readyz',
      '/readyz/*',
    ),
  ],
  'system:public-info-viewer': [paths('/healthz', '/livez', '/readyz', '/version', '/version/')],
  'system:service-account-issuer-discovery': [
    paths(
      '/.well-known/openid-configuration',
      '/.well-known/openid-configuration/',
      '/openid/v1/jwks',
      '/openid/v1/jwks/',
    ),
  ],
}

/** Role → the role that its rules are aggregated to. */
const AGGREGATED: readonly { readonly to: string; readonly rules: readonly PolicyRule[] }[] = [
  { to: 'admin', rules: ADMIN_RULES },
  { to: 'edit', rules: EDIT_RULES },
  { to: 'view', rules: VIEW_RULES },
]

const CLUSTER_BINDINGS: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['system:masters'],
  'system:basic-user': ['system:authenticated'],
  'system:discovery': ['system:authenticated'],
  'system:monitoring': ['system:monitoring'],
  'system:public-info-viewer': ['system:authenticated', 'system:unauthenticated'],
  'system:service-account-issuer-discovery': ['system:serviceaccounts'],
}

export interface DefaultObject {
  readonly collection: string
  readonly namespace: string
  readonly object: KubeObject
}

export function defaultRoles(): readonly DefaultObject[] {
  const clusterRoles = [
    ...Object.entries(CLUSTER_ROLES).map(([name, rules]) => clusterRole(name, rules)),
    ...AGGREGATED.map(({ to, rules }) => clusterRole(`system:aggregate-to-${to}`, rules, to)),
    aggregate('admin'),
    // Who may edit may also view, who administers may also edit.
    aggregate('edit', 'admin'),
    aggregate('view', 'edit'),
  ]
  const bindings = Object.entries(CLUSTER_BINDINGS).map(([name, groups]) => clusterBinding(name, groups))
  return [
    ...clusterRoles.map((object) => ({ collection: `${RBAC}/clusterroles`, namespace: '', object })),
    ...bindings.map((object) => ({ collection: `${RBAC}/clusterrolebindings`, namespace: '', object })),
    { collection: `${RBAC}/roles`, namespace: 'kube-system', object: AUTHENTICATION_READER },
  ]
}

const AUTHENTICATION_READER: Role = {
  apiVersion: API_VERSION,
  kind: 'Role',
  metadata: metadata('extension-apiserver-authentication-reader'),
  rules: [{ ...rule('', ['configmaps'], READ), resourceNames: ['extension-apiserver-authentication'] }],
}

function metadata(name: string, aggregatedTo?: string) {
  const label = aggregatedTo === undefined ? {} : { [`${RBAC}/aggregate-to-${aggregatedTo}`]: 'true' }
  return {
    name,
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...label },
  }
}

function clusterRole(name: string, rules: readonly PolicyRule[], aggregatedTo?: string): ClusterRole {
  return { apiVersion: API_VERSION, kind: 'ClusterRole', metadata: metadata(name, aggregatedTo), rules }
}

function aggregate(name: string, aggregatedTo?: string): ClusterRole {
  const matchLabels = { [`${RBAC}/aggregate-to-${name}`]: 'true' }
  return {
    ...clusterRole(name, [], aggregatedTo),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels }] },
  }
}

function clusterBinding(name: string, groups: readonly string[]): ClusterRoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: metadata(name),
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ apiGroup: RBAC, kind: 'Group', name: group })),
  }
}
