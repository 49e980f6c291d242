import { isRecord, type MutableRecord, setOwn } from '../json.ts'
import { defaultPod, defaultPodSpec } from './defaults-pod.ts'
import { ensureRecord, fill, fillAll, recordIn, recordsIn } from './edit.ts'

type Defaulter = (object: MutableRecord, spec: MutableRecord) => void

/** What each built-in kind fills in, by kind and group. Those not named have only the defaults of their field table. */
const DEFAULTERS: Readonly<Record<string, Defaulter>> = {
  Pod: (object, spec) => {
    defaultPod(spec)
    const status = ensureRecord(object, 'status')
    if (status) fill(status, 'phase', 'Pending')
  },
  PodTemplate: (object) => defaultTemplate(object),
  ReplicationController: (object, spec) => defaultReplicationController(object, spec),
  Service: (object, spec) => {
    defaultService(spec)
    defaultBalancerStatus(object, spec)
  },
  Namespace: (object) => {
    const status = ensureRecord(object, 'status')
    if (status) fill(status, 'phase', 'Active')
    labelNamespace(object)
  },
  Secret: (object) => defaultSecret(object),
  Endpoints: (object) => {
    for (const subset of recordsIn(object, 'subsets')) {
      for (const port of recordsIn(subset, 'ports')) fill(port, 'protocol', 'TCP')
    }
  },
  Node: (_, spec) => {
    if (typeof spec['podCIDR'] === 'string') fill(spec, 'podCIDRs', [spec['podCIDR']])
  },
  PersistentVolume: (object, spec) => {
    fillAll(spec, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' })
    fill(object, 'status', { phase: 'Pending' })
  },
  PersistentVolumeClaim: (object, spec) => {
    fill(spec, 'volumeMode', 'Filesystem')
    fill(object, 'status', { phase: 'Pending' })
  },
  'Deployment.apps': (_, spec) => defaultDeployment(spec),
  'ReplicaSet.apps': (_, spec) => {
    fill(spec, 'replicas', 1)
    defaultTemplate(spec)
  },
  'StatefulSet.apps': (_, spec) => defaultStatefulSet(spec),
  'DaemonSet.apps': (_, spec) => defaultDaemonSet(spec),
  'Job.batch': (_, spec) => defaultJob(spec),
  'CronJob.batch': (_, spec) => {
    fillAll(spec, {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    })
    const template = recordIn(spec, 'jobTemplate')
    if (template) ensureRecord(template, 'metadata')
    const jobSpec = template && recordIn(template, 'spec')
    if (jobSpec) defaultTemplate(jobSpec)
  },
  'HorizontalPodAutoscaler.autoscaling': (object, spec) =>
    defaultAutoscaler(spec, object['apiVersion'] === 'autoscaling/v1' ? 'v1' : 'v2'),
  'EndpointSlice.discovery.k8s.io': (object) => {
    for (const port of recordsIn(object, 'ports')) fillAll(port, { name: '', protocol: 'TCP' })
  },
  'MutatingWebhookConfiguration.admissionregistration.k8s.io': (object) => {
    for (const webhook of recordsIn(object, 'webhooks')) {
      defaultWebhook(webhook)
      fill(webhook, 'reinvocationPolicy', 'Never')
    }
  },
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io': (object) => {
    for (const webhook of recordsIn(object, 'webhooks')) defaultWebhook(webhook)
  },
  'CustomResourceDefinition.apiextensions.k8s.io': (_, spec) => defaultDefinition(spec),
  'RoleBinding.rbac.authorization.k8s.io': (object) => defaultBinding(object),
  'ClusterRoleBinding.rbac.authorization.k8s.io': (object) => defaultBinding(object),
  'TokenRequest.authentication.k8s.io': (_, spec) => fill(spec, 'expirationSeconds', 3600),
  'StorageClass.storage.k8s.io': (object) =>
    fillAll(object, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  'NetworkPolicy.networking.k8s.io': (_, spec) => {
    fill(spec, 'policyTypes', spec['egress'] === undefined ? ['Ingress'] : ['Ingress', 'Egress'])
    for (const rule of [...recordsIn(spec, 'ingress'), ...recordsIn(spec, 'egress')]) {
      for (const port of recordsIn(rule, 'ports')) fill(port, 'protocol', 'TCP')
    }
  },
}

/** Kinds whose spec is there even if the user left it out, since defaults go into it. */
const WITH_SPEC: ReadonlySet<string> = new Set([
  'Pod',
  'Service',
  'Namespace',
  'Deployment.apps',
  'ReplicaSet.apps',
])

/** Fills an object of a built-in kind in place. @param object a copy that the caller owns */
export function defaultBuiltIn(object: MutableRecord, groupKind: string): void {
  const defaulter = Object.hasOwn(DEFAULTERS, groupKind) ? DEFAULTERS[groupKind] : undefined
  if (!defaulter) return
  if (WITH_SPEC.has(groupKind)) fill(object, 'spec', {})
  defaulter(object, recordIn(object, 'spec') ?? {})
}

function defaultTemplate(spec: MutableRecord): void {
  const template = recordIn(spec, 'template')
  if (!template) return
  const podSpec = ensureRecord(template, 'spec')
  ensureRecord(template, 'metadata')
  if (podSpec) defaultPodSpec(podSpec)
}

function defaultReplicationController(object: MutableRecord, spec: MutableRecord): void {
  fill(spec, 'replicas', 1)
  const template = recordIn(spec, 'template')
  const labels = template && recordIn(recordIn(template, 'metadata') ?? {}, 'labels')
  if (labels) {
    fill(spec, 'selector', { ...labels })
    const metadata = ensureRecord(object, 'metadata')
    if (metadata) fill(metadata, 'labels', { ...labels })
  }
  defaultTemplate(spec)
}

function defaultDeployment(spec: MutableRecord): void {
  fillAll(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 })
  const strategy = ensureRecord(spec, 'strategy')
  if (strategy) {
    fill(strategy, 'type', 'RollingUpdate')
    const rolling = strategy['type'] === 'RollingUpdate' ? ensureRecord(strategy, 'rollingUpdate') : undefined
    if (rolling) fillAll(rolling, { maxUnavailable: '25%', maxSurge: '25%' })
  }
  defaultTemplate(spec)
}

function defaultStatefulSet(spec: MutableRecord): void {
  fillAll(spec, {
    replicas: 1,
    podManagementPolicy: 'OrderedReady',
    revisionHistoryLimit: 10,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  })
  const strategy = ensureRecord(spec, 'updateStrategy')
  if (strategy) {
    fill(strategy, 'type', 'RollingUpdate')
    const rolling = strategy['type'] === 'RollingUpdate' ? ensureRecord(strategy, 'rollingUpdate') : undefined
    if (rolling) fillAll(rolling, { partition: 0, maxUnavailable: 1 })
  }
  for (const claim of recordsIn(spec, 'volumeClaimTemplates')) {
    fillAll(claim, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', status: { phase: 'Pending' } })
    const claimSpec = recordIn(claim, 'spec')
    if (claimSpec) fill(claimSpec, 'volumeMode', 'Filesystem')
  }
  defaultTemplate(spec)
}

function defaultDaemonSet(spec: MutableRecord): void {
  fill(spec, 'revisionHistoryLimit', 10)
  const strategy = ensureRecord(spec, 'updateStrategy')
  if (strategy) {
    fill(strategy, 'type', 'RollingUpdate')
    const rolling = strategy['type'] === 'RollingUpdate' ? ensureRecord(strategy, 'rollingUpdate') : undefined
    if (rolling) fillAll(rolling, { maxUnavailable: 1, maxSurge: 0 })
  }
  defaultTemplate(spec)
}

function defaultJob(spec: MutableRecord): void {
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) fill(spec, 'completions', 1)
  fillAll(spec, {
    parallelism: 1,
    backoffLimit: spec['backoffLimitPerIndex'] === undefined ? 6 : 2147483647,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: spec['podFailurePolicy'] === undefined ? 'TerminatingOrFailed' : 'Failed',
  })
  defaultTemplate(spec)
}

const AFFINITY_SECONDS = 10_800

function defaultService(spec: MutableRecord): void {
  fillAll(spec, { sessionAffinity: 'None', type: 'ClusterIP' })
  if (spec['sessionAffinity'] === 'ClientIP') {
    fill(spec, 'sessionAffinityConfig', { clientIP: { timeoutSeconds: AFFINITY_SECONDS } })
  }
  const type = spec['type']
  if (type !== 'ExternalName') fill(spec, 'internalTrafficPolicy', 'Cluster')
  const isReached = type === 'NodePort' || type === 'LoadBalancer' || hasItems(spec['externalIPs'])
  if (isReached && type !== 'ExternalName') fill(spec, 'externalTrafficPolicy', 'Cluster')
  if (type === 'LoadBalancer') fill(spec, 'allocateLoadBalancerNodePorts', true)
  for (const port of recordsIn(spec, 'ports')) {
    fill(port, 'protocol', 'TCP')
    if (port['targetPort'] === '' || port['targetPort'] === 0) delete port['targetPort']
    fill(port, 'targetPort', port['port'])
  }
}

function hasItems(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0
}

/** Addresses of a balancer are those that the world sends to, unless the balancer says otherwise. */
function defaultBalancerStatus(object: MutableRecord, spec: MutableRecord): void {
  if (spec['type'] !== 'LoadBalancer') return
  const balancer = recordIn(recordIn(object, 'status') ?? {}, 'loadBalancer')
  for (const ingress of recordsIn(balancer, 'ingress')) {
    if (typeof ingress['ip'] === 'string' && ingress['ip'] !== '') fill(ingress, 'ipMode', 'VIP')
  }
}

function labelNamespace(object: MutableRecord): void {
  const metadata = recordIn(object, 'metadata')
  const name = metadata?.['name']
  if (!metadata || typeof name !== 'string' || name === '') return
  const labels = ensureRecord(metadata, 'labels')
  if (labels) fill(labels, 'kubernetes.io/metadata.name', name)
}

/** `stringData` is written only: what it says goes into `data`, as base64. */
function defaultSecret(object: MutableRecord): void {
  fill(object, 'type', 'Opaque')
  const texts = recordIn(object, 'stringData')
  if (!texts) return
  const data = ensureRecord(object, 'data')
  for (const [key, text] of Object.entries(texts)) {
    if (data && typeof text === 'string') setOwn(data, key, toBase64(text))
  }
  delete object['stringData']
}

function toBase64(text: string): string {
  let binary = ''
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** Without metrics an autoscaler aims at this share of requested CPU. */
const CPU_UTILIZATION = 80

function defaultAutoscaler(spec: MutableRecord, version: string): void {
  fill(spec, 'minReplicas', 1)
  if (version === 'v2') {
    fill(spec, 'metrics', [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_UTILIZATION } },
      },
    ])
  }
  const behavior = recordIn(spec, 'behavior')
  if (!behavior) return
  const up = ensureRecord(behavior, 'scaleUp')
  const down = ensureRecord(behavior, 'scaleDown')
  const percent = { type: 'Percent', value: 100, periodSeconds: 15 }
  if (up) {
    const policies = [{ type: 'Pods', value: 4, periodSeconds: 15 }, percent]
    fillAll(up, { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies })
  }
  if (down) fillAll(down, { selectPolicy: 'Max', policies: [percent] })
}

function defaultWebhook(webhook: MutableRecord): void {
  fillAll(webhook, {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
  })
  const service = recordIn(recordIn(webhook, 'clientConfig') ?? {}, 'service')
  if (service) fill(service, 'port', 443)
  for (const rule of recordsIn(webhook, 'rules')) fill(rule, 'scope', '*')
}

function defaultDefinition(spec: MutableRecord): void {
  fill(spec, 'conversion', { strategy: 'None' })
  const names = recordIn(spec, 'names')
  if (names && typeof names['kind'] === 'string') {
    fillAll(names, { singular: names['kind'].toLowerCase(), listKind: `${names['kind']}List` })
  }
}

const RBAC_GROUP = 'rbac.authorization.k8s.io'

function defaultBinding(object: MutableRecord): void {
  const role = recordIn(object, 'roleRef')
  if (role) fill(role, 'apiGroup', RBAC_GROUP)
  for (const subject of recordsIn(object, 'subjects')) {
    if (isRecord(subject) && subject['kind'] !== 'ServiceAccount') fill(subject, 'apiGroup', RBAC_GROUP)
  }
}
