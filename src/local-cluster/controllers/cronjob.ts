import { deepEqual, messageOf } from '../../base/index.ts'
import {
  type CronJob,
  type CronSchedule,
  type Job,
  type ObjectReference,
  parseSchedule,
} from '../../kube/index.ts'
import { isAlreadyExists, KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { lastTime, nextTime, type TimeZone, timeZone } from './cron-time.ts'
import { conditionOf, isJobFinished } from './job-outcome.ts'
import { addOwners, controllerKeys, controllerOf, controllerReference, formatSeconds } from './pods.ts'
import { createObjectQueue } from './object-queue.ts'
import { type Controller, type ControllerContext, keyOf } from './shared-informers.ts'

const COMPONENT = 'cronjob-controller'
const SCHEDULED_AT = 'batch.kubernetes.io/cronjob-scheduled-timestamp'
/** A little after the minute, so that the clock has surely reached it. */
const AFTER_MS = 100
/** Timers hold no more than 24 days; a far schedule is looked at again each hour. */
const LOOK_MAX_MS = 3_600_000

/** Makes Jobs at the times of a schedule. */
export function createCronJobController(context: ControllerContext): Controller {
  const { client, informers, events, clock } = context
  const cronJobs = informers.of<CronJob>(KINDS.cronJob)
  const jobs = informers.of<Job>(KINDS.job)
  const jobsByController = jobs.indexBy(controllerKeys)

  const queue = createObjectQueue(context, {
    name: 'cronjob',
    concurrency: 4,
    reads: [cronJobs, jobs],
    retryBaseMs: 20,
    retryMaxMs: 10_000,
    reconcile: async ({ namespace, name }) => {
      const cron = cronJobs.get(name, namespace)
      if (!cron || cron.metadata.deletionTimestamp !== undefined) return undefined
      return reconcile(cron)
    },
  })

  const reconcile = async (cron: CronJob): Promise<number | undefined> => {
    const owned = jobsByController.lookup(cron.metadata.uid ?? '')
    tellOfFinished(cron, owned)
    await cleanUp(cron, owned)
    const timing = timingOf(cron)
    if (timing.kind === 'unusable') {
      tell(cron, timing.reason, timing.message, 'Warning')
      await writeStatus(cron, owned, {})
      return undefined
    }
    if (cron.spec.suspend === true) {
      await writeStatus(cron, owned, {})
      return undefined
    }
    const started = await startIfDue(cron, owned, timing)
    await writeStatus(cron, owned, started)
    const nowMs = clock.now()
    const next = nextTime(timing.schedule, timing.zone, Math.max(nowMs, started.scheduledMs ?? nowMs))
    return next === undefined ? undefined : Math.min(LOOK_MAX_MS, next - nowMs + AFTER_MS)
  }

  /** Only the latest of the times that were missed counts. */
  const startIfDue = async (cron: CronJob, owned: readonly Job[], timing: Timing): Promise<Started> => {
    const nowMs = clock.now()
    const { startingDeadlineSeconds, concurrencyPolicy } = cron.spec
    const sinceMs = Date.parse(cron.status?.lastScheduleTime ?? cron.metadata.creationTimestamp ?? '')
    const scheduledMs = lastTime(timing.schedule, timing.zone, { afterMs: sinceMs, untilMs: nowMs })
    if (scheduledMs === undefined) return {}
    if (startingDeadlineSeconds !== undefined && scheduledMs + startingDeadlineSeconds * 1000 < nowMs) {
      const when = new Date(scheduledMs).toUTCString().replace('GMT', '+0000')
      tell(cron, 'MissSchedule', `Missed scheduled time to start a job: ${when}`, 'Warning')
      return {}
    }
    const active = owned.filter((job) => !isJobFinished(job))
    if (active.length > 0 && concurrencyPolicy === 'Forbid') {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid'
      tell(cron, 'JobAlreadyActive', message)
      return {}
    }
    if (concurrencyPolicy === 'Replace') for (const job of active) await deleteJob(cron, job)
    return { scheduledMs, job: await createJob(cron, scheduledMs) }
  }

  const createJob = async (cron: CronJob, scheduledMs: number): Promise<Job | undefined> => {
    const wanted = jobFrom(cron, scheduledMs)
    const { name, namespace } = wanted.metadata
    try {
      const job = await client.create<Job>(KINDS.job, wanted)
      tell(cron, 'SuccessfulCreate', `Created job ${name}`)
      return job
    } catch (error) {
      if (isAlreadyExists(error)) {
        const there = await client.get<Job>(KINDS.job, name, namespace)
        // Made in a round whose status was not written any more.
        if (there && controllerOf(there)?.uid === cron.metadata.uid) return there
      }
      tell(cron, 'FailedCreate', `Error creating job: ${messageOf(error)}`, 'Warning')
      throw error
    }
  }

  const deleteJob = async (cron: CronJob, job: Job) => {
    const { name, namespace, uid = '' } = job.metadata
    await client
      .delete(KINDS.job, name, namespace, { uid, propagationPolicy: 'Background' })
      .catch(ignoreOvertaken)
    tell(cron, 'SuccessfulDelete', `Deleted job ${name}`)
  }

  /** Finished Jobs beyond the limits, the oldest first. */
  const cleanUp = async (cron: CronJob, owned: readonly Job[]) => {
    const { successfulJobsHistoryLimit = 3, failedJobsHistoryLimit = 1 } = cron.spec
    const limits = [
      ['Complete', successfulJobsHistoryLimit],
      ['Failed', failedJobsHistoryLimit],
    ] as const
    for (const [type, limit] of limits) {
      const finished = owned
        .filter((job) => job.metadata.deletionTimestamp === undefined && conditionOf(job, type))
        .sort((a, b) => startOf(a).localeCompare(startOf(b)))
      for (const job of finished.slice(0, Math.max(0, finished.length - limit))) await deleteJob(cron, job)
    }
  }

  const tellOfFinished = (cron: CronJob, owned: readonly Job[]) => {
    for (const reference of cron.status?.active ?? []) {
      const job = owned.find((one) => one.metadata.uid === reference.uid)
      const type = job && (['Complete', 'Failed'] as const).find((one) => conditionOf(job, one))
      if (type) {
        tell(cron, 'SawCompletedJob', `Saw completed job: ${reference.name}, condition: ${type}`)
      } else if (!job && !jobs.get(reference.name ?? '', cron.metadata.namespace)) {
        tell(cron, 'MissingJob', `Active job went missing: ${reference.name}`)
      }
    }
  }

  const tell = (
    cron: CronJob,
    reason: string,
    message: string,
    type: 'Normal' | 'Warning' = 'Normal',
  ): void => events.record(cron, { type, reason, message, component: COMPONENT })

  const writeStatus = async (cron: CronJob, owned: readonly Job[], started: Started) => {
    const all = owned.filter((job) => job.metadata.uid !== started.job?.metadata.uid)
    const active = [...all.filter((job) => !isJobFinished(job)), ...(started.job ? [started.job] : [])]
    const successes = owned.flatMap(
      (job) => (conditionOf(job, 'Complete') && job.status?.completionTime) || [],
    )
    const lastSuccessfulTime = [cron.status?.lastSuccessfulTime ?? '', ...successes].sort().at(-1)
    const lastScheduleTime =
      started.scheduledMs === undefined ? cron.status?.lastScheduleTime : formatSeconds(started.scheduledMs)
    const status = {
      ...(active.length > 0 ? { active: active.sort(byName).map(referenceTo) } : {}),
      ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
      ...(lastSuccessfulTime ? { lastSuccessfulTime } : {}),
    }
    if (deepEqual(cron.status ?? {}, status)) return
    await client.update(KINDS.cronJob, { ...cron, status }, { subresource: 'status' })
  }

  cronJobs.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  jobs.onChange((changes) => {
    for (const { before, after } of changes) addOwners('CronJob', queue.add, before, after)
  })
  return { name: 'cronjob', stop: queue.stop }
}

interface Started {
  readonly scheduledMs?: number
  readonly job?: Job | undefined
}

interface Timing {
  readonly kind: 'usable'
  readonly schedule: CronSchedule
  readonly zone: TimeZone
}

function timingOf({
  spec,
}: CronJob): Timing | { readonly kind: 'unusable'; readonly reason: string; readonly message: string } {
  const schedule = parseSchedule(spec.schedule)
  if (!schedule.ok) {
    const message = `unparseable schedule: "${spec.schedule}" : ${schedule.error}`
    return { kind: 'unusable', reason: 'UnparseableSchedule', message }
  }
  const zone = timeZone(spec.timeZone)
  if (!zone) {
    const message = `invalid timeZone: "${spec.timeZone}": unknown time zone`
    return { kind: 'unusable', reason: 'UnknownTimeZone', message }
  }
  return { kind: 'usable', schedule: schedule.value, zone }
}

/** Named by the time, so that one time cannot make two. */
function jobFrom(cron: CronJob, scheduledMs: number): Job {
  const { jobTemplate } = cron.spec
  const { namespace, name } = cron.metadata
  const annotations = { ...jobTemplate.metadata?.annotations, [SCHEDULED_AT]: formatSeconds(scheduledMs) }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${name}-${Math.floor(scheduledMs / 60_000)}`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(jobTemplate.metadata?.labels ? { labels: jobTemplate.metadata.labels } : {}),
      annotations,
      ownerReferences: [controllerReference(cron)],
    },
    spec: jobTemplate.spec ?? { template: { spec: { containers: [] } } },
  }
}

function referenceTo(job: Job): ObjectReference {
  const { namespace, name, uid } = job.metadata
  return {
    kind: 'Job',
    apiVersion: 'batch/v1',
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  }
}

function startOf(job: Job): string {
  return `${job.status?.startTime ?? job.metadata.creationTimestamp ?? ''} ${keyOf(job)}`
}

function byName(a: Job, b: Job): number {
  return a.metadata.name < b.metadata.name ? -1 : 1
}
