import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Container, KubeObject, Pod } from '../../kube/index.ts'
import {
  addAmounts,
  exceededBy,
  isInScopes,
  maskAmounts,
  type ResourceQuota,
  showAmounts,
  subtractAmounts,
  trackedNames,
  unstatedAmounts,
  usageOf,
} from './index.ts'

const PODS = { group: '', plural: 'pods' }

function container(name: string, requests: object, more: object = {}): Container {
  return { name, image: 'x', resources: { requests }, ...more } as Container
}

function podOf(spec: object, status: object = {}): Pod {
  const metadata = { name: 'p', namespace: 'default' }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], ...spec }, status }
}

function quotaOf(spec: object): ResourceQuota {
  return { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec }
}

test('a pod uses what its containers request together, or what its start needs where that is more', () => {
  const pod = podOf({
    containers: [container('a', { cpu: '100m', memory: '64Mi' }), container('b', { cpu: '0.2' })],
    initContainers: [
      container('side', { cpu: '50m' }, { restartPolicy: 'Always' }),
      container('setup', { cpu: '1', memory: '32Mi' }),
    ],
    overhead: { cpu: '10m' },
  })
  assert.deepEqual(usageOf(PODS, pod, 0), {
    'count/pods': '1',
    pods: '1',
    cpu: '1060m',
    'requests.cpu': '1060m',
    memory: '64Mi',
    'requests.memory': '64Mi',
    'limits.cpu': '10m',
  })
})

test('a pod that has ended is counted, but uses nothing', () => {
  const over = podOf({ containers: [container('a', { cpu: '1' })] }, { phase: 'Succeeded' })
  assert.deepEqual(usageOf(PODS, over, 0), { 'count/pods': '1' })
})

test('services are counted by their type, claims by their class', () => {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } } as const
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }, { port: 443, nodePort: 30443 }] }
  const services = { group: '', plural: 'services' }
  const usage = (more: object) => usageOf(services, { ...service, spec: { ...spec, ...more } }, 0)
  const counts = { 'count/services': '1', services: '1' }
  assert.deepEqual(usage({}), { ...counts, 'services.nodeports': '2', 'services.loadbalancers': '1' })
  assert.equal(usage({ allocateLoadBalancerNodePorts: false })['services.nodeports'], '1')
  assert.equal(usage({ type: 'ClusterIP' })['services.nodeports'], '0')
  const claim: KubeObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c' },
    spec: { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } },
  }
  assert.deepEqual(usageOf({ group: '', plural: 'persistentvolumeclaims' }, claim, 0), {
    'count/persistentvolumeclaims': '1',
    persistentvolumeclaims: '1',
    'requests.storage': '5Gi',
    'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
    'fast.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
  })
})

test('each kind uses its own names', () => {
  const names = [
    'pods',
    'cpu',
    'count/deployments.apps',
    'services.nodeports',
    'configmaps',
    'requests.x/gpu',
  ]
  assert.deepEqual(trackedNames(PODS, names), ['pods', 'cpu', 'requests.x/gpu'])
  assert.deepEqual(trackedNames({ group: 'apps', plural: 'deployments' }, names), ['count/deployments.apps'])
  assert.deepEqual(trackedNames({ group: '', plural: 'configmaps' }, names), ['configmaps'])
})

test('a quota with scopes is about the pods in all of them', () => {
  const deadline = podOf({ activeDeadlineSeconds: 5, priorityClassName: 'high' }, { qosClass: 'BestEffort' })
  const plain = podOf({}, { qosClass: 'Burstable' })
  const scoped = (scopes: readonly string[]) => quotaOf({ scopes })
  assert.ok(isInScopes(scoped(['Terminating', 'BestEffort']), deadline))
  assert.ok(!isInScopes(scoped(['Terminating', 'NotBestEffort']), deadline))
  assert.ok(isInScopes(scoped(['NotTerminating', 'NotBestEffort']), plain))
  const priority = (operator: string, values: readonly string[]) =>
    quotaOf({ scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator, values }] } })
  assert.ok(isInScopes(priority('In', ['high']), deadline))
  assert.ok(!isInScopes(priority('In', ['high']), plain))
  assert.ok(isInScopes(priority('NotIn', ['high']), plain))
  assert.ok(!isInScopes(scoped(['BestEffort']), { ...plain, kind: 'ConfigMap' }))
})

test('what a quota limits must be stated by every container', () => {
  const pod = podOf({ containers: [container('b', { cpu: '1' }), container('a', {})] })
  assert.equal(
    unstatedAmounts(pod, ['requests.cpu', 'limits.memory', 'pods']),
    'limits.memory for: a,b; requests.cpu for: a',
  )
})

test('amounts exceed their limits by name, and are shown in its order', () => {
  const amounts = { pods: '3', 'requests.cpu': '1500m', other: '9' }
  assert.deepEqual(exceededBy(amounts, { pods: '3', 'requests.cpu': '1' }), ['requests.cpu'])
  assert.equal(showAmounts(amounts), 'other=9,pods=3,requests.cpu=1500m')
  assert.deepEqual(maskAmounts(amounts, ['pods']), { pods: '3' })
})

test('what was added can be taken away again', () => {
  const millis = fc.nat(1_000_000).map((n) => `${n + 1}m`)
  fc.assert(
    fc.property(millis, millis, (a, b) => {
      const sum = addAmounts({ x: a }, { x: b })
      const exact = addAmounts({}, { x: a })
      assert.deepEqual(subtractAmounts(sum, { x: b }), exact)
      assert.deepEqual(addAmounts({ x: b }, { x: a }), sum)
      assert.deepEqual(subtractAmounts({ x: a }, sum), {})
    }),
  )
})
