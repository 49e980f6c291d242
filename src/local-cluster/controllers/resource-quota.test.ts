import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ApiError, KINDS, type KindRef } from '../../kube/client/index.ts'
import type { Event } from '../../kube/index.ts'
import type { ResourceQuota } from '../quota/index.ts'
import { deploymentOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

const QUOTA: KindRef = {
  group: '',
  version: 'v1',
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
}
let cluster: TestCluster
before(async () => {
  cluster = await startTestCluster()
})
after(() => cluster.stop())

const statusOf = async (name: string) =>
  (await cluster.client.get<ResourceQuota>(QUOTA, name, 'default'))?.status
const quota = (name: string, hard: Readonly<Record<string, string>>) =>
  cluster.client.create<ResourceQuota>(QUOTA, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name, namespace: 'default' },
    spec: { hard },
  })
const configMap = (name: string) =>
  cluster.client.create(KINDS.configMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
  })

test('a new quota is filled in with what is there, and what goes frees it', async () => {
  await configMap('one')
  const before = (await cluster.client.list(KINDS.configMap, { namespace: 'default' })).items.length
  const hard = { configmaps: String(before + 1), 'count/widgets.example.com': '3' }
  await quota('counts', hard)
  await eventually(async () =>
    assert.deepEqual(await statusOf('counts'), { hard, used: { configmaps: String(before) } }),
  )
  await configMap('two')
  await assert.rejects(
    configMap('three'),
    (error) => error instanceof ApiError && /exceeded quota/.test(error.message),
  )
  await cluster.client.delete(KINDS.configMap, 'one', 'default')
  await eventually(() => configMap('three'))
  assert.deepEqual((await statusOf('counts'))?.used, { configmaps: String(before + 1) })
  await cluster.client.delete(QUOTA, 'counts', 'default')
})

test('a ReplicaSet whose pods a quota refuses says so, and goes on when there is room', async () => {
  await quota('pods', { pods: '1' })
  await eventually(async () => assert.deepEqual((await statusOf('pods'))?.used, { pods: '0' }))
  await cluster.client.create(KINDS.deployment, deploymentOf('bounded', { replicas: 2 }))
  await eventually(async () => {
    const { items } = await cluster.client.list<Event>(KINDS.event, { namespace: 'default' })
    const failed = items.find(({ reason }) => reason === 'FailedCreate')
    assert.match(
      failed?.message ?? '',
      /^Error creating: pods "bounded-\w+-\w{5}" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=1, limited: pods=1$/,
    )
  })
  const patch = { spec: { hard: { pods: '3' } } }
  await cluster.client.patch(QUOTA, 'pods', 'default', patch, { type: 'merge' })
  await eventually(async () => assert.deepEqual((await statusOf('pods'))?.used, { pods: '2' }))
  await cluster.client.delete(KINDS.deployment, 'bounded', 'default')
  await eventually(async () => assert.deepEqual((await statusOf('pods'))?.used, { pods: '0' }))
  await cluster.client.delete(QUOTA, 'pods', 'default')
})
