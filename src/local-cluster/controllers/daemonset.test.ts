import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { DaemonSet, Node, Pod } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { type DaemonNode, planDaemons } from './daemon-plan.ts'
import { fitsNode } from './node-fit.ts'
import { isActivePod, isPodReady } from './pods.ts'
import { deploymentOf, eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
  await client.create(KINDS.node, nodeNamed('lateen'))
})
after(() => cluster.stop())

test('a DaemonSet has one pod on the node, which tolerates what befalls a node', async () => {
  await client.create(KINDS.daemonSet, setOf('agent'))
  const { status } = await rolledOut('agent')
  assert.deepEqual(
    [status?.desiredNumberScheduled, status?.currentNumberScheduled, status?.numberMisscheduled],
    [1, 1, 0],
  )
  const [pod] = await podsOf('agent')
  assert.match(pod?.metadata.name ?? '', /^agent-[a-z0-9]{5}$/)
  assert.ok(pod?.spec.tolerations?.some((one) => one.key === 'node.kubernetes.io/unschedulable'))
  await eventually(async () => {
    const [told] = await eventsOf(client, 'DaemonSet', 'agent')
    assert.deepEqual(
      [told?.reason, told?.message],
      ['SuccessfulCreate', `Created pod: ${pod?.metadata.name}`],
    )
  })
})

test('a pod that is deleted comes back, and a second one on the node goes', async () => {
  await client.create(KINDS.daemonSet, setOf('single'))
  await rolledOut('single')
  const [pod] = await podsOf('single')
  await client.delete(KINDS.pod, pod?.metadata.name ?? '', 'default', { gracePeriodSeconds: 0 })
  await eventually(async () => {
    const [next] = await podsOf('single')
    assert.ok(next && next.metadata.uid !== pod?.metadata.uid && isPodReady(next))
  })
  const template = deploymentOf('single').spec.template
  await client.create(KINDS.pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'stray', namespace: 'default', labels: { app: 'single' } },
    spec: { ...template.spec, nodeName: 'lateen' },
  })
  await eventually(async () => {
    assert.equal((await podsOf('single')).length, 1)
    assert.equal(await client.get(KINDS.pod, 'stray', 'default'), undefined)
  })
})

test('a rolling update replaces the pod; with maxSurge the old one stays until the new one is ready', async () => {
  await client.create(KINDS.daemonSet, setOf('rolls'))
  await rolledOut('rolls')
  await change('rolls', templateWith('rolls', 'app:2'))
  await rolledOut('rolls')
  assert.equal((await podsOf('rolls'))[0]?.spec.containers[0]?.image, 'app:2')
  const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 }
  cluster.kubelet.setReadiness((pod) => pod.spec.containers[0]?.image !== 'app:3')
  await change('rolls', {
    ...templateWith('rolls', 'app:3'),
    updateStrategy: { type: 'RollingUpdate', rollingUpdate },
  })
  await eventually(async () => {
    const found = await podsOf('rolls')
    const images = found.map((pod) => pod.spec.containers[0]?.image ?? '')
    assert.deepEqual(images.sort(), ['app:2', 'app:3'])
  })
  cluster.kubelet.setReadiness(() => true)
  await rolledOut('rolls')
  assert.deepEqual(
    (await podsOf('rolls')).map((pod) => pod.spec.containers[0]?.image),
    ['app:3'],
  )
})

test('OnDelete changes a pod only when somebody deletes it', async () => {
  await client.create(KINDS.daemonSet, setOf('waits', { updateStrategy: { type: 'OnDelete' } }))
  await rolledOut('waits')
  await change('waits', templateWith('waits', 'app:2'))
  await eventually(async () => {
    const { status, metadata } = await get('waits')
    assert.equal(status?.observedGeneration, metadata.generation)
    assert.equal(status?.updatedNumberScheduled, undefined)
  })
  const [pod] = await podsOf('waits')
  await client.delete(KINDS.pod, pod?.metadata.name ?? '', 'default', { gracePeriodSeconds: 0 })
  await rolledOut('waits')
})

test('a node that does not fit any more loses its pod', async () => {
  await client.create(KINDS.daemonSet, withSelector('picky', { disk: 'ssd' }))
  await eventually(async () => assert.equal((await get('picky')).status?.desiredNumberScheduled, 0))
  const label = (disk: string) =>
    client.patch(KINDS.node, 'lateen', undefined, labels(disk), { type: 'merge' })
  await label('ssd')
  await rolledOut('picky')
  await label('hdd')
  await eventually(async () => assert.deepEqual(await podsOf('picky'), []))
})

test('where a pod belongs is said by name, selector, affinity and taints', () => {
  const node = {
    ...nodeNamed('n'),
    spec: { taints: [{ key: 'gpu', value: 'a', effect: 'NoSchedule' }] },
  } as Node
  const spec = { containers: [] }
  const tolerations = [{ key: 'gpu', operator: 'Exists' }] as const
  assert.equal(fitsNode(spec, node), false)
  assert.equal(fitsNode({ ...spec, tolerations }, node), true)
  assert.equal(fitsNode({ ...spec, tolerations, nodeName: 'other' }, node), false)
  const required = (operator: 'In' | 'NotIn') => ({
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'os', operator, values: ['linux'] }] }],
      },
    },
  })
  assert.equal(fitsNode({ ...spec, tolerations, affinity: required('In') }, node), false)
  assert.equal(fitsNode({ ...spec, tolerations, affinity: required('NotIn') }, node), true)
  const cordoned = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const
  assert.equal(fitsNode(spec, { ...node, spec: { taints: [cordoned] } }), true)
})

const daemonNodes: fc.Arbitrary<readonly DaemonNode[]> = fc
  .array(
    fc.record({
      isWanted: fc.boolean(),
      pods: fc.array(
        fc.record({
          isUpdated: fc.boolean(),
          isTerminating: fc.boolean(),
          isFinished: fc.boolean(),
          isAvailable: fc.boolean(),
        }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 5 },
  )
  .map((nodes) =>
    nodes.map((node, index) => ({
      ...node,
      name: `n${index}`,
      pods: node.pods.map((pod, at) => ({ ...pod, isReady: pod.isAvailable, name: `n${index}-${at}` })),
    })),
  )

test('step after step ends with one new pod on each wanted node and none elsewhere', () => {
  const updates = fc.record({ isSurge: fc.boolean(), bound: fc.integer({ min: 1, max: 3 }) })
  fc.assert(
    fc.property(daemonNodes, updates, (start, { isSurge, bound }) => {
      const update = {
        kind: 'rolling',
        maxSurge: isSurge ? bound : 0,
        maxUnavailable: isSurge ? 0 : bound,
      } as const
      let nodes = start
      for (let step = 0; step < 40; step++) {
        const { create, remove } = planDaemons(nodes, update)
        nodes = nodes.map((node) => {
          const kept = node.pods
            .filter((pod) => !pod.isTerminating && !remove.includes(pod.name))
            .map((pod) => (pod.isFinished ? pod : { ...pod, isReady: true, isAvailable: true }))
          const fresh = { isUpdated: true, isTerminating: false, isFinished: false }
          const made = { ...fresh, name: `${node.name}+${step}`, isReady: false, isAvailable: false }
          return { ...node, pods: create.includes(node.name) ? [...kept, made] : kept }
        })
      }
      for (const { isWanted, pods } of nodes) {
        assert.deepEqual(
          pods.map((pod) => pod.isUpdated),
          isWanted ? [true] : [],
        )
      }
    }),
  )
})

function nodeNamed(name: string): Node {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name } }
}

function labels(disk: string) {
  return { metadata: { labels: { disk } } }
}

function setOf(name: string, spec: Partial<DaemonSet['spec']> = {}): DaemonSet {
  const { selector, template } = deploymentOf(name).spec
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: 'default' },
    spec: { ...(selector ? { selector } : {}), template, ...spec },
  }
}

function withSelector(name: string, nodeSelector: Readonly<Record<string, string>>): DaemonSet {
  const { template } = deploymentOf(name).spec
  return setOf(name, { template: { ...template, spec: { ...template.spec, nodeSelector } } })
}

async function get(name: string): Promise<DaemonSet> {
  const set = await client.get<DaemonSet>(KINDS.daemonSet, name, 'default')
  assert.ok(set)
  return set
}

function change(name: string, spec: Partial<DaemonSet['spec']>): Promise<DaemonSet> {
  return client.patch<DaemonSet>(KINDS.daemonSet, name, 'default', { spec }, { type: 'merge' })
}

function templateWith(name: string, image: string): Pick<DaemonSet['spec'], 'template'> {
  return { template: deploymentOf(name, {}, image).spec.template }
}

/** As `kubectl rollout status` judges, with a single pod. */
function rolledOut(name: string): Promise<DaemonSet> {
  return eventually(async () => {
    const set = await get(name)
    const { status, metadata } = set
    assert.equal(status?.observedGeneration, metadata.generation)
    assert.equal(status?.updatedNumberScheduled, 1)
    assert.equal(status?.numberAvailable, 1)
    assert.equal((await podsOf(name)).length, 1)
    return set
  })
}

async function podsOf(name: string): Promise<readonly Pod[]> {
  const { items } = await client.list<Pod>(KINDS.pod, { namespace: 'default', labelSelector: `app=${name}` })
  return items.filter(isActivePod)
}
