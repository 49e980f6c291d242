import type { PrinterColumn, ResourceInfo, Verb } from './kind-info.ts'

/** The registry of built-in kinds, as data: discovery, routing and printing read it, nothing else knows a kind by name. */

const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

interface KindOptions {
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly namespaced?: boolean
  readonly subresources?: readonly string[]
  readonly plural?: string
  readonly columns?: readonly PrinterColumn[]
  readonly stored?: boolean
  readonly verbs?: readonly Verb[]
  readonly deprecationWarning?: string
}

/** `Name:type`, with a trailing `+` for a column that only `-o wide` shows. */
function columns(...texts: readonly string[]): readonly PrinterColumn[] {
  return texts.map((text) => {
    const [name = '', type = 'string'] = text.replace(/\+$/, '').split(':')
    const column = { name, type: type as PrinterColumn['type'], priority: text.endsWith('+') ? 1 : 0 }
    return name === 'Name' ? { ...column, format: 'name' } : column
  })
}

const NAME_AND_AGE = columns('Name', 'Age')

function kindsOf(
  group: string,
  version: string,
  kinds: Readonly<Record<string, KindOptions>>,
): readonly ResourceInfo[] {
  return Object.entries(kinds).map(([kind, options]) => ({
    group,
    version,
    kind,
    listKind: `${kind}List`,
    plural: options.plural ?? pluralOf(kind),
    singular: kind.toLowerCase(),
    shortNames: options.shortNames ?? [],
    categories: options.categories ?? [],
    namespaced: options.namespaced ?? true,
    subresources: options.subresources ?? [],
    verbs: options.verbs ?? ((options.stored ?? true) ? ALL_VERBS : ['create']),
    printerColumns: options.columns ?? NAME_AND_AGE,
    stored: options.stored ?? true,
    ...(options.deprecationWarning !== undefined && { deprecationWarning: options.deprecationWarning }),
  }))
}

/** The plural that Kubernetes guesses for a kind. */
export function pluralOf(kind: string): string {
  const lower = kind.toLowerCase()
  if (lower === 'endpoints') return lower
  if (/(?:s|x|ch|sh)$/.test(lower)) return `${lower}es`
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`
}

const ALL = ['all']
const STATUS = ['status']
const ASKS: KindOptions = { namespaced: false, stored: false }

const CORE = kindsOf('', 'v1', {
  Namespace: {
    shortNames: ['ns'],
    namespaced: false,
    subresources: ['status', 'finalize'],
    columns: columns('Name', 'Status', 'Age'),
    // All at once would be the whole cluster.
    verbs: ALL_VERBS.filter((verb) => verb !== 'deletecollection'),
  },
  Pod: {
    shortNames: ['po'],
    categories: ALL,
    subresources: [
      'status',
      'log',
      'exec',
      'attach',
      'portforward',
      'proxy',
      'binding',
      'eviction',
      'ephemeralcontainers',
      'resize',
    ],
    columns: columns(
      'Name',
      'Ready',
      'Status',
      'Restarts',
      'Age',
      'IP+',
      'Node+',
      'Nominated Node+',
      'Readiness Gates+',
    ),
  },
  PodTemplate: { columns: columns('Name', 'Containers', 'Images', 'Pod Labels') },
  Service: {
    shortNames: ['svc'],
    categories: ALL,
    subresources: ['status', 'proxy'],
    columns: columns('Name', 'Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age', 'Selector+'),
  },
  ReplicationController: {
    shortNames: ['rc'],
    categories: ALL,
    subresources: ['status', 'scale'],
    columns: columns(
      'Name',
      'Desired:integer',
      'Current:integer',
      'Ready:integer',
      'Age',
      'Containers+',
      'Images+',
      'Selector+',
    ),
  },
  ConfigMap: { shortNames: ['cm'], columns: columns('Name', 'Data:integer', 'Age') },
  Secret: { columns: columns('Name', 'Type', 'Data:integer', 'Age') },
  ServiceAccount: {
    shortNames: ['sa'],
    subresources: ['token'],
    columns: columns('Name', 'Secrets:integer', 'Age'),
  },
  Node: {
    shortNames: ['no'],
    namespaced: false,
    subresources: ['status', 'proxy'],
    columns: columns(
      'Name',
      'Status',
      'Roles',
      'Age',
      'Version',
      'Internal-IP+',
      'External-IP+',
      'OS-Image+',
      'Kernel-Version+',
      'Container-Runtime+',
    ),
  },
  Event: {
    shortNames: ['ev'],
    columns: columns(
      'Last Seen',
      'Type',
      'Reason',
      'Object',
      'Subobject+',
      'Source+',
      'Message',
      'First Seen+',
      'Count:integer+',
      'Name+',
    ),
  },
  Endpoints: {
    shortNames: ['ep'],
    columns: columns('Name', 'Endpoints', 'Age'),
    deprecationWarning: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  },
  PersistentVolume: {
    shortNames: ['pv'],
    namespaced: false,
    subresources: STATUS,
    columns: columns(
      'Name',
      'Capacity',
      'Access Modes',
      'Reclaim Policy',
      'Status',
      'Claim',
      'StorageClass',
      'VolumeAttributesClass',
      'Reason',
      'Age',
      'VolumeMode+',
    ),
  },
  PersistentVolumeClaim: {
    shortNames: ['pvc'],
    subresources: STATUS,
    columns: columns(
      'Name',
      'Status',
      'Volume',
      'Capacity',
      'Access Modes',
      'StorageClass',
      'VolumeAttributesClass',
      'Age',
      'VolumeMode+',
    ),
  },
  LimitRange: { shortNames: ['limits'], columns: columns('Name', 'Created At') },
  ResourceQuota: {
    shortNames: ['quota'],
    subresources: STATUS,
    columns: columns('Name', 'Request', 'Limit', 'Age'),
  },
  Binding: { stored: false },
})

const REPLICA_COLUMNS = columns(
  'Name',
  'Desired:integer',
  'Current:integer',
  'Ready:integer',
  'Age',
  'Containers+',
  'Images+',
  'Selector+',
)

const APPS = kindsOf('apps', 'v1', {
  Deployment: {
    shortNames: ['deploy'],
    categories: ALL,
    subresources: ['status', 'scale'],
    columns: columns(
      'Name',
      'Ready',
      'Up-to-date',
      'Available',
      'Age',
      'Containers+',
      'Images+',
      'Selector+',
    ),
  },
  ReplicaSet: {
    shortNames: ['rs'],
    categories: ALL,
    subresources: ['status', 'scale'],
    columns: REPLICA_COLUMNS,
  },
  StatefulSet: {
    shortNames: ['sts'],
    categories: ALL,
    subresources: ['status', 'scale'],
    columns: columns('Name', 'Ready', 'Age', 'Containers+', 'Images+'),
  },
  DaemonSet: {
    shortNames: ['ds'],
    categories: ALL,
    subresources: STATUS,
    columns: columns(
      'Name',
      'Desired:integer',
      'Current:integer',
      'Ready:integer',
      'Up-to-date:integer',
      'Available:integer',
      'Node Selector',
      'Age',
      'Containers+',
      'Images+',
      'Selector+',
    ),
  },
  ControllerRevision: { columns: columns('Name', 'Controller', 'Revision:integer', 'Age') },
})

const BATCH = kindsOf('batch', 'v1', {
  Job: {
    categories: ALL,
    subresources: STATUS,
    columns: columns(
      'Name',
      'Status',
      'Completions',
      'Duration',
      'Age',
      'Containers+',
      'Images+',
      'Selector+',
    ),
  },
  CronJob: {
    shortNames: ['cj'],
    categories: ALL,
    subresources: STATUS,
    columns: columns(
      'Name',
      'Schedule',
      'Timezone',
      'Suspend',
      'Active:integer',
      'Last Schedule',
      'Age',
      'Containers+',
      'Images+',
      'Selector+',
    ),
  },
})

const HPA: KindOptions = {
  shortNames: ['hpa'],
  categories: ALL,
  subresources: STATUS,
  columns: columns('Name', 'Reference', 'Targets', 'MinPods', 'MaxPods', 'Replicas', 'Age'),
}

const AUTOSCALING = [
  ...kindsOf('autoscaling', 'v2', { HorizontalPodAutoscaler: HPA }),
  ...kindsOf('autoscaling', 'v1', { HorizontalPodAutoscaler: HPA }),
]

const POLICY = kindsOf('policy', 'v1', {
  PodDisruptionBudget: {
    shortNames: ['pdb'],
    subresources: STATUS,
    columns: columns('Name', 'Min Available', 'Max Unavailable', 'Allowed Disruptions:integer', 'Age'),
  },
})

const ROLE_COLUMNS = columns('Name', 'Created At')
const BINDING_COLUMNS = columns('Name', 'Role', 'Age', 'Users+', 'Groups+', 'ServiceAccounts+')

const RBAC = kindsOf('rbac.authorization.k8s.io', 'v1', {
  Role: { columns: ROLE_COLUMNS },
  RoleBinding: { columns: BINDING_COLUMNS },
  ClusterRole: { namespaced: false, columns: ROLE_COLUMNS },
  ClusterRoleBinding: { namespaced: false, columns: BINDING_COLUMNS },
})

const EXTENSION = [
  ...kindsOf('admissionregistration.k8s.io', 'v1', {
    MutatingWebhookConfiguration: {
      namespaced: false,
      categories: ['api-extensions'],
      columns: columns('Name', 'Webhooks:integer', 'Age'),
    },
    ValidatingWebhookConfiguration: {
      namespaced: false,
      categories: ['api-extensions'],
      columns: columns('Name', 'Webhooks:integer', 'Age'),
    },
    ValidatingAdmissionPolicy: {
      namespaced: false,
      categories: ['api-extensions'],
      subresources: STATUS,
      plural: 'validatingadmissionpolicies',
      columns: columns('Name', 'Validations:integer', 'ParamKind', 'Age'),
    },
    ValidatingAdmissionPolicyBinding: {
      namespaced: false,
      categories: ['api-extensions'],
      columns: columns('Name', 'PolicyName', 'ParamRef', 'Age'),
    },
  }),
  ...kindsOf('apiextensions.k8s.io', 'v1', {
    CustomResourceDefinition: {
      shortNames: ['crd', 'crds'],
      categories: ['api-extensions'],
      namespaced: false,
      subresources: STATUS,
      columns: columns('Name', 'Created At:date'),
    },
  }),
]

const CLUSTER = [
  ...kindsOf('coordination.k8s.io', 'v1', { Lease: { columns: columns('Name', 'Holder', 'Age') } }),
  ...kindsOf('discovery.k8s.io', 'v1', {
    EndpointSlice: { columns: columns('Name', 'AddressType', 'Ports', 'Endpoints', 'Age') },
  }),
  ...kindsOf('events.k8s.io', 'v1', {
    Event: {
      shortNames: ['ev'],
      columns: columns('Last Seen', 'Type', 'Reason', 'Object', 'Subobject+', 'Source+', 'Message', 'Name+'),
    },
  }),
  ...kindsOf('networking.k8s.io', 'v1', {
    Ingress: {
      shortNames: ['ing'],
      subresources: STATUS,
      columns: columns('Name', 'Class', 'Hosts', 'Address', 'Ports', 'Age'),
    },
    IngressClass: { namespaced: false, columns: columns('Name', 'Controller', 'Parameters', 'Age') },
    NetworkPolicy: { shortNames: ['netpol'], columns: columns('Name', 'Pod-Selector', 'Age') },
  }),
  ...kindsOf('node.k8s.io', 'v1', {
    RuntimeClass: { namespaced: false, columns: columns('Name', 'Handler', 'Age') },
  }),
  ...kindsOf('scheduling.k8s.io', 'v1', {
    PriorityClass: {
      shortNames: ['pc'],
      namespaced: false,
      columns: columns('Name', 'Value:integer', 'Global-Default:boolean', 'Age', 'PreemptionPolicy'),
    },
  }),
  ...kindsOf('storage.k8s.io', 'v1', {
    StorageClass: {
      shortNames: ['sc'],
      namespaced: false,
      columns: columns(
        'Name',
        'Provisioner',
        'ReclaimPolicy',
        'VolumeBindingMode',
        'AllowVolumeExpansion:boolean',
        'Age',
      ),
    },
    VolumeAttachment: { namespaced: false, subresources: STATUS },
    CSIDriver: { namespaced: false },
    CSINode: { namespaced: false },
  }),
]

const REVIEWS = [
  ...kindsOf('authentication.k8s.io', 'v1', { TokenReview: ASKS, SelfSubjectReview: ASKS }),
  ...kindsOf('authorization.k8s.io', 'v1', {
    SubjectAccessReview: ASKS,
    SelfSubjectAccessReview: ASKS,
    SelfSubjectRulesReview: ASKS,
    LocalSubjectAccessReview: { ...ASKS, namespaced: true },
  }),
]

/** The first version of a group listed here is its preferred one. */
export const BUILT_IN_KINDS: readonly ResourceInfo[] = [
  ...CORE,
  ...APPS,
  ...AUTOSCALING,
  ...BATCH,
  ...POLICY,
  ...RBAC,
  ...EXTENSION,
  ...CLUSTER,
  ...REVIEWS,
]
