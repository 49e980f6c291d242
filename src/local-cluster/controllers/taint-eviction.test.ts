import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Node, Pod, Toleration } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
  await client.create<Node>(KINDS.node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'lateen' },
    spec: {},
  })
})
after(() => cluster.stop())

test('a taint NoExecute deletes the pods that do not tolerate it, at once or when their time is over', async () => {
  const forever: Toleration = { key: 'broken', operator: 'Exists' }
  await create('plain', [])
  await create('other', [{ key: 'else', operator: 'Exists' }])
  await create('forever', [forever])
  await create('short', [{ ...forever, effect: 'NoExecute', tolerationSeconds: 1 }])
  await create('long', [{ ...forever, effect: 'NoExecute', tolerationSeconds: 1000 }])
  await eventually(() => assert.equal(cluster.kubelet.podOf('long')?.spec.nodeName, 'lateen'))
  await taint([{ key: 'broken', value: 'disk', effect: 'NoExecute' }])
  await eventually(async () => assert.deepEqual(await names(), ['forever', 'long']))
  const told = await eventually(async () => {
    const found = await eventsOf(client, 'Pod', 'plain')
    assert.ok(found.length > 0)
    return found
  })
  assert.ok(told.some(({ message }) => message === 'Marking for deletion Pod default/plain'))
  await taint([])
  await eventually(async () => {
    const messages = (await eventsOf(client, 'Pod', 'long')).map(({ message }) => message)
    assert.ok(messages.includes('Cancelling deletion of Pod default/long'), messages.join())
  })
  assert.deepEqual(await names(), ['forever', 'long'])
})

async function create(name: string, tolerations: readonly Toleration[]) {
  const metadata = { name, namespace: 'default' }
  const spec = { containers: [{ name: 'c', image: 'x' }], nodeName: 'lateen', tolerations }
  await client.create<Pod>(KINDS.pod, { apiVersion: 'v1', kind: 'Pod', metadata, spec })
}

async function taint(taints: readonly object[]) {
  await client.patch(KINDS.node, 'lateen', undefined, { spec: { taints } }, { type: 'merge' })
}

async function names() {
  const { items } = await client.list<Pod>(KINDS.pod, { namespace: 'default' })
  return items.map(({ metadata }) => metadata.name).sort()
}
