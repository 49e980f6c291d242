import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ConfigMap, KubeObject, Namespace, OwnerReference, ReplicaSet } from '../../kube/index.ts'
import { type KindRef, type KubeClient, KINDS } from '../../kube/client/index.ts'
import { WIDGET_CRD, WIDGETS } from '../apiserver/testing.ts'
import { deploymentOf, eventually, ROOT_CERTIFICATE, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
})
after(() => cluster.stop())

describe('garbage collection', () => {
  test('in the background the owner goes at once and its dependents follow, down to the last', async () => {
    await client.create(KINDS.deployment, deploymentOf('background', { replicas: 3 }))
    await eventually(async () => assert.equal(await countOf(KINDS.pod, 'background'), 3))
    await client.delete(KINDS.deployment, 'background', 'default', { propagationPolicy: 'Background' })
    assert.equal(await client.get(KINDS.deployment, 'background', 'default'), undefined)
    await eventually(async () => {
      assert.equal(await countOf(KINDS.replicaSet, 'background'), 0)
      assert.equal(await countOf(KINDS.pod, 'background'), 0)
    })
  })

  test('in the foreground the owner goes after its last dependent', async () => {
    await client.create(KINDS.deployment, deploymentOf('foreground', { replicas: 2 }))
    await eventually(async () => assert.equal(await scheduledPods('foreground'), 2))
    cluster.kubelet.setPaused(true)
    await client.delete(KINDS.deployment, 'foreground', 'default', { propagationPolicy: 'Foreground' })
    await eventually(async () => {
      const { items } = await client.list<KubeObject>(KINDS.pod, { labelSelector: 'app=foreground' })
      assert.ok(items.length === 2 && items.every((pod) => pod.metadata.deletionTimestamp !== undefined))
    })
    const waiting = await client.get(KINDS.deployment, 'foreground', 'default')
    assert.deepEqual(waiting?.metadata.finalizers, ['foregroundDeletion'])
    cluster.kubelet.setPaused(false)
    await eventually(async () => {
      assert.equal(await client.get(KINDS.deployment, 'foreground', 'default'), undefined)
    })
    assert.equal(await countOf(KINDS.pod, 'foreground'), 0)
    assert.equal(await countOf(KINDS.replicaSet, 'foreground'), 0)
  })

  test('orphaned dependents stay, and a new owner of the same kind adopts them', async () => {
    await client.create(KINDS.deployment, deploymentOf('orphaned', { replicas: 2 }))
    await eventually(async () => assert.equal(await countOf(KINDS.pod, 'orphaned'), 2))
    const [before] = await replicaSetsOf('orphaned')
    await client.delete(KINDS.deployment, 'orphaned', 'default', { propagationPolicy: 'Orphan' })
    await eventually(async () => {
      assert.equal(await client.get(KINDS.deployment, 'orphaned', 'default'), undefined)
    })
    const [left] = await replicaSetsOf('orphaned')
    assert.equal(left?.metadata.uid, before?.metadata.uid)
    assert.equal(left?.metadata.ownerReferences, undefined)
    assert.equal(await countOf(KINDS.pod, 'orphaned'), 2)
    const again = await client.create(KINDS.deployment, deploymentOf('orphaned', { replicas: 2 }))
    await eventually(async () => {
      const [adopted] = await replicaSetsOf('orphaned')
      assert.equal(adopted?.metadata.ownerReferences?.[0]?.uid, again.metadata.uid)
    })
    assert.equal((await replicaSetsOf('orphaned')).length, 1)
  })

  test('what names an owner that never existed is deleted', async () => {
    await client.create(
      KINDS.configMap,
      configMapOf('stray', [ownerRef('ConfigMap', 'nobody', 'no-such-uid')]),
    )
    await gone('stray')
  })

  test('an owner of the same name with another uid is another owner', async () => {
    await client.create(KINDS.configMap, configMapOf('namesake'))
    await client.create(
      KINDS.configMap,
      configMapOf('mistaken', [ownerRef('ConfigMap', 'namesake', 'other-uid')]),
    )
    await gone('mistaken')
    assert.ok(await client.get(KINDS.configMap, 'namesake', 'default'))
  })

  test('what has two owners lives until the second is gone, and does not hold up the first', async () => {
    const a = await client.create(KINDS.configMap, configMapOf('owner-a'))
    const b = await client.create(KINDS.configMap, configMapOf('owner-b'))
    const owners = [a, b].map((owner) => ({
      ...ownerRef('ConfigMap', owner.metadata.name, owner.metadata.uid ?? ''),
      blockOwnerDeletion: true,
    }))
    await client.create(KINDS.configMap, configMapOf('shared', owners))
    await client.delete(KINDS.configMap, 'owner-a', 'default', { propagationPolicy: 'Foreground' })
    await gone('owner-a')
    const shared = await client.get<ConfigMap>(KINDS.configMap, 'shared', 'default')
    assert.deepEqual(
      shared?.metadata.ownerReferences?.map((owner) => owner.name),
      ['owner-b'],
    )
    await client.delete(KINDS.configMap, 'owner-b', 'default')
    await gone('shared')
  })

  test('an owner of a kind that is not served is given the benefit of the doubt', async () => {
    const owner = { ...ownerRef('Gadget', 'unknown', 'some-uid'), apiVersion: 'nowhere.example.com/v1' }
    await client.create(KINDS.configMap, configMapOf('doubtful', [owner]))
    // Whatever was going to be collected before it has been by now.
    await client.create(
      KINDS.configMap,
      configMapOf('control', [ownerRef('ConfigMap', 'nobody', 'no-such-uid')]),
    )
    await gone('control')
    assert.ok(await client.get(KINDS.configMap, 'doubtful', 'default'))
  })

  test('custom resources own and are owned, whichever version of their kind is named', async () => {
    const crd = await client.create(KINDS.customResourceDefinition, WIDGET_CRD)
    const made = await eventually(() => client.create<KubeObject>(WIDGETS, widgetIn('default', 'owner')))
    const reference = {
      ...ownerRef('Widget', 'owner', made.metadata.uid ?? ''),
      apiVersion: 'example.com/v1beta1',
    }
    await client.create(KINDS.configMap, configMapOf('owned-by-widget', [reference]))
    await client.delete(WIDGETS, 'owner', 'default')
    await gone('owned-by-widget')
    await client.delete(KINDS.customResourceDefinition, crd.metadata.name)
    await eventually(async () =>
      assert.equal(await client.get(KINDS.customResourceDefinition, crd.metadata.name), undefined),
    )
  })
})

describe('namespaces', () => {
  test('a namespace gets its default ServiceAccount and the root certificate, and gets them back', async () => {
    await client.create(KINDS.namespace, namespaceOf('furnished'))
    await furnished('furnished')
    await client.delete(KINDS.serviceAccount, 'default', 'furnished')
    await client.delete(KINDS.configMap, 'kube-root-ca.crt', 'furnished')
    await furnished('furnished')
    const data = { data: { 'ca.crt': 'forged' } }
    await client.patch(KINDS.configMap, 'kube-root-ca.crt', 'furnished', data, { type: 'merge' })
    await furnished('furnished')
  })

  test('a deleted namespace is emptied, custom resources and finalizers included, and goes when the last has gone', async () => {
    await client.create(KINDS.customResourceDefinition, WIDGET_CRD)
    await client.create(KINDS.namespace, namespaceOf('doomed'))
    await furnished('doomed')
    await eventually(() => client.create(WIDGETS, widgetIn('doomed', 'one')))
    const deployment = deploymentOf('web', { replicas: 2 })
    await client.create(KINDS.deployment, { ...deployment, metadata: { name: 'web', namespace: 'doomed' } })
    const held = configMapOf('held')
    const finalizers = ['example.com/hold']
    await client.create(KINDS.configMap, {
      ...held,
      metadata: { name: 'held', namespace: 'doomed', finalizers },
    })
    await eventually(async () => {
      assert.equal((await client.list(KINDS.pod, { namespace: 'doomed' })).items.length, 2)
    })
    await client.delete(KINDS.namespace, 'doomed')
    await eventually(async () => {
      const namespace = await client.get<Namespace>(KINDS.namespace, 'doomed')
      assert.equal(namespace?.status?.phase, 'Terminating')
      assert.deepEqual(
        namespace?.status?.conditions?.map((one) => one.message),
        [
          'Some resources are remaining: configmaps. has 1 resource instances',
          'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
        ],
      )
    })
    assert.equal((await client.list(WIDGETS, { namespace: 'doomed' })).items.length, 0)
    await client.patch(KINDS.configMap, 'held', 'doomed', { metadata: { finalizers: [] } }, { type: 'merge' })
    await eventually(async () => assert.equal(await client.get(KINDS.namespace, 'doomed'), undefined))
    await client.create(KINDS.namespace, namespaceOf('doomed'))
    await furnished('doomed')
  })
})

function furnished(namespace: string): Promise<void> {
  return eventually(async () => {
    assert.ok(await client.get(KINDS.serviceAccount, 'default', namespace))
    const map = await client.get<ConfigMap>(KINDS.configMap, 'kube-root-ca.crt', namespace)
    assert.equal(map?.data?.['ca.crt'], ROOT_CERTIFICATE)
  })
}

function gone(configMap: string): Promise<void> {
  return eventually(async () => {
    assert.equal(await client.get(KINDS.configMap, configMap, 'default'), undefined)
  })
}

async function countOf(kind: KindRef, app: string): Promise<number> {
  return (await client.list(kind, { namespace: 'default', labelSelector: `app=${app}` })).items.length
}

async function scheduledPods(app: string): Promise<number> {
  const { items } = await client.list<KubeObject & { spec: { nodeName?: string } }>(KINDS.pod, {
    labelSelector: `app=${app}`,
  })
  return items.filter((pod) => pod.spec.nodeName !== undefined).length
}

async function replicaSetsOf(app: string): Promise<readonly ReplicaSet[]> {
  return (await client.list<ReplicaSet>(KINDS.replicaSet, { labelSelector: `app=${app}` })).items
}

function configMapOf(name: string, ownerReferences: readonly OwnerReference[] = []): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ownerReferences } }
}

function ownerRef(kind: string, name: string, uid: string): OwnerReference {
  return { apiVersion: 'v1', kind, name, uid }
}

function widgetIn(namespace: string, name: string): KubeObject {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, namespace }, spec: { size: 1 } }
}

function namespaceOf(name: string): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
}
