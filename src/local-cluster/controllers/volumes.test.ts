import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { KubeObject, PersistentVolumeClaim, Pod } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'
import { CLAIM, type PersistentVolume, STORAGE_CLASS, VOLUME } from './volume-kinds.ts'

let cluster: TestCluster
before(async () => {
  cluster = await startTestCluster()
  await eventually(async () => assert.ok(await cluster.client.get(STORAGE_CLASS, 'standard')))
  await eventually(async () =>
    assert.ok(await cluster.client.get(KINDS.serviceAccount, 'default', 'default')),
  )
})
after(() => cluster.stop())

const create = (name: string, spec: object = {}) =>
  cluster.client.create<PersistentVolumeClaim>(CLAIM, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  })
const claimOf = async (name: string) => {
  const claim = await cluster.client.get<PersistentVolumeClaim>(CLAIM, name, 'default')
  return claim ?? assert.fail(`${name} is gone`)
}
const volumeOf = (name: string) => cluster.client.get<PersistentVolume>(VOLUME, name)
const bound = (name: string) =>
  eventually(async () => {
    const claim = await claimOf(name)
    assert.equal(claim.status?.phase, 'Bound')
    const volume = await volumeOf(claim.spec?.volumeName ?? '')
    assert.equal(volume?.status?.phase, 'Bound')
    return { claim, volume }
  })
const remove = (name: string) => cluster.client.delete(CLAIM, name, 'default')

function volume(name: string, spec: object = {}): PersistentVolume {
  const hostPath = { path: join(cluster.directory, name) }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: { capacity: { storage: '5Gi' }, accessModes: ['ReadWriteOnce'], hostPath, ...spec },
  }
}

test('a claim of the default class gets a directory of its own, which goes with it', async () => {
  await create('data')
  const { claim, volume } = await bound('data')
  const { hostPath, claimRef, capacity, persistentVolumeReclaimPolicy } = volume.spec
  assert.equal(claim.spec?.storageClassName, 'standard')
  assert.deepEqual(claim.status?.capacity, { storage: '1Gi' })
  assert.deepEqual(capacity, { storage: '1Gi' })
  assert.equal(persistentVolumeReclaimPolicy, 'Delete')
  assert.equal(claimRef?.uid, claim.metadata.uid)
  assert.ok(hostPath)
  await writeFile(join(hostPath.path, 'kept'), 'x')
  assert.deepEqual(await readdir(hostPath.path), ['kept'])
  await eventually(async () => {
    const reasons = (await eventsOf(cluster.client, 'PersistentVolumeClaim', 'data')).map(
      ({ reason }) => reason,
    )
    assert.deepEqual(reasons, ['ProvisioningSucceeded'])
  })
  await remove('data')
  await eventually(async () => {
    assert.equal(await volumeOf(volume.metadata.name), undefined)
    assert.ok(!existsSync(hostPath.path))
  })
})

test('a claim that wants more has it', async () => {
  await create('growing')
  await bound('growing')
  const spec = { resources: { requests: { storage: '3Gi' } } }
  await cluster.client.patch(CLAIM, 'growing', 'default', { spec }, { type: 'merge' })
  await eventually(async () =>
    assert.deepEqual((await claimOf('growing')).status?.capacity, { storage: '3Gi' }),
  )
  await remove('growing')
})

test('a claim without a class takes the smallest volume that is enough; what it leaves is kept', async () => {
  await create('static', { storageClassName: '' })
  await eventually(async () => {
    const [event] = await eventsOf(cluster.client, 'PersistentVolumeClaim', 'static')
    assert.equal(event?.reason, 'FailedBinding')
    assert.equal((await claimOf('static')).status?.phase, 'Pending')
  })
  await cluster.client.create(VOLUME, volume('tiny', { capacity: { storage: '1Mi' } }))
  await cluster.client.create(VOLUME, volume('classed', { storageClassName: 'other' }))
  await eventually(async () => assert.equal((await volumeOf('tiny'))?.status?.phase, 'Available'))
  await cluster.client.create(VOLUME, volume('fits'))
  const { claim } = await bound('static')
  assert.equal(claim.spec?.volumeName, 'fits')
  await remove('static')
  await eventually(async () => assert.equal((await volumeOf('fits'))?.status?.phase, 'Released'))
})

test('a volume may be kept for a claim, and a claim may name its volume', async () => {
  const claimRef = { namespace: 'default', name: 'meant' }
  await cluster.client.create(VOLUME, volume('for-meant', { claimRef }))
  await create('meant', { storageClassName: '', resources: { requests: { storage: '1Ki' } } })
  assert.equal((await bound('meant')).claim.spec?.volumeName, 'for-meant')
  await create('naming', { storageClassName: '', volumeName: 'later' })
  await eventually(async () => assert.equal((await claimOf('naming')).status?.phase, 'Pending'))
  await cluster.client.create(VOLUME, volume('later'))
  await bound('naming')
  await create('envious', { storageClassName: '', volumeName: 'later' })
  await eventually(async () => {
    const [event] = await eventsOf(cluster.client, 'PersistentVolumeClaim', 'envious')
    assert.equal(event?.message, 'volume "later" already bound to a different claim.')
  })
})

test('a class that waits for a consumer, one of others and one that is missing are told of', async () => {
  const classOf = (name: string, more: object): KubeObject => {
    const object = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name }, ...more }
    return object
  }
  const volumeBindingMode = 'WaitForFirstConsumer'
  await cluster.client.create(
    STORAGE_CLASS,
    classOf('waiting', { provisioner: 'lateen.dev/directory', volumeBindingMode }),
  )
  await cluster.client.create(STORAGE_CLASS, classOf('foreign', { provisioner: 'example.com/disk' }))
  for (const storageClassName of ['waiting', 'foreign', 'missing']) {
    await create(`of-${storageClassName}`, { storageClassName })
  }
  const reasonOf = async (name: string) =>
    (await eventsOf(cluster.client, 'PersistentVolumeClaim', name))[0]?.reason
  await eventually(async () => {
    assert.equal(await reasonOf('of-waiting'), 'WaitForFirstConsumer')
    assert.equal(await reasonOf('of-foreign'), 'ExternalProvisioning')
    assert.equal(await reasonOf('of-missing'), 'ProvisioningFailed')
  })
  const annotations = (await claimOf('of-foreign')).metadata.annotations
  assert.equal(annotations?.['volume.kubernetes.io/storage-provisioner'], 'example.com/disk')
  await cluster.client.create(
    KINDS.pod,
    podWith('consumer', { persistentVolumeClaim: { claimName: 'of-waiting' } }),
  )
  await bound('of-waiting')
})

function podWith(name: string, source: object): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'app', image: 'x' }], volumes: [{ name: 'data', ...source }] },
  }
}

test('a claim in use stays until its pod is gone', async () => {
  await create('used')
  await bound('used')
  await cluster.client.create(KINDS.pod, podWith('user', { persistentVolumeClaim: { claimName: 'used' } }))
  await eventually(() => assert.equal(cluster.kubelet.podOf('user')?.status?.phase, 'Running'))
  await remove('used')
  await create('other')
  await bound('other')
  assert.ok((await claimOf('used')).metadata.deletionTimestamp)
  await cluster.client.delete(KINDS.pod, 'user', 'default')
  await eventually(async () => assert.equal(await cluster.client.get(CLAIM, 'used', 'default'), undefined))
})

test('a generic ephemeral volume has a claim that its pod owns', async () => {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } }
  await cluster.client.create(KINDS.pod, podWith('brief', { ephemeral: { volumeClaimTemplate: { spec } } }))
  const { claim, volume } = await bound('brief-data')
  assert.equal(claim.metadata.ownerReferences?.[0]?.name, 'brief')
  await cluster.client.delete(KINDS.pod, 'brief', 'default')
  await eventually(async () => assert.equal(await volumeOf(volume.metadata.name), undefined))
})

test('a claim whose volume was taken away says that it is lost', async () => {
  await create('unlucky')
  const { volume } = await bound('unlucky')
  const name = volume.metadata.name
  await cluster.client.patch(VOLUME, name, undefined, { metadata: { finalizers: null } }, { type: 'merge' })
  await cluster.client.delete(VOLUME, name)
  await eventually(async () => assert.equal((await claimOf('unlucky')).status?.phase, 'Lost'))
})
