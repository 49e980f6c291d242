import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { KubeObject, Pod, PodDisruptionBudget } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { deploymentOf, eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
})
after(() => cluster.stop())

test('a budget says how many of its pods may be evicted, as pods become ready', async () => {
  cluster.kubelet.setReadiness((pod) => pod.metadata.labels?.['app'] !== 'web')
  await client.create(KINDS.deployment, deploymentOf('web', { replicas: 3 }))
  await client.create(KINDS.podDisruptionBudget, budgetOf('web', { minAvailable: 2 }))
  await eventually(async () => assert.deepEqual(await countsOf('web'), [0, 0, 2, 3]))
  cluster.kubelet.setReadiness(() => true)
  await eventually(async () => assert.deepEqual(await countsOf('web'), [1, 3, 2, 3]))
  const { status } = await get('web')
  const [condition] = status?.conditions ?? []
  assert.deepEqual(
    [condition?.type, condition?.status, condition?.reason],
    ['DisruptionAllowed', 'True', 'SufficientPods'],
  )
})

test('shares and maxUnavailable are taken of what the controllers want, not of what is there', async () => {
  await client.create(KINDS.deployment, deploymentOf('shares', { replicas: 4 }))
  await client.create(KINDS.podDisruptionBudget, budgetOf('shares', { minAvailable: '50%' }))
  await eventually(async () => assert.deepEqual(await countsOf('shares'), [2, 4, 2, 4]))
  await client.patch(
    KINDS.podDisruptionBudget,
    'shares',
    'default',
    { spec: { minAvailable: null, maxUnavailable: 1 } },
    { type: 'merge' },
  )
  await eventually(async () => assert.deepEqual(await countsOf('shares'), [1, 4, 3, 4]))
})

test('an eviction is refused where the budget allows none, and granted where it does', async () => {
  await client.create(KINDS.deployment, deploymentOf('guarded', { replicas: 2 }))
  await client.create(KINDS.podDisruptionBudget, budgetOf('guarded', { minAvailable: 2 }))
  await eventually(async () => assert.deepEqual(await countsOf('guarded'), [0, 2, 2, 2]))
  const [pod] = await podsOf('guarded')
  assert.equal(await evict(pod?.metadata.name ?? ''), 429)
  await client.patch(
    KINDS.podDisruptionBudget,
    'guarded',
    'default',
    { spec: { minAvailable: 1 } },
    { type: 'merge' },
  )
  await eventually(async () => assert.equal((await countsOf('guarded'))[0], 1))
  assert.equal(await evict(pod?.metadata.name ?? ''), 201)
  await eventually(async () => {
    assert.ok((await podsOf('guarded')).every((one) => one.metadata.uid !== pod?.metadata.uid))
    assert.deepEqual(await countsOf('guarded'), [1, 2, 1, 2])
  })
})

test('evictions that come at the same time do not spend the same disruption', async () => {
  await client.create(KINDS.deployment, deploymentOf('raced', { replicas: 4 }))
  await client.create(KINDS.podDisruptionBudget, budgetOf('raced', { minAvailable: 2 }))
  await eventually(async () => assert.deepEqual(await countsOf('raced'), [2, 4, 2, 4]))
  cluster.kubelet.setPaused(true)
  const answers = await Promise.all((await podsOf('raced')).map((pod) => evict(pod.metadata.name)))
  assert.deepEqual(
    answers.sort((a, b) => a - b),
    [201, 201, 429, 429],
  )
  cluster.kubelet.setPaused(false)
  await eventually(async () => assert.deepEqual(await countsOf('raced'), [2, 4, 2, 4]))
})

test('pods that nobody controls are no part of a share, and an event says so', async () => {
  await client.create(KINDS.pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'alone', namespace: 'default', labels: { app: 'alone' } },
    spec: { containers: [{ name: 'app', image: 'x' }] },
  })
  await client.create(KINDS.podDisruptionBudget, budgetOf('alone', { maxUnavailable: '50%' }))
  await eventually(async () => {
    assert.deepEqual(await countsOf('alone'), [0, 1, 0, 0])
    const told = await eventsOf(client, 'PodDisruptionBudget', 'alone')
    assert.ok(told.some(({ reason }) => reason === 'UnmanagedPods'))
  })
})

test('pods that are not ready may go where the budget always allows that, or where enough others are', async () => {
  cluster.kubelet.setReadiness((pod) => !pod.metadata.name.startsWith('ill'))
  for (const name of ['ill-guarded', 'ill-allowed']) {
    await client.create(KINDS.deployment, deploymentOf(name, { replicas: 2 }))
  }
  await client.create(KINDS.podDisruptionBudget, budgetOf('ill-guarded', { minAvailable: 1 }))
  const unhealthyPodEvictionPolicy = 'AlwaysAllow'
  await client.create(
    KINDS.podDisruptionBudget,
    budgetOf('ill-allowed', { minAvailable: 1, unhealthyPodEvictionPolicy }),
  )
  const running = (name: string) =>
    eventually(async () => {
      const pods = await podsOf(name)
      assert.equal(pods.filter((pod) => pod.status?.phase === 'Running').length, 2)
      assert.deepEqual(await countsOf(name), [0, 0, 1, 2])
      return pods[0]?.metadata.name ?? ''
    })
  assert.equal(await evict(await running('ill-guarded')), 429)
  assert.equal(await evict(await running('ill-allowed')), 201)
  cluster.kubelet.setReadiness(() => true)
})

test('pods whose controller cannot be scaled make the budget allow nothing, and say why', async () => {
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', controller: true }
  const made = await client.create<KubeObject>(KINDS.configMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'owner', namespace: 'default' },
  })
  const metadata = { name: 'odd', namespace: 'default', labels: { app: 'odd' } }
  await client.create(KINDS.pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, ownerReferences: [{ ...owner, uid: made.metadata.uid ?? '' }] },
    spec: deploymentOf('odd').spec.template.spec,
  })
  await client.create(KINDS.podDisruptionBudget, budgetOf('odd', { maxUnavailable: 1 }))
  await eventually(async () => {
    const [condition] = (await get('odd')).status?.conditions ?? []
    assert.equal(condition?.reason, 'SyncFailed')
    assert.match(condition?.message ?? '', /owner/)
  })
})

function budgetOf(name: string, spec: Partial<PodDisruptionBudget['spec']>): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'default' },
    spec: { selector: { matchLabels: { app: name } }, ...spec },
  }
}

async function get(name: string): Promise<PodDisruptionBudget> {
  const budget = await client.get<PodDisruptionBudget>(KINDS.podDisruptionBudget, name, 'default')
  assert.ok(budget)
  return budget
}

async function countsOf(name: string): Promise<readonly number[]> {
  const { status } = await get(name)
  assert.ok(status)
  const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0, expectedPods = 0 } = status
  return [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods]
}

async function podsOf(name: string): Promise<readonly Pod[]> {
  return (await client.list<Pod>(KINDS.pod, { namespace: 'default', labelSelector: `app=${name}` })).items
}

/** @returns the status of the answer */
async function evict(name: string): Promise<number> {
  const { status } = await client.request({
    method: 'POST',
    path: `/api/v1/namespaces/default/pods/${name}/eviction`,
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'default' } },
  })
  return status
}
