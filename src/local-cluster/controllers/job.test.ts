import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Job, Pod } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { formatIndexes, parseIndexes } from './job-indexes.ts'
import { TRACKING_FINALIZER } from './job-pods.ts'
import { isActivePod } from './pods.ts'
import { eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
/** How pods end, by the name of their Job. */
const exits = new Map<string, (pod: Pod) => number | undefined>()
before(async () => {
  cluster = await startTestCluster({ jobBackoffMs: 1 })
  client = cluster.client
  cluster.kubelet.setExits((pod) => exits.get(jobOf(pod))?.(pod))
})
after(() => cluster.stop())

test('a Job runs its pods, at most so many at a time, until enough have ended well', async () => {
  const most = watchMost('adds')
  run('adds', () => 0)
  await client.create(KINDS.job, jobNamed('adds', { completions: 5, parallelism: 2 }))
  const { status } = await finished('adds', 'Complete')
  assert.equal(status?.succeeded, 5)
  assert.equal(status?.failed, undefined)
  assert.equal(status?.active, undefined)
  assert.deepEqual(status?.uncountedTerminatedPods, {})
  assert.ok(status?.startTime !== undefined && status.completionTime !== undefined)
  assert.deepEqual(
    status?.conditions?.map((one) => [one.type, one.status, one.reason]),
    [
      ['SuccessCriteriaMet', 'True', 'CompletionsReached'],
      ['Complete', 'True', 'CompletionsReached'],
    ],
  )
  assert.ok((await most.stop()) <= 2)
  const pods = await podsOf('adds')
  assert.equal(pods.length, 5)
  assert.ok(pods.every((pod) => pod.metadata.finalizers === undefined))
  assert.equal(pods[0]?.metadata.labels?.['batch.kubernetes.io/job-name'], 'adds')
  const { metadata, spec } = await get('adds')
  const own = { 'batch.kubernetes.io/controller-uid': metadata.uid ?? '' }
  assert.deepEqual(spec.selector?.matchLabels, own)
  await eventually(async () => {
    const told = await eventsOf(client, 'Job', 'adds')
    assert.equal(told.filter((one) => one.reason === 'SuccessfulCreate').length, 5)
    assert.deepEqual([told.at(-1)?.reason, told.at(-1)?.message], ['Completed', 'Job completed'])
  })
})

test('a pod that fails is replaced until backoffLimit is passed', async () => {
  run('fails', () => 1)
  await client.create(KINDS.job, jobNamed('fails', { backoffLimit: 2 }))
  const { status } = await finished('fails', 'Failed')
  assert.equal(status?.failed, 3)
  const failure = status?.conditions?.find((one) => one.type === 'Failed')
  assert.equal(failure?.reason, 'BackoffLimitExceeded')
  assert.equal(failure?.message, 'Job has reached the specified backoff limit')
  assert.equal(status?.completionTime, undefined)
})

test('the pods that are at work when a Job fails are ended and have failed with it', async () => {
  run('together', (pod) => (pod.metadata.uid === first ? 1 : undefined))
  let first: string | undefined
  await client.create(KINDS.job, jobNamed('together', { parallelism: 3, completions: 3, backoffLimit: 0 }))
  await eventually(async () => assert.equal((await get('together')).status?.ready, 3))
  first = (await podsOf('together'))[0]?.metadata.uid
  run('together', (pod) => (pod.metadata.uid === first ? 1 : undefined))
  const { status } = await finished('together', 'Failed')
  assert.equal(status?.failed, 3)
  assert.equal((await podsOf('together')).length, 1)
})

test('an Indexed Job gives each pod an index, and runs those again that fail', async () => {
  const tried = new Set<string>()
  run('indexed', (pod) => {
    const index = indexOfPod(pod)
    const isFirst = !tried.has(index)
    tried.add(index)
    return index === '1' && isFirst ? 1 : 0
  })
  await client.create(
    KINDS.job,
    jobNamed('indexed', { completions: 4, parallelism: 2, completionMode: 'Indexed' }),
  )
  const { status } = await finished('indexed', 'Complete')
  assert.equal(status?.completedIndexes, '0-3')
  assert.equal(status?.succeeded, 4)
  assert.equal(status?.failed, 1)
  const pods = await podsOf('indexed')
  assert.deepEqual(pods.map(indexOfPod).sort(), ['0', '1', '1', '2', '3'])
  const one = pods.find((pod) => indexOfPod(pod) === '3')
  assert.match(one?.metadata.name ?? '', /^indexed-3-[a-z0-9]{5}$/)
  assert.equal(one?.spec.hostname, 'indexed-3')
  assert.ok(one?.spec.containers[0]?.env?.some((variable) => variable.name === 'JOB_COMPLETION_INDEX'))
})

test('with backoffLimitPerIndex one index can fail and the others go on', async () => {
  run('spread', (pod) => (indexOfPod(pod) === '1' ? 3 : 0))
  const spec = { completions: 3, parallelism: 1, completionMode: 'Indexed', backoffLimitPerIndex: 1 } as const
  await client.create(KINDS.job, jobNamed('spread', spec))
  const { status } = await finished('spread', 'Failed')
  assert.equal(status?.completedIndexes, '0,2')
  assert.equal(status?.failedIndexes, '1')
  assert.equal(status?.failed, 2)
  assert.equal(status?.conditions?.find((one) => one.type === 'Failed')?.reason, 'FailedIndexes')
})

test('podFailurePolicy fails the Job at once, or does not count a failure', async () => {
  const codes = new Map<string, number>()
  run('ruled', (pod) => {
    const code = codes.get('ruled') ?? 7
    codes.set('ruled', code === 7 ? 42 : 42)
    return pod.metadata.uid === undefined ? undefined : code
  })
  const onExitCodes = (...values: readonly number[]) => ({ operator: 'In', values }) as const
  const podFailurePolicy = {
    rules: [
      { action: 'Ignore', onExitCodes: onExitCodes(7) },
      { action: 'FailJob', onExitCodes: onExitCodes(42) },
    ],
  } as const
  await client.create(KINDS.job, jobNamed('ruled', { podFailurePolicy, backoffLimit: 6 }))
  const { status } = await finished('ruled', 'Failed')
  assert.equal(status?.failed, 1)
  const failure = status?.conditions?.find((one) => one.type === 'Failed')
  assert.equal(failure?.reason, 'PodFailurePolicy')
  assert.match(
    failure?.message ?? '',
    /^Container app for pod default\/ruled-\w+ failed with exit code 42 matching FailJob rule at index 1$/,
  )
})

test('with a successPolicy some indexes are enough, and the others are ended', async () => {
  run('enough', (pod) => (indexOfPod(pod) === '1' ? 0 : undefined))
  const successPolicy = { rules: [{ succeededIndexes: '0' }, { succeededIndexes: '1-2', succeededCount: 1 }] }
  const spec = { completionMode: 'Indexed', completions: 3, parallelism: 3, successPolicy } as const
  await client.create(KINDS.job, jobNamed('enough', spec))
  const { status } = await finished('enough', 'Complete')
  assert.deepEqual([status?.succeeded, status?.completedIndexes], [1, '1'])
  const met = status?.conditions?.find(({ type }) => type === 'SuccessCriteriaMet')
  assert.deepEqual([met?.reason, met?.message], ['SuccessPolicy', 'Matched rules at index 1'])
  await eventually(async () => {
    const alive = (await podsOf('enough')).filter((pod) => pod.status?.phase === 'Running')
    assert.deepEqual(alive, [])
  })
})

test('more failed indexes than maxFailedIndexes end an Indexed Job', async () => {
  run('brittle', (pod) => (indexOfPod(pod) === '2' ? undefined : 1))
  const spec = { completionMode: 'Indexed', completions: 3, parallelism: 3 } as const
  const limits = { backoffLimitPerIndex: 0, maxFailedIndexes: 1 }
  await client.create(KINDS.job, jobNamed('brittle', { ...spec, ...limits }))
  const { status } = await finished('brittle', 'Failed')
  const failure = status?.conditions?.find(({ type }) => type === 'Failed')
  assert.equal(failure?.reason, 'MaxFailedIndexesExceeded')
  assert.equal(status?.failedIndexes, '0,1')
})

test('after activeDeadlineSeconds a Job ends its pods and has failed', async () => {
  await client.create(KINDS.job, jobNamed('late', { activeDeadlineSeconds: 1 }))
  const { status } = await finished('late', 'Failed')
  assert.equal(status?.conditions?.find((one) => one.type === 'Failed')?.reason, 'DeadlineExceeded')
  assert.deepEqual(await podsOf('late'), [])
})

test('ttlSecondsAfterFinished removes a Job and its pods', async () => {
  run('brief', () => 0)
  await client.create(KINDS.job, jobNamed('brief', { ttlSecondsAfterFinished: 0 }))
  await eventually(async () => {
    assert.ok((await eventsOf(client, 'Job', 'brief')).some((one) => one.reason === 'Completed'))
    assert.equal(await client.get(KINDS.job, 'brief', 'default'), undefined)
    assert.deepEqual(await podsOf('brief'), [])
  })
})

test('a suspended Job ends its pods without counting them, and goes on when it is resumed', async () => {
  await client.create(KINDS.job, jobNamed('paused', { suspend: true, completions: 2, parallelism: 2 }))
  await eventually(async () => {
    const { status } = await get('paused')
    assert.equal(status?.conditions?.[0]?.reason, 'JobSuspended')
    assert.equal(status?.startTime, undefined)
  })
  await suspend('paused', false)
  await eventually(async () => assert.equal((await get('paused')).status?.ready, 2))
  await suspend('paused', true)
  await eventually(async () => assert.deepEqual(await podsOf('paused'), []))
  await suspend('paused', false)
  run('paused', () => 0)
  const { status } = await finished('paused', 'Complete')
  assert.equal(status?.failed, undefined)
  assert.equal(status?.succeeded, 2)
})

test('without completions one success is enough', async () => {
  run('queue', () => 0)
  await client.create(KINDS.job, jobNamed('queue', { parallelism: 3 }))
  const { status } = await finished('queue', 'Complete')
  assert.ok((status?.succeeded ?? 0) >= 1)
})

test('each end is counted once, though controllers are started anew and pods deleted meanwhile', async () => {
  run('counted', () => 0)
  await client.create(KINDS.job, jobNamed('counted', { completions: 30, parallelism: 6 }))
  for (let restart = 0; restart < 5; restart++) {
    await cluster.restartControllers()
    const done = (await podsOf('counted')).filter((pod) => pod.status?.phase === 'Succeeded').slice(0, 2)
    for (const { metadata } of done) await client.delete(KINDS.pod, metadata.name, 'default')
  }
  const { status } = await finished('counted', 'Complete')
  assert.equal(status?.succeeded, 30)
  assert.equal(status?.failed, undefined)
})

test('a deleted Job leaves no pod behind, finished or at work', async () => {
  await client.create(KINDS.job, jobNamed('deleted', { parallelism: 2, completions: 2 }))
  await eventually(async () => assert.equal((await get('deleted')).status?.ready, 2))
  const [pod] = await podsOf('deleted')
  assert.deepEqual(pod?.metadata.finalizers, [TRACKING_FINALIZER])
  await client.delete(KINDS.job, 'deleted', 'default', { propagationPolicy: 'Background' })
  await eventually(async () => assert.deepEqual(await podsOf('deleted'), []))
})

test('indexes are written as intervals and read back', () => {
  assert.equal(formatIndexes(new Set([1, 3, 4, 5, 7, 9, 10])), '1,3-5,7,9,10')
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(50)), (indexes) => {
      const set = new Set(indexes)
      assert.deepEqual(new Set(parseIndexes(formatIndexes(set))), set)
    }),
  )
})

function jobNamed(name: string, spec: Partial<Job['spec']> = {}): Job {
  const containers = [{ name: 'app', image: 'app:1' }]
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default' },
    spec: {
      template: { metadata: { labels: { app: name } }, spec: { restartPolicy: 'Never', containers } },
      ...spec,
    },
  }
}

function run(name: string, exitOf: (pod: Pod) => number | undefined): void {
  exits.set(name, exitOf)
  cluster.kubelet.setExits((pod) => exits.get(jobOf(pod))?.(pod))
}

function jobOf(pod: Pod): string {
  return pod.metadata.labels?.['app'] ?? ''
}

function indexOfPod(pod: Pod): string {
  return pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'] ?? ''
}

function suspend(name: string, value: boolean) {
  return client.patch(KINDS.job, name, 'default', { spec: { suspend: value } }, { type: 'merge' })
}

async function get(name: string): Promise<Job> {
  const job = await client.get<Job>(KINDS.job, name, 'default')
  assert.ok(job)
  return job
}

function finished(name: string, type: 'Complete' | 'Failed'): Promise<Job> {
  return eventually(async () => {
    const job = await get(name)
    assert.ok(
      job.status?.conditions?.some((one) => one.type === type && one.status === 'True'),
      JSON.stringify(job.status),
    )
    return job
  })
}

async function podsOf(name: string): Promise<readonly Pod[]> {
  const { items } = await client.list<Pod>(KINDS.pod, { namespace: 'default', labelSelector: `app=${name}` })
  return items
}

/** The most pods of an app that were ever at work at the same time. */
function watchMost(name: string): { readonly stop: () => Promise<number> } {
  const abort = new AbortController()
  const active = new Set<string>()
  let most = 0
  const follow = async () => {
    const options = { namespace: 'default', labelSelector: `app=${name}`, signal: abort.signal }
    for await (const event of client.watch<Pod>(KINDS.pod, options)) {
      if (event.type === 'BOOKMARK') continue
      if (event.type !== 'DELETED' && isActivePod(event.object)) active.add(event.object.metadata.name)
      else active.delete(event.object.metadata.name)
      most = Math.max(most, active.size)
    }
  }
  const followed = follow().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error
  })
  return {
    async stop() {
      abort.abort()
      await followed
      return most
    },
  }
}
