import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { type CronJob, type CronSchedule, type Job, parseSchedule, type Pod } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { lastTime, nextTime, type TimeZone, timeZone } from './cron-time.ts'
import { controllerReference } from './pods.ts'
import { eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
const endless = new Set<string>()
before(async () => {
  cluster = await startTestCluster({ jobBackoffMs: 1 })
  client = cluster.client
  cluster.kubelet.setExits((pod: Pod) => (endless.has(pod.metadata.labels?.['app'] ?? '') ? undefined : 0))
})
after(() => cluster.stop())

test('a schedule says its next times, in its time zone', () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ['*/15 * * * *', 'UTC', '2024-03-01T10:07:30Z', '2024-03-01T10:15:00Z'],
    ['0 9 * * MON-FRI', 'UTC', '2024-03-01T09:00:00Z', '2024-03-04T09:00:00Z'],
    ['30 4 1,15 * *', 'UTC', '2024-03-02T00:00:00Z', '2024-03-15T04:30:00Z'],
    // Both kinds of day: either is enough.
    ['0 0 13 * 5', 'UTC', '2024-09-01T00:00:00Z', '2024-09-06T00:00:00Z'],
    ['0 0 29 2 *', 'UTC', '2025-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['5/20 * * * ?', 'UTC', '2024-03-01T10:26:00Z', '2024-03-01T10:45:00Z'],
    ['@hourly', 'UTC', '2024-03-01T10:00:00Z', '2024-03-01T11:00:00Z'],
    ['@weekly', 'UTC', '2024-03-01T10:00:00Z', '2024-03-03T00:00:00Z'],
    ['@every 1h30m', 'UTC', '2024-03-01T10:00:00Z', '2024-03-01T11:30:00Z'],
    ['0 9 * * *', 'Asia/Kolkata', '2024-03-01T10:00:00Z', '2024-03-02T03:30:00Z'],
    ['0 9 * jun *', 'Europe/Berlin', '2024-03-01T10:00:00Z', '2024-06-01T07:00:00Z'],
    // The clock goes from 2:00 to 3:00 on 31 March: there is no half past two.
    ['30 2 * * *', 'Europe/Berlin', '2024-03-30T12:00:00Z', '2024-04-01T00:30:00Z'],
    // It goes from 3:00 back to 2:00 on 27 October: half past two comes twice.
    ['30 2 * * *', 'Europe/Berlin', '2024-10-27T00:30:00Z', '2024-10-27T01:30:00Z'],
  ]
  for (const [text, name, from, to] of cases) {
    const next = nextTime(schedule(text), zone(name), Date.parse(from))
    assert.equal(next === undefined ? next : new Date(next).toISOString(), new Date(to).toISOString(), text)
  }
  assert.equal(nextTime(schedule('0 0 30 2 *'), zone('UTC'), Date.parse('2024-01-01T00:00:00Z')), undefined)
})

test('the last time before a moment is the one whose next time is after it', () => {
  const texts = ['*/7 * * * *', '30 2 * * *', '0 0 1 * *', '15 6 * * 1', '59 23 31 12 *', '0 */5 10-20 * 3']
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia']
  const from = Date.parse('2010-01-01T00:00:00Z')
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.constantFrom(...zones),
      fc.nat(15 * 365 * 24 * 60),
      (text, name, minutes) => {
        const untilMs = from + minutes * 60_000 + 30_000
        const afterMs = untilMs - 400 * 86_400_000
        const last = lastTime(schedule(text), zone(name), { afterMs, untilMs })
        assert.ok(last !== undefined && last <= untilMs)
        const next = nextTime(schedule(text), zone(name), last)
        assert.ok(next !== undefined && next > untilMs)
        const wall = new Date(next + zone(name).offsetMs(next))
        const parsed = schedule(text)
        assert.ok(parsed.kind === 'fields' && parsed.minutes.has(wall.getUTCMinutes()))
      },
    ),
    { numRuns: 60 },
  )
})

test('any text is a schedule or refused, in bounded time', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'0123456789*/-,? @everyMON'.split('')), maxLength: 30 }),
      (text) => {
        const parsed = parseSchedule(text)
        if (parsed.ok) nextTime(parsed.value, zone('UTC'), 0)
      },
    ),
    { numRuns: 300 },
  )
})

test('a CronJob makes a Job when it is time, and notes when that was', async () => {
  await client.create(KINDS.cronJob, cronOf('ticks', { schedule: '@every 1s' }))
  await eventually(async () => {
    const { status } = await get('ticks')
    assert.ok(status?.lastScheduleTime !== undefined && status.lastSuccessfulTime !== undefined)
    const [job] = await jobsOf('ticks')
    assert.match(job?.metadata.name ?? '', /^ticks-\d{8}$/)
    assert.ok(job?.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'])
    assert.equal(job?.metadata.labels?.['kind'], 'cron')
    const reasons = (await eventsOf(client, 'CronJob', 'ticks')).map((one) => one.reason)
    assert.ok(reasons.includes('SuccessfulCreate') && reasons.includes('SawCompletedJob'))
  })
  await client.delete(KINDS.cronJob, 'ticks', 'default')
})

test('Forbid starts nothing beside a Job that runs, Replace puts the new one in its place', async () => {
  endless.add('busy')
  await client.create(KINDS.cronJob, cronOf('busy', { schedule: '@every 1s', concurrencyPolicy: 'Forbid' }))
  const first = await eventually(async () => {
    assert.ok((await eventsOf(client, 'CronJob', 'busy')).some((one) => one.reason === 'JobAlreadyActive'))
    const { status } = await get('busy')
    assert.equal(status?.active?.length, 1)
    return status?.active?.[0]?.uid
  })
  await client.patch(
    KINDS.cronJob,
    'busy',
    'default',
    { spec: { concurrencyPolicy: 'Replace' } },
    { type: 'merge' },
  )
  await eventually(async () => {
    const { status } = await get('busy')
    assert.equal(status?.active?.length, 1)
    assert.notEqual(status?.active?.[0]?.uid, first)
  })
  await client.delete(KINDS.cronJob, 'busy', 'default')
})

test('finished Jobs beyond the limits go, the oldest first', async () => {
  const spec = { suspend: true, successfulJobsHistoryLimit: 1 }
  const cron = await client.create(KINDS.cronJob, cronOf('history', spec))
  for (const name of ['history-a', 'history-b']) {
    const job = { ...jobOf(cron), metadata: { ...jobOf(cron).metadata, name } }
    await client.create(KINDS.job, job)
    await eventually(async () => {
      const { status } = (await client.get<Job>(KINDS.job, name, 'default')) ?? {}
      assert.ok(status?.completionTime !== undefined)
    })
  }
  await eventually(async () => {
    const names = (await jobsOf('history')).map((job) => job.metadata.name)
    assert.deepEqual(names, ['history-b'])
  })
})

test('a time that was missed by more than startingDeadlineSeconds is told, and not made up for', async () => {
  const lastScheduleTime = new Date(Date.now() - 7_200_000).toISOString().replace(/\.\d+Z$/, 'Z')
  const minute = new Date().getUTCMinutes()
  // Half an hour from the last and to the next time, whenever the test runs.
  const schedule = `${(minute + 30) % 60} * * * *`
  const make = async (name: string, spec: Partial<CronJob['spec']>) => {
    const made = await client.create<CronJob>(
      KINDS.cronJob,
      cronOf(name, { schedule, suspend: true, ...spec }),
    )
    const status = { lastScheduleTime }
    const next = { ...made, status }
    await client.update<CronJob>(KINDS.cronJob, next, { subresource: 'status' })
    await client.patch(KINDS.cronJob, name, 'default', { spec: { suspend: false } }, { type: 'merge' })
  }
  await make('strict', { startingDeadlineSeconds: 10 })
  await make('patient', {})
  await eventually(async () => assert.equal((await jobsOf('patient')).length, 1))
  await eventually(async () => {
    const [told] = await eventsOf(client, 'CronJob', 'strict')
    assert.equal(told?.reason, 'MissSchedule')
    assert.match(
      told?.message ?? '',
      /^Missed scheduled time to start a job: \w{3}, \d\d \w{3} \d{4} [\d:]+ \+0000$/,
    )
  })
  assert.deepEqual(await jobsOf('strict'), [])
})

test('a suspended CronJob makes nothing', async () => {
  await client.create(KINDS.cronJob, cronOf('asleep', { schedule: '@every 1s', suspend: true }))
  await client.create(KINDS.cronJob, cronOf('awake', { schedule: '@every 1s' }))
  await eventually(async () => assert.ok((await jobsOf('awake')).length > 0))
  assert.deepEqual(await jobsOf('asleep'), [])
})

function schedule(text: string): CronSchedule {
  const parsed = parseSchedule(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}

const zones = new Map<string, TimeZone>()
function zone(name: string): TimeZone {
  const found = zones.get(name) ?? timeZone(name)
  assert.ok(found)
  zones.set(name, found)
  return found
}

function cronOf(name: string, spec: Partial<CronJob['spec']> = {}): CronJob {
  const containers = [{ name: 'app', image: 'app:1' }]
  const template = {
    metadata: { labels: { app: name } },
    spec: { restartPolicy: 'Never' as const, containers },
  }
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name, namespace: 'default' },
    spec: {
      schedule: '0 0 1 1 *',
      jobTemplate: { metadata: { labels: { kind: 'cron' } }, spec: { template } },
      ...spec,
    },
  }
}

/** As `kubectl create job --from` makes it. */
function jobOf(cron: CronJob): Job {
  const { spec, metadata } = cron.spec.jobTemplate
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { ...metadata, name: '', namespace: 'default', ownerReferences: [controllerReference(cron)] },
    spec: spec ?? { template: { spec: { containers: [] } } },
  }
}

async function get(name: string): Promise<CronJob> {
  const cron = await client.get<CronJob>(KINDS.cronJob, name, 'default')
  assert.ok(cron)
  return cron
}

async function jobsOf(name: string): Promise<readonly Job[]> {
  const { items } = await client.list<Job>(KINDS.job, { namespace: 'default' })
  return items.filter((job) => job.metadata.ownerReferences?.[0]?.name === name)
}
