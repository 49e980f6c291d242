import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUILT_IN_KINDS } from '../kinds.ts'
import { builtInSchema } from './schema.ts'
import { errorsOf } from './testing.ts'

function schemaOf(group: string, kind: string, version = 'v1') {
  return builtInSchema({ group, version, kind }) ?? assert.fail(`${kind} is built in`)
}

const DEPLOYMENT = { group: 'apps', version: 'v1', kind: 'Deployment' }
const SERVICE = { group: '', version: 'v1', kind: 'Service' }
const POD = { group: '', version: 'v1', kind: 'Pod' }

function deployment(changes: object = {}, container: object = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'web:1', ...container }] },
      },
      ...changes,
    },
  }
}

test('every built-in kind has a schema', () => {
  assert.deepEqual(
    BUILT_IN_KINDS.filter((info) => !builtInSchema(info)).map((info) => info.kind),
    [],
  )
})

test('a Deployment gets the defaults of Kubernetes', () => {
  const filled = schemaOf('apps', 'Deployment').applyDefaults(deployment()) as {
    spec: Record<string, unknown>
  }
  const { template, ...spec } = filled.spec
  assert.deepEqual(spec, {
    selector: { matchLabels: { app: 'web' } },
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
  })
  assert.deepEqual(template, {
    metadata: { labels: { app: 'web' } },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'web:1',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          resources: {},
          imagePullPolicy: 'IfNotPresent',
        },
      ],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      securityContext: {},
      schedulerName: 'default-scheduler',
    },
  })
})

test('the pull policy follows the tag', () => {
  const policyOf = (image: string) => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image }] },
    }
    const filled = schemaOf('', 'Pod').applyDefaults(pod) as {
      spec: { containers: { imagePullPolicy: string }[] }
    }
    return filled.spec.containers[0]?.imagePullPolicy
  }
  assert.equal(policyOf('nginx'), 'Always')
  assert.equal(policyOf('localhost:5000/nginx'), 'Always')
  assert.equal(policyOf('nginx:latest'), 'Always')
  assert.equal(policyOf('nginx:1.2'), 'IfNotPresent')
  assert.equal(policyOf('nginx@sha256:abc'), 'IfNotPresent')
})

test('a Service gets type, protocol, target port and traffic policies', () => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's' },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  }
  const filled = schemaOf('', 'Service').applyDefaults(service) as { spec: object }
  assert.deepEqual(filled.spec, {
    type: 'LoadBalancer',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    allocateLoadBalancerNodePorts: true,
  })
})

test('probes, webhooks, autoscalers, secrets and namespaces get theirs', () => {
  const probe = deployment({}, { readinessProbe: { httpGet: { port: 'http' } } })
  const filled = schemaOf('apps', 'Deployment').applyDefaults(probe) as {
    spec: { template: { spec: { containers: { readinessProbe: object }[] } } }
  }
  assert.deepEqual(filled.spec.template.spec.containers[0]?.readinessProbe, {
    httpGet: { port: 'http', path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  })
  const group = 'admissionregistration.k8s.io'
  const hook = {
    webhooks: [
      {
        name: 'a.b.c',
        clientConfig: { service: { name: 's', namespace: 'n' } },
        rules: [{ operations: ['CREATE'] }],
      },
    ],
  }
  assert.deepEqual(schemaOf(group, 'MutatingWebhookConfiguration').applyDefaults(hook), {
    webhooks: [
      {
        name: 'a.b.c',
        clientConfig: { service: { name: 's', namespace: 'n', port: 443 } },
        rules: [{ operations: ['CREATE'], scope: '*' }],
        failurePolicy: 'Fail',
        matchPolicy: 'Equivalent',
        namespaceSelector: {},
        objectSelector: {},
        timeoutSeconds: 10,
        reinvocationPolicy: 'Never',
      },
    ],
  })
  const scaler = schemaOf('autoscaling', 'HorizontalPodAutoscaler', 'v2').applyDefaults({
    spec: { maxReplicas: 5 },
  }) as { spec: { minReplicas: number; metrics: object[] } }
  assert.equal(scaler.spec.minReplicas, 1)
  assert.deepEqual(scaler.spec.metrics, [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
  ])
  assert.deepEqual(schemaOf('', 'Secret').applyDefaults({ stringData: { a: 'é' } }), {
    type: 'Opaque',
    data: { a: 'w6k=' },
  })
  assert.deepEqual(schemaOf('', 'Namespace').applyDefaults({ metadata: { name: 'demo' } }), {
    metadata: { name: 'demo', labels: { 'kubernetes.io/metadata.name': 'demo' } },
    spec: {},
    status: { phase: 'Active' },
  })
})

test('nulls and empty values count as absent, quantities become canonical, zero replicas stay zero', () => {
  const object = deployment(
    { replicas: 0, paused: false, minReadySeconds: 0 },
    { resources: { limits: { cpu: 0.5 } }, command: [], env: null },
  )
  const filled = schemaOf('apps', 'Deployment').applyDefaults(object) as {
    spec: { replicas: number; template: { spec: { containers: object[] } } }
  }
  assert.equal(filled.spec.replicas, 0)
  assert.ok(!Object.hasOwn(filled.spec, 'paused') && !Object.hasOwn(filled.spec, 'minReadySeconds'))
  const [container] = filled.spec.template.spec.containers
  assert.ok(container && !Object.hasOwn(container, 'command') && !Object.hasOwn(container, 'env'))
  assert.deepEqual((container as { resources: object }).resources, { limits: { cpu: '500m' } })
})

test('a null in a map keeps its key, with the zero of what the map holds', () => {
  const schema = schemaOf('apps', 'Deployment')
  const source = {
    ...deployment({}, { resources: { limits: { cpu: null } } }),
    metadata: { name: 'a', labels: { '': null, app: null } },
  }
  const once = schema.applyDefaults(source) as {
    metadata: { labels: object }
    spec: { template: { spec: { containers: readonly { resources: object }[] } } }
  }
  assert.deepEqual(once.metadata.labels, { '': '', app: '' })
  assert.deepEqual(once.spec.template.spec.containers[0]?.resources, { limits: { cpu: '0' } })
  assert.deepEqual(schema.applyDefaults(once), once)
})

test('what a container is limited to it requests as well, in a pod and not in a template', () => {
  const container = {
    name: 'c',
    image: 'x',
    resources: { limits: { cpu: '1' }, requests: { memory: '1Gi' } },
  }
  const pod = {
    spec: { containers: [container], initContainers: [container], terminationGracePeriodSeconds: -5 },
  }
  const filled = schemaOf('', 'Pod').applyDefaults(pod) as typeof pod
  const requests = { memory: '1Gi', cpu: '1' }
  assert.deepEqual(filled.spec.containers[0]?.resources.requests, requests)
  assert.deepEqual(filled.spec.initContainers[0]?.resources.requests, requests)
  assert.equal(filled.spec.terminationGracePeriodSeconds, 1)
})

test('defaulting twice is defaulting once, and the source is not touched', () => {
  const schema = schemaOf('apps', 'Deployment')
  const source = deployment()
  const before = structuredClone(source)
  const once = schema.applyDefaults(source)
  assert.deepEqual(schema.applyDefaults(once), once)
  assert.deepEqual(source, before)
})

test('unknown fields of built-in kinds are named', () => {
  const object = deployment({ replica: 1 }, { imagePullPolicyy: 'x' })
  assert.deepEqual(schemaOf('apps', 'Deployment').prune(object).pruned, [
    'spec.replica',
    'spec.template.spec.containers[0].imagePullPolicyy',
  ])
})

test('unknown metadata is named, a template has no kind of its own', () => {
  const object = deployment({ template: { kind: 'Pod', metadata: { nope: 1 }, spec: {} } }) as {
    metadata: object
  }
  const { pruned } = schemaOf('apps', 'Deployment').prune({ ...object, metadata: { name: 'a', odd: 1 } })
  assert.deepEqual(pruned, ['metadata.odd', 'spec.template.kind', 'spec.template.metadata.nope'])
  const options = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Orphan' }
  assert.deepEqual(schemaOf('', 'DeleteOptions').prune(options), { value: options, pruned: [] })
})

test('common mistakes in a Deployment are reported as Kubernetes reports them', () => {
  assert.deepEqual(errorsOf(DEPLOYMENT, deployment()), [])
  assert.deepEqual(errorsOf(DEPLOYMENT, deployment({ selector: { matchLabels: { app: 'other' } } })), [
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ])
  assert.ok(
    errorsOf(DEPLOYMENT, deployment({ selector: undefined })).includes('spec.selector: Required value'),
  )
  assert.deepEqual(errorsOf(DEPLOYMENT, deployment({}, { image: undefined })), [
    'spec.template.spec.containers[0].image: Required value',
  ])
  const ports = [
    { name: 'a', containerPort: 80 },
    { name: 'a', containerPort: 70000 },
  ]
  assert.deepEqual(errorsOf(DEPLOYMENT, deployment({}, { ports })), [
    'spec.template.spec.containers[0].ports[1].name: Duplicate value: "a"',
    'spec.template.spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ])
  assert.deepEqual(errorsOf(DEPLOYMENT, deployment({}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })), [
    'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ])
  const changed = {
    selector: { matchLabels: { app: 'web', x: 'y' } },
    template: {
      metadata: { labels: { app: 'web', x: 'y' } },
      spec: { containers: [{ name: 'w', image: 'w' }] },
    },
  }
  assert.deepEqual(errorsOf(DEPLOYMENT, deployment(changed), deployment()), [
    'spec.selector: Invalid value: {"matchLabels":{"app":"web","x":"y"}}: field is immutable',
  ])
  assert.deepEqual(errorsOf(DEPLOYMENT, deployment({}, { imagePullPolicy: 'Sometimes' })), [
    'spec.template.spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
  ])
})

test('common mistakes in a Service are reported', () => {
  const service = (spec: object, name = 'web') => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec,
  })
  assert.deepEqual(errorsOf(SERVICE, service({})), ['spec.ports: Required value'])
  assert.deepEqual(errorsOf(SERVICE, service({ ports: [{ port: 80 }, { port: 81, name: 'b' }] })), [
    'spec.ports[0].name: Required value',
  ])
  assert.deepEqual(errorsOf(SERVICE, service({ ports: [{ port: 0 }] })), [
    'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
  ])
  assert.deepEqual(errorsOf(SERVICE, service({ type: 'ExternalName' })), [
    'spec.externalName: Required value',
  ])
  const fixed = { clusterIP: '10.0.0.1', ports: [{ port: 80 }] }
  assert.deepEqual(errorsOf(SERVICE, service({ ...fixed, clusterIP: '10.0.0.2' }), service(fixed)), [
    'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
  ])
  assert.match(
    errorsOf(SERVICE, service({ ports: [{ port: 80 }] }, '1web'))[0] ?? '',
    /^metadata\.name: Invalid value: "1web": a DNS-1035 label/,
  )
})

test('a pod may change its image and be bound to a node, nothing else', () => {
  const pod = (spec: object = {}, image = 'a:1') => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image }], ...spec },
  })
  assert.deepEqual(errorsOf(POD, pod({}, 'a:2'), pod()), [])
  assert.deepEqual(errorsOf(POD, pod({ nodeName: 'n' }), pod()), [])
  assert.match(
    errorsOf(POD, pod({ hostname: 'h' }), pod())[0] ?? '',
    /^spec: Forbidden: pod updates may not change fields other than/,
  )
})

test('a status written by a controller needs no complete fields', () => {
  const status = { containerStatuses: [{ name: 'c' }], conditions: [{ type: 'Ready', status: 'True' }] }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'a' }] },
    status,
  }
  assert.deepEqual(errorsOf(POD, pod), [])
})

test('a CustomResourceDefinition is checked: name, versions, structure, rules', () => {
  const gvk = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' }
  const definition = (schema: object, name = 'things.example.org') => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
    spec: {
      group: 'example.org',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  })
  // One version: what it shares with all of them is named by its old place.
  const path = 'spec.validation.openAPIV3Schema'
  assert.deepEqual(errorsOf(gvk, definition({ type: 'object' })), [])
  assert.deepEqual(errorsOf(gvk, definition({ type: 'object' }, 'other.example.org')), [
    'metadata.name: Invalid value: "other.example.org": must be spec.names.plural+"."+spec.group',
  ])
  assert.deepEqual(errorsOf(gvk, definition({})), [
    `${path}.type: Required value: must not be empty at the root`,
  ])
  assert.deepEqual(errorsOf(gvk, definition({ type: 'object', properties: { spec: {} } })), [
    `${path}.properties[spec].type: Required value: must not be empty for specified object fields`,
  ])
  const rule = { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.(' }] }
  assert.match(
    errorsOf(gvk, definition(rule))[0] ?? '',
    /x-kubernetes-validations\[0\]\.rule: Invalid value: \{"Rule":"self\.\(",.*\}: compilation failed/,
  )
})

test('the choices of a list field are those of its items', () => {
  const hook = (operation: string) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'a' },
    webhooks: [
      {
        name: 'a.b.c',
        clientConfig: { url: 'https://a.b' },
        rules: [{ operations: [operation], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  })
  const schema = schemaOf('admissionregistration.k8s.io', 'MutatingWebhookConfiguration')
  assert.deepEqual(schema.validate(schema.applyDefaults(hook('CREATE'))), [])
  const [error] = schema.validate(schema.applyDefaults(hook('READ')))
  assert.equal(error?.path, 'webhooks[0].rules[0].operations[0]')
})
