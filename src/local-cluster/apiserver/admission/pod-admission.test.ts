/** What becomes of pods, claims and their kin on the way to the store: quotas, limits, priorities, classes. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { ApiError, KINDS, type KindRef } from '../../../kube/client/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import { at, stringAt } from '../json.ts'
import { configMap, startTestServer, type TestServer } from '../testing.ts'

const kind = (group: string, plural: string, name: string, namespaced = true): KindRef => ({
  group,
  version: 'v1',
  plural,
  kind: name,
  namespaced,
})
const QUOTA = kind('', 'resourcequotas', 'ResourceQuota')
const LIMIT_RANGE = kind('', 'limitranges', 'LimitRange')
const CLAIM = kind('', 'persistentvolumeclaims', 'PersistentVolumeClaim')
const VOLUME = kind('', 'persistentvolumes', 'PersistentVolume', false)
const STORAGE_CLASS = kind('storage.k8s.io', 'storageclasses', 'StorageClass', false)
const PRIORITY_CLASS = kind('scheduling.k8s.io', 'priorityclasses', 'PriorityClass', false)

let its: TestServer
before(async () => {
  its = await startTestServer()
  await its.client.create(KINDS.serviceAccount, objectOf(KINDS.serviceAccount, 'default'))
})
after(() => its.stop())
afterEach(async () => {
  for (const one of [QUOTA, LIMIT_RANGE, KINDS.pod, KINDS.configMap]) {
    const { items } = await its.client.list<KubeObject>(one, { namespace: 'default' })
    for (const { metadata } of items) await its.client.delete(one, metadata.name, 'default')
  }
})

function objectOf(
  { group, version, kind: name, namespaced }: KindRef,
  objectName: string,
  more: object = {},
) {
  const apiVersion = group === '' ? version : `${group}/${version}`
  const metadata = { name: objectName, ...(namespaced ? { namespace: 'default' } : {}) }
  return { apiVersion, kind: name, metadata, ...more } as KubeObject
}

const pod = (name: string, resources: object = {}, more: object = {}) =>
  its.client.create(
    KINDS.pod,
    objectOf(KINDS.pod, name, { spec: { containers: [{ name: 'web', image: 'x', resources }], ...more } }),
  )
const claim = (name: string, spec: object = {}) =>
  its.client.create(
    CLAIM,
    objectOf(CLAIM, name, {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    }),
  )

/** A quota as its controller would leave it. */
async function quota(hard: Readonly<Record<string, string>>, spec: object = {}): Promise<void> {
  const made = await its.client.create(QUOTA, objectOf(QUOTA, 'q', { spec: { hard, ...spec } }))
  const used = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']))
  await its.client.update(QUOTA, { ...made, status: { hard, used } }, { subresource: 'status' })
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => assert.fail('the write was admitted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ApiError, String(error))
  return `${error.status} ${error.message}`
}

const used = async () => at((await its.client.get<KubeObject>(QUOTA, 'q', 'default'))?.status, 'used')

test('a write beyond a quota is refused, with what was asked, used and allowed', async () => {
  await quota({ pods: '2', 'requests.cpu': '500m', 'count/configmaps': '0' })
  await pod('a', { requests: { cpu: '300m' } })
  assert.equal(
    await refusal(pod('b', { requests: { cpu: '300m' } })),
    '403 pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=300m, used: requests.cpu=300m, limited: requests.cpu=500m',
  )
  await pod('b', { requests: { cpu: '200m' } })
  assert.deepEqual(await used(), { pods: '2', 'requests.cpu': '500m', 'count/configmaps': '0' })
  assert.equal(
    await refusal(pod('c', { requests: { cpu: '0' } })),
    '403 pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
  )
  assert.equal(
    await refusal(its.client.create(KINDS.configMap, configMap('x'))),
    '403 configmaps "x" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=0, limited: count/configmaps=0',
  )
})

test('where a quota limits CPU or memory every container has to say what it needs', async () => {
  await quota({ 'limits.memory': '1Gi', 'requests.cpu': '1' })
  assert.equal(
    await refusal(pod('a', { requests: { cpu: '1' } })),
    '403 pods "a" is forbidden: failed quota: q: must specify limits.memory for: web',
  )
})

test('a quota that nobody has counted yet is not known to have room', async () => {
  const made = await its.client.create(QUOTA, objectOf(QUOTA, 'q', { spec: { hard: { pods: '9' } } }))
  await pod('early')
  const status = { hard: { pods: '9' } }
  await its.client.update(QUOTA, { ...made, status }, { subresource: 'status' })
  assert.equal(
    await refusal(pod('a')),
    '403 pods "a" is forbidden: status unknown for quota: q, resources: pods',
  )
})

test('of writes at the same time a quota admits as many as it has room for', async () => {
  await quota({ configmaps: '5' })
  const names = Array.from({ length: 12 }, (_, index) => `many-${index}`)
  const results = await Promise.allSettled(
    names.map((name) => its.client.create(KINDS.configMap, configMap(name))),
  )
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 5)
  assert.deepEqual(await used(), { configmaps: '5' })
})

test('a dry run is judged but not charged', async () => {
  await quota({ configmaps: '1' })
  const dryRun = () => its.client.create(KINDS.configMap, configMap('dry'), { dryRun: true })
  await dryRun()
  assert.deepEqual(await used(), { configmaps: '0' })
  await its.client.create(KINDS.configMap, configMap('wet'))
  assert.match(await refusal(dryRun()), /exceeded quota/)
})

test('a quota with a scope is charged by the pods in it', async () => {
  await quota({ pods: '0' }, { scopes: ['BestEffort'] })
  await pod('burstable', { requests: { cpu: '1m' } })
  assert.match(await refusal(pod('best-effort')), /exceeded quota: q, requested: pods=1/)
})

test('changing the type of a service charges what it needs more', async () => {
  await quota({ 'services.loadbalancers': '0', services: '1' })
  const spec = { ports: [{ port: 80 }] }
  await its.client.create(KINDS.service, objectOf(KINDS.service, 's', { spec }))
  const toBalanced = { spec: { type: 'LoadBalancer' } }
  assert.match(
    await refusal(its.client.patch(KINDS.service, 's', 'default', toBalanced, { type: 'merge' })),
    /requested: services\.loadbalancers=1, used: services\.loadbalancers=0, limited: services\.loadbalancers=0$/,
  )
  await its.client.delete(KINDS.service, 's', 'default')
})

test('limits hold for containers, for whole pods and for claims', async () => {
  const limits = [
    { type: 'Container', min: { cpu: '50m' }, maxLimitRequestRatio: { memory: '2' } },
    { type: 'Pod', max: { cpu: '1' } },
    { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
  ]
  await its.client.create(LIMIT_RANGE, objectOf(LIMIT_RANGE, 'l', { spec: { limits } }))
  const memory = { requests: { memory: '1Mi' }, limits: { memory: '2Mi' } }
  const fine = { requests: { ...memory.requests, cpu: '50m' }, limits: { ...memory.limits, cpu: '1' } }
  await pod('fine', fine)
  assert.equal(
    await refusal(pod('small', { ...fine, requests: { ...fine.requests, cpu: '10m' } })),
    '403 pods "small" is forbidden: minimum cpu usage per Container is 50m, but request is 10m',
  )
  assert.equal(
    await refusal(pod('steep', { ...fine, limits: { cpu: '1', memory: '3Mi' } })),
    '403 pods "steep" is forbidden: memory max limit to request ratio per Container is 2, but provided ratio is 3.000000',
  )
  assert.equal(
    await refusal(pod('large', { ...fine, limits: { ...fine.limits, cpu: '2' } })),
    '403 pods "large" is forbidden: maximum cpu usage per Pod is 1, but limit is 2',
  )
  assert.equal(
    await refusal(claim('large', { resources: { requests: { storage: '3Gi' } } })),
    '403 persistentvolumeclaims "large" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
  )
})

test('the system priority classes are there, and a pod of one has its priority', async () => {
  const made = await pod('critical', {}, { priorityClassName: 'system-node-critical' })
  assert.equal(at(made.spec, 'priority'), 2_000_001_000)
  assert.equal(
    await refusal(pod('odd', {}, { priorityClassName: 'nothing' })),
    '403 pods "odd" is forbidden: no PriorityClass with name nothing was found',
  )
  assert.match(
    await refusal(pod('odd', {}, { priority: 5 })),
    /the integer value of priority \(5\) must not be provided in pod spec; priority admission controller computed 0 from/,
  )
})

test('there is one default priority class, and pods without another have it', async () => {
  const classOf = (name: string, value: number) =>
    objectOf(PRIORITY_CLASS, name, { value, globalDefault: true, preemptionPolicy: 'Never' })
  await its.client.create(PRIORITY_CLASS, classOf('usual', 100))
  assert.equal(
    await refusal(its.client.create(PRIORITY_CLASS, classOf('other', 5))),
    '403 priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
  )
  const made = await pod('usual')
  await its.client.delete(PRIORITY_CLASS, 'usual')
  const { priorityClassName, priority, preemptionPolicy } = made.spec as Record<string, unknown>
  assert.deepEqual([priorityClassName, priority, preemptionPolicy], ['usual', 100, 'Never'])
  assert.equal(at((await pod('none')).spec, 'priority'), 0)
})

test('a claim that names no class gets the default one; claims and volumes are protected', async () => {
  const isDefault = { 'storageclass.kubernetes.io/is-default-class': 'true' }
  const made = objectOf(STORAGE_CLASS, 'fast', { provisioner: 'x' })
  await its.client.create(STORAGE_CLASS, { ...made, metadata: { name: 'fast', annotations: isDefault } })
  const classed = await claim('plain')
  assert.equal(stringAt(classed.spec, 'storageClassName'), 'fast')
  assert.deepEqual(classed.metadata.finalizers, ['kubernetes.io/pvc-protection'])
  assert.equal(stringAt((await claim('by-hand', { storageClassName: '' })).spec, 'storageClassName'), '')
  const spec = {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    hostPath: { path: '/tmp/x' },
  }
  const volume = await its.client.create(VOLUME, objectOf(VOLUME, 'v', { spec }))
  assert.deepEqual(volume.metadata.finalizers, ['kubernetes.io/pv-protection'])
})
