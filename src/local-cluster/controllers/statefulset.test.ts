import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { isActivePod, isPodReady } from './pods.ts'
import { CONTROLLER_REVISION, type ControllerRevision } from './revisions.ts'
import { planStateful, type StatefulInput, type StatefulPod } from './stateful-plan.ts'
import { deploymentOf, eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'
import { CLAIM } from './volume-kinds.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
})
after(() => cluster.stop())

test('pods are made one after the other, each when the one before is ready, with names that stay', async () => {
  const order: string[] = []
  let allowed = 1
  cluster.kubelet.setReadiness((pod) => Number(pod.metadata.name.split('-').at(-1)) < allowed)
  await client.create(KINDS.statefulSet, setOf('db', { replicas: 3, serviceName: 'dbs' }))
  for (; allowed <= 3; allowed++) {
    cluster.kubelet.setReadiness((pod) => Number(pod.metadata.name.split('-').at(-1)) < allowed)
    await eventually(async () =>
      assert.equal((await podsOf('db')).filter(isPodReady).length, Math.min(allowed, 3)),
    )
    order.push((await podsOf('db')).map((pod) => pod.metadata.name).join(' '))
  }
  assert.match(order[0] ?? '', /^db-0( db-1)?$/)
  cluster.kubelet.setReadiness(() => true)
  const set = await rolledOut('db')
  assert.equal(set.status?.currentRevision, set.status?.updateRevision)
  const [, second] = await podsOf('db')
  assert.equal(second?.metadata.name, 'db-1')
  assert.equal(second?.spec.hostname, 'db-1')
  assert.equal(second?.spec.subdomain, 'dbs')
  assert.equal(second?.metadata.labels?.['statefulset.kubernetes.io/pod-name'], 'db-1')
  assert.equal(second?.metadata.labels?.['apps.kubernetes.io/pod-index'], '1')
  assert.equal(second?.metadata.labels?.['controller-revision-hash'], set.status?.updateRevision)
  await client.delete(KINDS.pod, 'db-1', 'default', { gracePeriodSeconds: 0 })
  await eventually(async () => {
    const back = (await podsOf('db')).find((pod) => pod.metadata.name === 'db-1')
    assert.ok(back && back.metadata.uid !== second?.metadata.uid && isPodReady(back))
  })
  assert.deepEqual(
    (await eventsOf(client, 'StatefulSet', 'db')).slice(0, 2).map((one) => [one.reason, one.message]),
    [
      ['SuccessfulCreate', 'create Pod db-0 in StatefulSet db successful'],
      ['SuccessfulCreate', 'create Pod db-1 in StatefulSet db successful'],
    ],
  )
})

test('scaling down takes the highest ordinal first, one at a time', async () => {
  await client.create(KINDS.statefulSet, setOf('shrinks', { replicas: 4 }))
  await rolledOut('shrinks')
  const watch = watchGone('shrinks')
  await change('shrinks', { replicas: 1 })
  await rolledOut('shrinks')
  await eventually(async () => assert.equal((await podsOf('shrinks')).length, 1))
  assert.deepEqual(await watch.stop(), ['shrinks-3', 'shrinks-2', 'shrinks-1'])
})

test('Parallel makes all pods at once, though none of them is ready', async () => {
  cluster.kubelet.setReadiness((pod) => pod.metadata.labels?.['app'] !== 'many')
  await client.create(KINDS.statefulSet, setOf('many', { replicas: 4, podManagementPolicy: 'Parallel' }))
  await eventually(async () => assert.equal((await podsOf('many')).length, 4))
  cluster.kubelet.setReadiness(() => true)
  await rolledOut('many')
  await change('many', { replicas: 0 })
  await eventually(async () => assert.equal((await podsOf('many')).length, 0))
})

test('a rolling update goes from the highest ordinal down, and stops at the partition', async () => {
  await client.create(KINDS.statefulSet, setOf('rolls', { replicas: 3 }))
  const { status: first } = await rolledOut('rolls')
  const rollingUpdate = { partition: 2 }
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate } as const
  await change('rolls', { ...templateWith('rolls', 'app:2'), updateStrategy })
  const images = async () => (await podsOf('rolls')).map((pod) => pod.spec.containers[0]?.image)
  await eventually(async () => assert.deepEqual(await images(), ['app:1', 'app:1', 'app:2']))
  await eventually(async () => {
    const { status } = await get('rolls')
    assert.equal(status?.currentRevision, first?.currentRevision)
    assert.deepEqual([status?.updatedReplicas, status?.currentReplicas, status?.readyReplicas], [1, 2, 3])
  })
  // A pod below the partition that is lost comes back as what it was.
  await client.delete(KINDS.pod, 'rolls-0', 'default', { gracePeriodSeconds: 0 })
  await eventually(async () => {
    assert.deepEqual(await images(), ['app:1', 'app:1', 'app:2'])
    assert.equal((await podsOf('rolls')).filter(isPodReady).length, 3)
  })
  await change('rolls', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } })
  await rolledOut('rolls')
  assert.deepEqual(await images(), ['app:2', 'app:2', 'app:2'])
})

test('OnDelete changes a pod only when somebody deletes it', async () => {
  await client.create(
    KINDS.statefulSet,
    setOf('waits', { replicas: 2, updateStrategy: { type: 'OnDelete' } }),
  )
  await eventually(async () => assert.equal((await get('waits')).status?.readyReplicas, 2))
  await change('waits', templateWith('waits', 'app:2'))
  await client.delete(KINDS.pod, 'waits-0', 'default', { gracePeriodSeconds: 0 })
  await eventually(async () => {
    const found = await podsOf('waits')
    assert.deepEqual(
      found.map((pod) => pod.spec.containers[0]?.image),
      ['app:2', 'app:1'],
    )
    assert.equal((await get('waits')).status?.updatedReplicas, 1)
  })
})

test('each template is a ControllerRevision; going back takes the old one up with a new number', async () => {
  await client.create(KINDS.statefulSet, setOf('past', { revisionHistoryLimit: 1 }))
  for (const image of ['app:2', 'app:3', 'app:4', 'app:3']) {
    await rolledOut('past')
    await change('past', templateWith('past', image))
  }
  await rolledOut('past')
  await eventually(async () => {
    const { items } = await client.list<ControllerRevision>(CONTROLLER_REVISION, {
      namespace: 'default',
      labelSelector: 'app=past',
    })
    const found = items.map((one) => `${one.revision} ${one.data.spec.template.spec.containers[0]?.image}`)
    assert.deepEqual(found.sort(), ['4 app:4', '5 app:3'])
  })
})

test('a ControllerRevision’s data is a patch that brings its template back', async () => {
  await client.create(KINDS.statefulSet, setOf('undoes'))
  const { status } = await rolledOut('undoes')
  const template = { metadata: { labels: { app: 'undoes', extra: 'yes' } }, spec: { containers: [] } }
  const spec = { ...deploymentOf('undoes', {}, 'app:2').spec.template.spec, nodeSelector: { disk: 'ssd' } }
  await change('undoes', { template: { ...template, spec } })
  const revision = await client.get<ControllerRevision>(
    CONTROLLER_REVISION,
    status?.updateRevision ?? '',
    'default',
  )
  await client.patch(KINDS.statefulSet, 'undoes', 'default', revision?.data, { type: 'strategic' })
  const set = await rolledOut('undoes')
  assert.deepEqual(set.spec.template.metadata?.labels, { app: 'undoes' })
  assert.equal(set.spec.template.spec.nodeSelector, undefined)
  assert.equal(set.spec.template.spec.containers[0]?.image, 'app:1')
})

const CLAIM_TEMPLATES = [
  {
    apiVersion: 'v1' as const,
    kind: 'PersistentVolumeClaim' as const,
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } } },
  },
]
const claimsLike = async (prefix: string) => {
  const { items } = await client.list<PersistentVolumeClaim>(CLAIM, { namespace: 'default' })
  return items.filter(({ metadata }) => metadata.name.startsWith(prefix))
}

test('each pod has claims of its own, and finds them again', async () => {
  const volumeClaimTemplates = CLAIM_TEMPLATES
  await client.create(KINDS.statefulSet, setOf('claims', { volumeClaimTemplates, replicas: 2 }))
  await rolledOut('claims')
  const [pod] = await podsOf('claims')
  assert.ok(pod)
  const volume = pod.spec.volumes?.find(({ name }) => name === 'data')
  assert.deepEqual(volume?.persistentVolumeClaim, { claimName: 'data-claims-0' })
  const claims = await eventually(async () => {
    const found = await claimsLike('data-claims-')
    assert.deepEqual(
      found.map(({ metadata, status }) => [metadata.name, metadata.labels, status?.phase]),
      ['data-claims-0', 'data-claims-1'].map((name) => [name, { app: 'claims' }, 'Bound']),
    )
    return found
  })
  await client.delete(KINDS.pod, 'claims-0', 'default')
  await eventually(async () => {
    const again = (await podsOf('claims')).find(({ metadata }) => metadata.name === 'claims-0')
    assert.notEqual(again?.metadata.uid ?? pod.metadata.uid, pod.metadata.uid)
  })
  await client.delete(KINDS.statefulSet, 'claims', 'default')
  await eventually(async () => assert.deepEqual(await podsOf('claims'), []))
  const left = await claimsLike('data-claims-')
  assert.deepEqual(
    left.map(({ metadata }) => metadata.uid),
    claims.map(({ metadata }) => metadata.uid),
  )
  const told = await eventsOf(client, 'StatefulSet', 'claims')
  const messages = told.map(({ message }) => message)
  assert.ok(messages.includes('create Claim data-claims-0 Pod claims-0 in StatefulSet claims success'))
})

test('claims go with their pod or their set where the set says so', async () => {
  const persistentVolumeClaimRetentionPolicy = { whenScaled: 'Delete', whenDeleted: 'Delete' }
  const spec = { persistentVolumeClaimRetentionPolicy, volumeClaimTemplates: CLAIM_TEMPLATES, replicas: 2 }
  await client.create(KINDS.statefulSet, setOf('tidy', spec))
  await rolledOut('tidy')
  await client.patch(KINDS.statefulSet, 'tidy', 'default', { spec: { replicas: 1 } }, { type: 'merge' })
  await eventually(async () => {
    const names = (await claimsLike('data-tidy-')).map(({ metadata }) => metadata.name)
    assert.deepEqual(names, ['data-tidy-0'])
  })
  await client.delete(KINDS.statefulSet, 'tidy', 'default')
  await eventually(async () => assert.deepEqual(await claimsLike('data-tidy-'), []))
})

test('a failed pod is replaced under the same name', async () => {
  await client.create(KINDS.statefulSet, setOf('fails'))
  await rolledOut('fails')
  const [pod] = await podsOf('fails')
  assert.ok(pod)
  cluster.kubelet.setPaused(true)
  await client.patch(
    KINDS.pod,
    'fails-0',
    'default',
    { status: { phase: 'Failed' } },
    { type: 'merge', subresource: 'status' },
  )
  cluster.kubelet.setPaused(false)
  await eventually(async () => {
    const [next] = await podsOf('fails')
    assert.ok(next && next.metadata.uid !== pod.metadata.uid && isPodReady(next))
  })
})

const statefulPods = (replicas: number): fc.Arbitrary<readonly StatefulPod[]> =>
  fc
    .array(
      fc.record({
        phase: fc.constantFrom(
          ...(['failed', 'succeeded', 'terminating', 'starting', 'ready', 'ready'] as const),
        ),
        isAvailable: fc.boolean(),
        isUpdated: fc.boolean(),
        isThere: fc.boolean(),
      }),
      { minLength: replicas, maxLength: replicas + 3 },
    )
    .map((pods) =>
      pods.flatMap(({ isThere, isAvailable, ...pod }, ordinal) =>
        isThere ? [{ ...pod, isAvailable: isAvailable && pod.phase === 'ready', ordinal }] : [],
      ),
    )

const statefulInputs: fc.Arbitrary<StatefulInput> = fc.nat(5).chain((replicas) =>
  fc.record({
    pods: statefulPods(replicas),
    start: fc.constant(0),
    replicas: fc.constant(replicas),
    isOrdered: fc.boolean(),
    update: fc.oneof(
      fc.constant({ kind: 'on-delete' } as const),
      fc.record({
        kind: fc.constant('rolling' as const),
        partition: fc.nat(3),
        maxUnavailable: fc.integer({ min: 1, max: 2 }),
      }),
    ),
  }),
)

test('in order, a step makes or removes at most one pod, and none above one that is not available', () => {
  fc.assert(
    fc.property(statefulInputs, (input) => {
      const { create, remove } = planStateful({ ...input, isOrdered: true })
      const most = input.update.kind === 'rolling' ? input.update.maxUnavailable : 1
      assert.ok(create.length + remove.length <= Math.max(1, most))
      const blocked = input.pods.find((pod) => pod.ordinal < input.replicas && !pod.isAvailable)
      if (blocked) assert.ok(create.every((ordinal) => ordinal < blocked.ordinal))
    }),
  )
})

test('step after step ends with exactly the wanted pods, all of the new revision above the partition', () => {
  fc.assert(
    fc.property(statefulInputs, (start) => {
      let pods = new Map(start.pods.map((pod) => [pod.ordinal, pod]))
      for (let step = 0; step < 60; step++) {
        const { create, remove } = planStateful({ ...start, pods: [...pods.values()] })
        const next = new Map<number, StatefulPod>()
        for (const pod of pods.values()) {
          const isGone = pod.phase === 'terminating' || remove.some(({ ordinal }) => ordinal === pod.ordinal)
          const isDone = pod.phase === 'failed' || pod.phase === 'succeeded'
          if (!isGone) next.set(pod.ordinal, isDone ? pod : { ...pod, phase: 'ready', isAvailable: true })
        }
        for (const ordinal of create) {
          assert.ok(!pods.has(ordinal))
          next.set(ordinal, { ordinal, phase: 'starting', isAvailable: false, isUpdated: true })
        }
        pods = next
      }
      const found = [...pods.values()].sort((a, b) => a.ordinal - b.ordinal)
      assert.deepEqual(
        found.map((pod) => pod.ordinal),
        Array.from({ length: start.replicas }, (_, index) => index),
      )
      const { update } = start
      if (update.kind === 'rolling') {
        assert.ok(found.every((pod) => pod.ordinal < update.partition || pod.isUpdated))
      }
    }),
  )
})

function setOf(name: string, spec: Partial<StatefulSet['spec']> = {}): StatefulSet {
  const { selector, template } = deploymentOf(name).spec
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: 'default' },
    spec: { replicas: 1, serviceName: name, ...(selector ? { selector } : {}), template, ...spec },
  }
}

async function get(name: string): Promise<StatefulSet> {
  const set = await client.get<StatefulSet>(KINDS.statefulSet, name, 'default')
  assert.ok(set)
  return set
}

function change(name: string, spec: Partial<StatefulSet['spec']>): Promise<StatefulSet> {
  return client.patch<StatefulSet>(KINDS.statefulSet, name, 'default', { spec }, { type: 'merge' })
}

function templateWith(name: string, image: string): Pick<StatefulSet['spec'], 'template'> {
  return { template: deploymentOf(name, {}, image).spec.template }
}

/** As `kubectl rollout status` judges. */
function rolledOut(name: string): Promise<StatefulSet> {
  return eventually(async () => {
    const set = await get(name)
    const { status, metadata, spec } = set
    assert.equal(status?.observedGeneration, metadata.generation)
    assert.equal(status?.replicas, spec.replicas)
    assert.equal(status?.readyReplicas ?? 0, spec.replicas)
    assert.equal(status?.updatedReplicas ?? 0, spec.replicas)
    assert.equal(status?.currentRevision, status?.updateRevision)
    return set
  })
}

async function podsOf(name: string): Promise<readonly Pod[]> {
  const { items } = await client.list<Pod>(KINDS.pod, { namespace: 'default', labelSelector: `app=${name}` })
  return items
    .filter(isActivePod)
    .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name, 'en', { numeric: true }))
}

/** Names of the pods of an app in the order in which they went. */
function watchGone(name: string): { readonly stop: () => Promise<readonly string[]> } {
  const abort = new AbortController()
  const gone: string[] = []
  const follow = async () => {
    const options = { namespace: 'default', labelSelector: `app=${name}`, signal: abort.signal }
    for await (const event of client.watch<Pod>(KINDS.pod, options)) {
      if (event.type === 'DELETED') gone.push(event.object.metadata.name)
    }
  }
  const followed = follow().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error
  })
  return {
    async stop() {
      await eventually(() => assert.ok(gone.length >= 3))
      abort.abort()
      await followed
      return gone
    },
  }
}
