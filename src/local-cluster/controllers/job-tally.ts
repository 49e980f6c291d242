import type { Job, Pod } from '../../kube/index.ts'
import { judgeFailure } from './job-failure-policy.ts'
import { formatIndexes, parseIndexes } from './job-indexes.ts'
import { INDEX_FAILURES, indexOf, isIndexed, isTracked } from './job-pods.ts'
import { isPodReady } from './pods.ts'

/** How far a Job has come, from its status and its pods. */
export interface JobTally {
  /** Ended well, for an Indexed Job its completed indexes; what is not yet settled in the status included. */
  readonly succeeded: number
  readonly failed: number
  readonly active: readonly Pod[]
  /** Being deleted, not at their end. */
  readonly terminating: readonly Pod[]
  readonly ready: number
  readonly completed: ReadonlySet<number>
  readonly failedIndexes: ReadonlySet<number>
  /** Uids of ends that are counted as soon as their pods' finalizers are gone. */
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] }
  /** What the status counts by itself. */
  readonly settled: { readonly succeeded: number; readonly failed: number }
  /** Pods whose finalizer may go once the status is written. */
  readonly countedPods: readonly Pod[]
  /** A pod's failure that ends the whole Job, and why. */
  readonly fatal: string | undefined
}

type End = 'succeeded' | 'failed' | 'ignored'

/**
 * An end is first noted by its pod's uid, then the pod loses its finalizer, then the number goes up: whatever comes
 * between two of these steps, each end is counted once.
 */
export function tallyJob(job: Job, pods: readonly Pod[]): JobTally {
  const tracked = pods.filter(isTracked)
  const uids = new Set(tracked.map((pod) => pod.metadata.uid))
  const noted = job.status?.uncountedTerminatedPods ?? {}
  const [succeededBefore, failedBefore] = [noted.succeeded ?? [], noted.failed ?? []]
  const stays = (uid: string) => uids.has(uid)

  const ended = tracked.flatMap((pod) => {
    const end = endOf(job, pod)
    return end === undefined ? [] : [{ pod, end, uid: pod.metadata.uid ?? '' }]
  })
  const fresh = (end: End, known: readonly string[]) =>
    ended.filter((one) => one.end === end && !known.includes(one.uid)).map((one) => one.uid)
  const uncounted = {
    // Completed indexes say themselves how many there are.
    succeeded: isIndexed(job)
      ? []
      : [...succeededBefore.filter(stays), ...fresh('succeeded', succeededBefore)],
    failed: [...failedBefore.filter(stays), ...fresh('failed', failedBefore)],
  }
  const completed = completedIndexes(
    job,
    ended.filter((one) => one.end === 'succeeded').map((one) => one.pod),
  )
  const settled = {
    succeeded: isIndexed(job)
      ? completed.size
      : (job.status?.succeeded ?? 0) + succeededBefore.filter((uid) => !stays(uid)).length,
    failed: (job.status?.failed ?? 0) + failedBefore.filter((uid) => !stays(uid)).length,
  }
  const alive = tracked.filter((pod) => endOf(job, pod) === undefined)
  const failedPods = ended.filter((one) => one.end === 'failed').map((one) => one.pod)
  return {
    succeeded: settled.succeeded + uncounted.succeeded.length,
    failed: settled.failed + uncounted.failed.length,
    active: alive.filter((pod) => pod.metadata.deletionTimestamp === undefined),
    terminating: pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isFinished(pod)),
    ready: alive.filter((pod) => pod.metadata.deletionTimestamp === undefined && isPodReady(pod)).length,
    completed,
    failedIndexes: failedIndexes(job, failedPods, completed),
    uncounted,
    settled,
    countedPods: ended.map((one) => one.pod),
    fatal: failedPods.map((pod) => judgeFailure(job, pod)).find((one) => one.action === 'FailJob')?.message,
  }
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

function endOf(job: Job, pod: Pod): End | undefined {
  if (pod.status?.phase === 'Succeeded') return 'succeeded'
  if (pod.status?.phase === 'Failed') return judgeFailure(job, pod).action === 'Ignore' ? 'ignored' : 'failed'
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata
  if (deletionTimestamp === undefined) return undefined
  // A pod that somebody deletes has failed: at once, or where only failed pods are replaced, when it is gone.
  return replacesOnlyFailed(job) && deletionGracePeriodSeconds !== 0 ? undefined : 'failed'
}

export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed'
}

function completedIndexes(job: Job, succeeded: readonly Pod[]): ReadonlySet<number> {
  if (!isIndexed(job)) return new Set()
  const completions = job.spec.completions ?? 0
  const all = [
    ...parseIndexes(job.status?.completedIndexes),
    ...succeeded.flatMap((pod) => indexOf(pod) ?? []),
  ]
  return new Set(all.filter((index) => index < completions))
}

/** Indexes that are given up, since each may fail only so often or a rule says so. */
function failedIndexes(
  job: Job,
  failed: readonly Pod[],
  completed: ReadonlySet<number>,
): ReadonlySet<number> {
  const limit = job.spec.backoffLimitPerIndex
  if (!isIndexed(job) || limit === undefined) return new Set()
  const givenUp = failed.filter(
    (pod) => failuresOf(pod) > limit || judgeFailure(job, pod).action === 'FailIndex',
  )
  const all = [...parseIndexes(job.status?.failedIndexes), ...givenUp.flatMap((pod) => indexOf(pod) ?? [])]
  return new Set(all.filter((index) => !completed.has(index)))
}

/** How often an index has failed, with this pod's failure. */
export function failuresOf(pod: Pod): number {
  const before = Number(pod.metadata.annotations?.[INDEX_FAILURES] ?? 0)
  return before + (pod.status?.phase === 'Failed' ? 1 : 0)
}

export function indexesText(indexes: ReadonlySet<number>): string | undefined {
  return indexes.size === 0 ? undefined : formatIndexes(indexes)
}
