import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Deployment, Pod, ReplicaSet } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { controllerOf, isActivePod, isPodReady } from './pods.ts'
import { deploymentOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

const REVISION = 'deployment.kubernetes.io/revision'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
})
after(() => cluster.stop())

test('a Deployment makes a ReplicaSet that makes pods, and says when all of them are available', async () => {
  await client.create(KINDS.deployment, deploymentOf('web', { replicas: 3 }))
  const { status } = await rolledOut('web')
  assert.deepEqual(
    [status?.replicas, status?.updatedReplicas, status?.readyReplicas, status?.availableReplicas],
    [3, 3, 3, 3],
  )
  assert.deepEqual(
    status?.conditions?.map((one) => [one.type, one.status, one.reason]),
    [
      ['Available', 'True', 'MinimumReplicasAvailable'],
      ['Progressing', 'True', 'NewReplicaSetAvailable'],
    ],
  )
  const [set] = await setsOf('web')
  const pods = await podsOf('web')
  assert.equal(pods.length, 3)
  for (const pod of pods) {
    assert.equal(controllerOf(pod)?.uid, set?.metadata.uid)
    assert.equal(pod.metadata.labels?.['pod-template-hash'], set?.metadata.name.slice('web-'.length))
    assert.match(pod.metadata.name, new RegExp(`^${set?.metadata.name}-[a-z0-9]{5}$`))
  }
})

test('scaling up and down keeps the ReplicaSet and the revision', async () => {
  await client.create(KINDS.deployment, deploymentOf('scaled', { replicas: 1 }))
  await rolledOut('scaled')
  for (const replicas of [5, 0, 2]) {
    await change('scaled', { replicas })
    await eventually(async () => assert.equal((await podsOf('scaled')).length, replicas))
    await rolledOut('scaled')
  }
  assert.equal((await setsOf('scaled')).length, 1)
  assert.equal((await get('scaled')).metadata.annotations?.[REVISION], '1')
})

test('a rolling update never has fewer available pods nor more pods in all than its bounds allow', async () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } } as const
  await client.create(KINDS.deployment, deploymentOf('rolling', { replicas: 6, strategy }))
  await rolledOut('rolling')
  const bounds = await watchBounds('rolling')
  for (const image of ['app:2', 'app:3', 'app:4']) {
    await change('rolling', templateWith('rolling', image))
    await rolledOut('rolling')
  }
  // And one that is overtaken by the next before it is done.
  await change('rolling', templateWith('rolling', 'app:5'))
  await change('rolling', templateWith('rolling', 'app:6'))
  await rolledOut('rolling')
  const { fewestReady, most } = await bounds.stop()
  assert.ok(fewestReady >= 5, `${fewestReady} pods were ready at the least`)
  assert.ok(most <= 8, `${most} pods were there at the most`)
  assert.ok((await podsOf('rolling')).every((pod) => imageOf(pod) === 'app:6'))
})

test('with maxUnavailable 0 a new version that never becomes ready takes no pod of the old one', async () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } as const
  const spec = { replicas: 2, strategy, progressDeadlineSeconds: 1 }
  await client.create(KINDS.deployment, deploymentOf('careful', spec))
  await rolledOut('careful')
  const bounds = await watchBounds('careful')
  cluster.kubelet.setReadiness((pod) => imageOf(pod) !== 'broken')
  await change('careful', templateWith('careful', 'broken'))
  await eventually(async () => {
    const { status } = await get('careful')
    const progress = status?.conditions?.find((one) => one.type === 'Progressing')
    assert.equal(progress?.reason, 'ProgressDeadlineExceeded')
  })
  // Another look, for whatever reason, is no progress.
  const touch = { metadata: { annotations: { touched: 'yes' } } }
  const { metadata } = await client.patch(KINDS.deployment, 'careful', 'default', touch, { type: 'merge' })
  await eventually(async () => {
    const set = (await setsOf('careful')).find(
      (one) => one.spec.template?.spec.containers[0]?.image === 'broken',
    )
    assert.equal(set?.metadata.annotations?.['touched'], metadata.annotations?.['touched'])
  })
  const { status } = await get('careful')
  assert.equal(
    status?.conditions?.find((one) => one.type === 'Progressing')?.reason,
    'ProgressDeadlineExceeded',
  )
  cluster.kubelet.setReadiness(() => true)
  await rolledOut('careful')
  assert.equal((await bounds.stop()).fewestReady, 2)
})

test('Recreate starts no new pod before the last old one is gone', async () => {
  const spec = { replicas: 3, strategy: { type: 'Recreate' } } as const
  await client.create(KINDS.deployment, deploymentOf('recreated', spec))
  await rolledOut('recreated')
  const mixed = await watchPods('recreated', (pods) => new Set(pods.map(imageOf)).size > 1)
  await change('recreated', templateWith('recreated', 'app:2'))
  await rolledOut('recreated')
  assert.equal(await mixed.stop(), false)
  assert.ok((await podsOf('recreated')).every((pod) => imageOf(pod) === 'app:2'))
})

test('going back to an old template takes its ReplicaSet up again, with a new revision', async () => {
  await client.create(KINDS.deployment, deploymentOf('undone', { replicas: 2 }))
  await rolledOut('undone')
  const [first] = await setsOf('undone')
  await change('undone', templateWith('undone', 'app:2'))
  await rolledOut('undone')
  await change('undone', templateWith('undone', 'app:1'))
  await rolledOut('undone')
  const sets = await setsOf('undone')
  assert.equal(sets.length, 2)
  const back = sets.find((set) => set.metadata.uid === first?.metadata.uid)
  assert.equal(back?.spec.replicas, 2)
  assert.equal(back?.metadata.annotations?.[REVISION], '3')
  assert.equal(back?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1')
  assert.equal((await get('undone')).metadata.annotations?.[REVISION], '3')
})

test('a paused Deployment can be scaled and changed, and rolls out once it is resumed', async () => {
  await client.create(KINDS.deployment, deploymentOf('paused', { replicas: 2 }))
  await rolledOut('paused')
  await change('paused', { paused: true, ...templateWith('paused', 'app:2') })
  await change('paused', { replicas: 3 })
  await eventually(async () => {
    assert.equal((await podsOf('paused')).length, 3)
    const { status } = await get('paused')
    assert.equal(status?.conditions?.find((one) => one.type === 'Progressing')?.reason, 'DeploymentPaused')
  })
  assert.equal((await setsOf('paused')).length, 1)
  await change('paused', { paused: false })
  await rolledOut('paused')
  assert.ok((await podsOf('paused')).every((pod) => imageOf(pod) === 'app:2'))
})

test('controllers that are stopped and started again in the middle of a rollout finish it within its bounds', async () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } as const
  await client.create(KINDS.deployment, deploymentOf('restarted', { replicas: 5, strategy }))
  await rolledOut('restarted')
  const bounds = await watchBounds('restarted')
  await change('restarted', templateWith('restarted', 'app:2'))
  for (let restart = 0; restart < 5; restart++) await cluster.restartControllers()
  await rolledOut('restarted')
  const { fewestReady, most } = await bounds.stop()
  assert.ok(fewestReady >= 4, `${fewestReady} pods were ready at the least`)
  assert.ok(most <= 6, `${most} pods were there at the most`)
})

test('scaling in the middle of a rollout spreads over both versions', async () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } as const
  await client.create(KINDS.deployment, deploymentOf('halfway', { replicas: 10, strategy }))
  await rolledOut('halfway')
  cluster.kubelet.setReadiness((pod) => imageOf(pod) !== 'broken')
  await change('halfway', templateWith('halfway', 'broken'))
  await eventually(async () => assert.deepEqual(await sizesOf('halfway'), [5, 8]))
  await change('halfway', { replicas: 15 })
  await eventually(async () => assert.deepEqual(await sizesOf('halfway'), [7, 11]))
  cluster.kubelet.setReadiness(() => true)
  await rolledOut('halfway')
})

test('old ReplicaSets beyond revisionHistoryLimit are removed, the oldest first', async () => {
  await client.create(KINDS.deployment, deploymentOf('history', { revisionHistoryLimit: 2 }))
  for (const image of ['app:2', 'app:3', 'app:4', 'app:5']) {
    await rolledOut('history')
    await change('history', templateWith('history', image))
  }
  await rolledOut('history')
  await eventually(async () => {
    const revisions = (await setsOf('history')).map((set) => set.metadata.annotations?.[REVISION])
    assert.deepEqual(new Set(revisions), new Set(['3', '4', '5']))
  })
})

test('with minReadySeconds a ready pod counts as available only after that time', async () => {
  // Two: times are whole seconds, so that of the first one nothing may be left.
  await client.create(KINDS.deployment, deploymentOf('patient', { minReadySeconds: 2 }))
  await eventually(async () => {
    const { status } = await get('patient')
    assert.deepEqual([status?.readyReplicas, status?.availableReplicas], [1, undefined])
  })
  await rolledOut('patient')
})

test('a rollout that stands still for longer than its deadline says so, until it moves on', async () => {
  cluster.kubelet.setReadiness((pod) => imageOf(pod) !== 'app:broken')
  const spec = { replicas: 2, progressDeadlineSeconds: 2, minReadySeconds: 0 }
  await client.create(KINDS.deployment, deploymentOf('stuck', spec))
  await rolledOut('stuck')
  await change('stuck', templateWith('stuck', 'app:broken'))
  await eventually(async () => {
    const condition = await progressOf('stuck')
    assert.deepEqual([condition?.status, condition?.reason], ['False', 'ProgressDeadlineExceeded'])
    assert.match(condition?.message ?? '', /^ReplicaSet "stuck-\w+" has timed out progressing\.$/)
  })
  cluster.kubelet.setReadiness(() => true)
  await rolledOut('stuck')
  assert.equal((await progressOf('stuck'))?.reason, 'NewReplicaSetAvailable')
})

test('what is rolled out stays so, though its pods fall ill or their number changes', async () => {
  await client.create(KINDS.deployment, deploymentOf('settled', { replicas: 1, progressDeadlineSeconds: 1 }))
  await rolledOut('settled')
  cluster.kubelet.setReadiness((pod) => pod.metadata.labels?.['app'] !== 'settled')
  await change('settled', { replicas: 2 })
  await eventually(async () => {
    const { status } = await get('settled')
    assert.deepEqual([status?.replicas, status?.availableReplicas], [2, undefined])
  })
  assert.equal((await progressOf('settled'))?.reason, 'NewReplicaSetAvailable')
  cluster.kubelet.setReadiness(() => true)
})

test('a Deployment says what it last did: made a set, found one, was paused and resumed', async () => {
  cluster.kubelet.setPaused(true)
  await client.create(KINDS.deployment, deploymentOf('tells', { replicas: 1 }))
  const says = (reason: string) =>
    eventually(async () => assert.equal((await progressOf('tells'))?.reason, reason))
  await eventually(async () => assert.equal((await podsOf('tells')).length, 1))
  cluster.kubelet.setPaused(false)
  await says('NewReplicaSetAvailable')
  await change('tells', { paused: true })
  await says('DeploymentPaused')
  cluster.kubelet.setReadiness(() => false)
  await change('tells', { ...templateWith('tells', 'app:2'), paused: false })
  await says('ReplicaSetUpdated')
  cluster.kubelet.setReadiness(() => true)
  await rolledOut('tells')
})

const progressOf = async (name: string) =>
  (await get(name)).status?.conditions?.find(({ type }) => type === 'Progressing')

test('a pod whose labels are changed is let go and replaced, and adopted when they are changed back', async () => {
  await client.create(KINDS.deployment, deploymentOf('loose', { replicas: 1 }))
  await rolledOut('loose')
  const [pod] = await podsOf('loose')
  const name = pod?.metadata.name ?? ''
  const relabel = (app: string) =>
    client.patch(KINDS.pod, name, 'default', { metadata: { labels: { app } } }, { type: 'merge' })
  await relabel('set-aside')
  await eventually(async () => {
    const aside = await client.get<Pod>(KINDS.pod, name, 'default')
    assert.equal(aside?.metadata.ownerReferences, undefined)
    assert.deepEqual((await podsOf('loose')).length, 1)
  })
  await relabel('loose')
  await eventually(async () => {
    assert.equal((await podsOf('loose')).length, 1)
    assert.equal((await allPods()).filter((one) => one.metadata.labels?.['app'] === 'set-aside').length, 0)
  })
})

test('why pods cannot be made is said by the ReplicaSet and the Deployment', async () => {
  const spec = { containers: [{ name: 'app', image: 'app:1' }], serviceAccountName: 'nobody' }
  const template = { metadata: { labels: { app: 'refused' } }, spec }
  await client.create(KINDS.deployment, deploymentOf('refused', { template }))
  const failure = await eventually(async () => {
    const { status } = await get('refused')
    const found = status?.conditions?.find((one) => one.type === 'ReplicaFailure')
    assert.ok(found)
    return found
  })
  assert.equal(failure.reason, 'FailedCreate')
  assert.match(failure.message ?? '', /nobody/)
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'nobody', namespace: 'default' },
  }
  await client.create(KINDS.serviceAccount, account)
  const { status } = await rolledOut('refused')
  assert.equal(status?.conditions?.length, 2)
})

async function get(name: string): Promise<Deployment> {
  const deployment = await client.get<Deployment>(KINDS.deployment, name, 'default')
  assert.ok(deployment)
  return deployment
}

function change(name: string, spec: Partial<Deployment['spec']>): Promise<Deployment> {
  return client.patch<Deployment>(KINDS.deployment, name, 'default', { spec }, { type: 'merge' })
}

function templateWith(name: string, image: string): Pick<Deployment['spec'], 'template'> {
  return { template: deploymentOf(name, {}, image).spec.template }
}

/** As `kubectl rollout status` judges, and nothing but the wanted pods is left. */
function rolledOut(name: string): Promise<Deployment> {
  return eventually(async () => {
    const deployment = await get(name)
    const { replicas = 1 } = deployment.spec
    const { status, metadata } = deployment
    assert.equal(status?.observedGeneration, metadata.generation)
    assert.equal(status?.updatedReplicas ?? 0, replicas)
    assert.equal(status?.replicas ?? 0, replicas)
    assert.equal(status?.availableReplicas ?? 0, replicas)
    assert.equal(
      status?.conditions?.find((one) => one.type === 'Progressing')?.reason,
      'NewReplicaSetAvailable',
    )
    return deployment
  })
}

async function setsOf(name: string): Promise<readonly ReplicaSet[]> {
  const { items } = await client.list<ReplicaSet>(KINDS.replicaSet, { namespace: 'default' })
  return items.filter((set) => controllerOf(set)?.name === name)
}

async function sizesOf(name: string): Promise<readonly number[]> {
  return (await setsOf(name)).map((set) => set.spec.replicas ?? 1).sort((a, b) => a - b)
}

async function allPods(): Promise<readonly Pod[]> {
  return (await client.list<Pod>(KINDS.pod, { namespace: 'default' })).items
}

async function podsOf(name: string): Promise<readonly Pod[]> {
  return (await allPods()).filter((pod) => pod.metadata.labels?.['app'] === name && isActivePod(pod))
}

function imageOf(pod: Pod): string {
  return pod.spec.containers[0]?.image ?? ''
}

/** Looks at the pods of an app after every single event. @returns whether `isBad` was ever true */
async function watchPods(
  name: string,
  isBad: (pods: readonly Pod[]) => boolean,
): Promise<{ readonly stop: () => Promise<boolean> }> {
  const abort = new AbortController()
  const { items, resourceVersion } = await client.list<Pod>(KINDS.pod, { namespace: 'default' })
  const pods = new Map(items.map((pod) => [pod.metadata.name, pod]))
  let wasBad = false
  const follow = async () => {
    const options = { namespace: 'default', resourceVersion, signal: abort.signal }
    for await (const event of client.watch<Pod>(KINDS.pod, options)) {
      if (event.type === 'BOOKMARK') continue
      if (event.type === 'DELETED') pods.delete(event.object.metadata.name)
      else pods.set(event.object.metadata.name, event.object)
      const ofApp = [...pods.values()].filter((pod) => pod.metadata.labels?.['app'] === name)
      wasBad = isBad(ofApp) || wasBad
    }
  }
  const followed = follow().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error
  })
  return {
    async stop() {
      abort.abort()
      await followed
      return wasBad
    },
  }
}

async function watchBounds(name: string) {
  let fewestReady = Infinity
  let most = 0
  const watch = await watchPods(name, (pods) => {
    const active = pods.filter(isActivePod)
    fewestReady = Math.min(fewestReady, active.filter(isPodReady).length)
    most = Math.max(most, active.length)
    return false
  })
  return {
    async stop() {
      await watch.stop()
      return { fewestReady, most }
    },
  }
}
