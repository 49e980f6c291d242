import { deepEqual } from '../../base/index.ts'
import type { Job, JobStatus, Pod } from '../../kube/index.ts'
import { isNotFound, KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { createExpectations } from './expectations.ts'
import { conditionOf, deadlineLeftMs, isJobFinished, type JobOutcome, jobOutcome } from './job-outcome.ts'
import { abandonedPods, planJob } from './job-plan.ts'
import { isTracked, jobPodFrom, TRACKING_FINALIZER } from './job-pods.ts'
import { jobStatus } from './job-status.ts'
import { type JobTally, tallyJob } from './job-tally.ts'
import { createPodControl } from './pod-control.ts'
import { controllerKeys, controllerOf } from './pods.ts'
import { followOwned, observeAll } from './follow-owned.ts'
import { createObjectQueue } from './object-queue.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'

const COMPONENT = 'job-controller'
/** Pods made at once; the rest follows in the next round. */
const BURST = 100
/** @see JobSpec.backoffLimit: the pause after a first failure */
const JOB_BACKOFF_MS = 10_000
/** @see JobSpec.managedBy: Jobs that name another controller are left to it */
const OWN_NAME = 'kubernetes.io/job-controller'

/** Runs pods until enough of them have ended well. */
export function createJobController(
  context: ControllerContext & { readonly jobBackoffMs?: number },
): Controller {
  const { client, informers, events, clock } = context
  const jobs = informers.of<Job>(KINDS.job)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByController = pods.indexBy(controllerKeys)
  const podsByOwner = pods.indexBy((pod) => {
    const owner = controllerOf(pod)
    return owner?.kind === 'Job' ? [`${pod.metadata.namespace}/${owner.name}`] : []
  })
  const expectations = createExpectations(clock)
  const podControl = createPodControl({ ...context, expectations, component: COMPONENT })
  /** The version of each Job that was written last: on an older one nothing must be counted. */
  const written = new Map<string, number>()

  const queue = createObjectQueue(context, {
    name: 'job',
    concurrency: 8,
    reads: [jobs, pods],
    reconcile: async ({ key, namespace, name }) => {
      const job = jobs.get(name, namespace)
      // A Job's pods outlive it for a while, and nobody is left who would count them.
      const stray = podsByOwner.lookup(key).filter((pod) => controllerOf(pod)?.uid !== job?.metadata.uid)
      await Promise.all(stray.map(release))
      if (!job) {
        written.delete(key)
        return undefined
      }
      const isOthers = job.spec.managedBy !== undefined && job.spec.managedBy !== OWN_NAME
      if (isOthers || Number(job.metadata.resourceVersion) < (written.get(key) ?? 0)) return undefined
      const owned = podsByController.lookup(job.metadata.uid ?? '')
      if (job.metadata.deletionTimestamp !== undefined || isJobFinished(job)) return tidy(job, owned)
      return reconcile(job, owned, key)
    },
  })

  const reconcile = async (job: Job, owned: readonly Pod[], key: string): Promise<number | undefined> => {
    const nowMs = clock.now()
    const tally = tallyJob(job, owned)
    const outcome = jobOutcome(job, tally, nowMs)
    const counted = outcome?.kind === 'failed' ? failingAll(tally) : tally
    const status = jobStatus({ job, tally: counted, outcome, isThrough: isThrough(owned, counted), nowMs })
    await writeStatus(job, status, key)
    tell(job, status, outcome)
    // Only now: what loses its finalizer must be in the status already.
    await Promise.all(tally.countedPods.map(release))
    const plan = planJob({
      job,
      pods: owned,
      tally,
      outcome,
      nowMs,
      backoffMs: context.jobBackoffMs ?? JOB_BACKOFF_MS,
    })
    if (expectations.satisfied(key)) {
      await remove(job, [...plan.letGo, ...abandonedPods(owned)], key)
      const fresh = plan.create.slice(0, BURST).map((slot) => jobPodFrom(job, slot))
      await podControl.create(job, fresh, key)
    }
    const startedMs = outcome || job.spec.suspend ? undefined : deadlineLeftMs({ ...job, status }, nowMs)
    const waits = [plan.againMs, startedMs].filter((wait) => wait !== undefined)
    return waits.length > 0 ? Math.min(...waits) : undefined
  }

  const writeStatus = async (job: Job, status: JobStatus, key: string) => {
    if (deepEqual(job.status, status)) return
    const next = await client.update(KINDS.job, { ...job, status }, { subresource: 'status' })
    written.set(key, Number(next.metadata.resourceVersion))
  }

  /** The end of a finished Job: nothing holds its pods any more, and after its time to live it goes. */
  const tidy = async (job: Job, owned: readonly Pod[]): Promise<number | undefined> => {
    await Promise.all(owned.map(release))
    if (job.metadata.deletionTimestamp !== undefined) return undefined
    const ttl = job.spec.ttlSecondsAfterFinished
    const finished = conditionOf(job, 'Complete') ?? conditionOf(job, 'Failed')
    if (ttl === undefined || finished?.lastTransitionTime === undefined) return undefined
    const leftMs = Date.parse(finished.lastTransitionTime) + ttl * 1000 - clock.now()
    if (leftMs > 0) return leftMs
    const { name, namespace, uid = '' } = job.metadata
    await client
      .delete(KINDS.job, name, namespace, { uid, propagationPolicy: 'Foreground' })
      .catch(ignoreOvertaken)
    return undefined
  }

  const release = async (pod: Pod) => {
    if (!isTracked(pod)) return
    const { name, namespace, uid, resourceVersion } = pod.metadata
    const finalizers = pod.metadata.finalizers?.filter((one) => one !== TRACKING_FINALIZER)
    const patch = { metadata: { uid, resourceVersion, finalizers } }
    await client.patch(KINDS.pod, name, namespace, patch, { type: 'merge' }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  }

  /** Without its finalizer first, so that its end is not taken for a failure. */
  const remove = async (job: Job, doomed: readonly Pod[], key: string) => {
    await Promise.all(doomed.map(release))
    await podControl.remove(job, doomed, key)
  }

  const tell = (job: Job, status: JobStatus, outcome: JobOutcome | undefined) => {
    const became = (type: string, value: string) =>
      status.conditions?.some((one) => one.type === type && one.status === value) &&
      !job.status?.conditions?.some((one) => one.type === type && one.status === value)
    const say = (reason: string, message: string, type: 'Normal' | 'Warning' = 'Normal') =>
      events.record(job, { type, reason, message, component: COMPONENT })
    if (became('Suspended', 'True')) say('Suspended', 'Job suspended')
    if (became('Suspended', 'False')) say('Resumed', 'Job resumed')
    if (became('Complete', 'True')) say('Completed', 'Job completed')
    if (became('Failed', 'True') && outcome) say(outcome.reason, outcome.message, 'Warning')
  }

  jobs.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  observeAll(pods, expectations)
  followOwned(pods, { ownerKind: 'Job', add: queue.add })
  return { name: 'job', stop: queue.stop }
}

/** When a Job has failed, those of its pods that are still at work have failed with it. */
function failingAll(tally: JobTally): JobTally {
  const uids = tally.active.map((pod) => pod.metadata.uid ?? '')
  const failed = [...new Set([...tally.uncounted.failed, ...uids])]
  return { ...tally, uncounted: { ...tally.uncounted, failed } }
}

/** Nothing is left to be counted, and nothing runs or ends any more. */
function isThrough(owned: readonly Pod[], tally: JobTally): boolean {
  const { succeeded, failed } = tally.uncounted
  const isAlive = (pod: Pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
  return succeeded.length + failed.length === 0 && !owned.some(isAlive) && !owned.some(isTracked)
}
