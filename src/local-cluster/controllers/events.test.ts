import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createManualClock } from '../../base/index.ts'
import type { Event } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { createEventAggregation } from './event-aggregation.ts'
import { deploymentOf, eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
})
after(() => cluster.stop())

const event = (message: string, uid = 'a') => ({
  uid,
  component: 'c',
  type: 'Warning',
  reason: 'Failed',
  message,
})

test('the same event again raises the count of the first', () => {
  const { judge } = createEventAggregation(createManualClock())
  assert.equal(judge(event('x')).kind, 'new')
  assert.deepEqual(judge(event('x')), { kind: 'repeated', key: 'a\nc\nWarning\nFailed\nx', count: 2 })
  assert.equal(judge(event('y')).kind, 'new')
  assert.equal(judge(event('x', 'b')).kind, 'new')
})

test('more than ten messages of one reason are told as one', () => {
  const { judge } = createEventAggregation(createManualClock())
  for (let index = 0; index < 10; index++) assert.equal(judge(event(`m${index}`)).kind, 'new')
  const eleventh = judge(event('m10'))
  assert.ok(eleventh.kind === 'new')
  assert.equal(eleventh.message, '(combined from similar events): m10')
  const twelfth = judge(event('m11'))
  assert.ok(twelfth.kind === 'repeated')
  assert.equal(twelfth.count, 2)
  assert.equal(judge(event('m3')).kind, 'repeated')
})

test('a component says at most 25 things about an object at once, and one more every five minutes', () => {
  const clock = createManualClock()
  const { judge } = createEventAggregation(clock)
  for (let index = 0; index < 25; index++) judge(event('x'))
  assert.equal(judge(event('x')).kind, 'dropped')
  assert.equal(judge(event('x', 'b')).kind, 'new')
  clock.advance(300_000)
  assert.equal(judge(event('x')).kind, 'repeated')
  assert.equal(judge(event('x')).kind, 'dropped')
})

test('a Deployment tells of its scaling, and its ReplicaSet of the pods it makes and deletes', async () => {
  await client.create(KINDS.deployment, deploymentOf('told', { replicas: 2 }))
  await eventually(async () => {
    assert.deepEqual(
      (await eventsOf(client, 'Deployment', 'told')).map((one) => one.message?.replace(/told-\w+/, 'SET')),
      ['Scaled up replica set SET from 0 to 2'],
    )
    assert.equal((await eventsAbout('ReplicaSet', 'SuccessfulCreate', 'Created pod: told-')).length, 2)
  })
  await client.patch(KINDS.deployment, 'told', 'default', { spec: { replicas: 0 } }, { type: 'merge' })
  await eventually(async () => {
    assert.equal((await eventsAbout('ReplicaSet', 'SuccessfulDelete', 'Deleted pod: told-')).length, 2)
    const [, down] = await eventsOf(client, 'Deployment', 'told')
    assert.match(down?.message ?? '', /^Scaled down replica set told-\w+ from 2 to 0$/)
    assert.equal(down?.source?.component, 'deployment-controller')
    assert.equal(down?.reason, 'ScalingReplicaSet')
  })
})

test('what is refused again and again is one event with a count', async () => {
  const spec = { containers: [{ name: 'app', image: 'app:1' }], serviceAccountName: 'missing' }
  const template = { metadata: { labels: { app: 'again' } }, spec }
  await client.create(KINDS.deployment, deploymentOf('again', { template }))
  await eventually(async () => {
    const events = await eventsAbout('ReplicaSet', 'FailedCreate', 'Error creating: ')
    const counts = events.filter((one) => one.involvedObject.name?.startsWith('again-'))
    assert.ok(counts.length <= 11, `${counts.length} events`)
    assert.ok(counts.some((one) => (one.count ?? 0) >= 2))
  })
  await client.delete(KINDS.deployment, 'again', 'default')
})

async function eventsAbout(kind: string, reason: string, prefix: string): Promise<readonly Event[]> {
  const { items } = await client.list<Event>(KINDS.event, { namespace: 'default' })
  return items.filter(
    (one) =>
      one.involvedObject.kind === kind && one.reason === reason && (one.message ?? '').startsWith(prefix),
  )
}
