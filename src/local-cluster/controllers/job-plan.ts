import type { Job, Pod } from '../../kube/index.ts'
import type { JobOutcome } from './job-outcome.ts'
import { finishedAtMs, indexOf, isIndexed, isTracked } from './job-pods.ts'
import { failuresOf, type JobTally, replacesOnlyFailed } from './job-tally.ts'
import { isPodReady } from './pods.ts'

export interface JobPlan {
  /** Pods to make: one an entry, with the index that it works on where the Job has indexes. */
  readonly create: readonly ({ readonly index: number; readonly failures: number } | undefined)[]
  /** Pods that are let go: they end without being counted. */
  readonly letGo: readonly Pod[]
  /** When pods that failed are replaced, in milliseconds from now. */
  readonly againMs: number | undefined
}

/** @see PodBackoffPolicy of Jobs: 10 s, 20 s, 40 s … between failures, at most ten minutes */
const BACKOFF_MAX_MS = 600_000

export function planJob(facts: {
  readonly job: Job
  readonly pods: readonly Pod[]
  readonly tally: JobTally
  readonly outcome: JobOutcome | undefined
  readonly nowMs: number
  readonly backoffMs: number
}): JobPlan {
  const { job, tally, outcome } = facts
  if (outcome || job.spec.suspend === true) return { create: [], letGo: tally.active, againMs: undefined }
  const wanted = wantedActive(job, tally)
  const keep = isIndexed(job) ? firstOfEachIndex(tally) : tally.active
  const surplus = [...keep].sort(byDispensability).slice(0, Math.max(0, keep.length - wanted))
  const letGo = [...tally.active.filter((pod) => !keep.includes(pod)), ...surplus]
  const occupied = keep.length + (replacesOnlyFailed(job) ? tally.terminating.length : 0)
  const missing = Math.max(0, wanted - occupied)
  if (missing === 0) return { create: [], letGo, againMs: undefined }
  const waitMs = backoffLeftMs(facts)
  if (waitMs > 0) return { create: [], letGo, againMs: waitMs }
  return { create: slotsFor(facts, keep, missing), letGo, againMs: undefined }
}

function wantedActive({ spec }: Job, tally: JobTally): number {
  const parallelism = spec.parallelism ?? 1
  // A queue of work: with the first success nobody new comes.
  if (spec.completions === undefined)
    return tally.succeeded > 0 ? Math.min(parallelism, tally.active.length) : parallelism
  const left = spec.completions - tally.succeeded - tally.failedIndexes.size
  return Math.max(0, Math.min(parallelism, left))
}

/** Of two pods with one index the older stays. */
function firstOfEachIndex({ active, completed, failedIndexes }: JobTally): readonly Pod[] {
  const seen = new Set<number>([...completed, ...failedIndexes])
  const byAge = [...active].sort((a, b) => ageOrder(a).localeCompare(ageOrder(b)))
  return byAge.filter((pod) => {
    const index = indexOf(pod)
    if (index === undefined || seen.has(index)) return false
    seen.add(index)
    return true
  })
}

function slotsFor(
  { job, pods, tally }: { readonly job: Job; readonly pods: readonly Pod[]; readonly tally: JobTally },
  keep: readonly Pod[],
  missing: number,
): JobPlan['create'] {
  if (!isIndexed(job)) return Array.from({ length: missing }, () => undefined)
  const busy = [...keep, ...(replacesOnlyFailed(job) ? tally.terminating : [])]
  const taken = new Set([
    ...tally.completed,
    ...tally.failedIndexes,
    ...busy.flatMap((pod) => indexOf(pod) ?? []),
  ])
  const slots: { readonly index: number; readonly failures: number }[] = []
  for (let index = 0; index < (job.spec.completions ?? 0) && slots.length < missing; index++) {
    if (taken.has(index)) continue
    const failures = Math.max(0, ...pods.filter((pod) => indexOf(pod) === index).map(failuresOf))
    slots.push({ index, failures })
  }
  return slots
}

/** Each failure since the last success doubles the pause; what the pods themselves say survives a restart. */
function backoffLeftMs({
  pods,
  nowMs,
  backoffMs,
}: {
  readonly pods: readonly Pod[]
  readonly nowMs: number
  readonly backoffMs: number
}): number {
  const ends = pods
    .filter((pod) => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded')
    .flatMap((pod) => {
      const atMs = finishedAtMs(pod)
      return atMs === undefined ? [] : [{ atMs, isFailure: pod.status?.phase === 'Failed' }]
    })
  const lastSuccessMs = Math.max(-Infinity, ...ends.filter((one) => !one.isFailure).map((one) => one.atMs))
  const failures = ends.filter((one) => one.isFailure && one.atMs > lastSuccessMs)
  if (failures.length === 0) return 0
  const pauseMs = Math.min(BACKOFF_MAX_MS, backoffMs * 2 ** Math.min(failures.length - 1, 30))
  return Math.max(...failures.map((one) => one.atMs)) + pauseMs - nowMs
}

/** Pods that nobody tracks any more but that still run: they were let go, and the deletion was cut short. */
export function abandonedPods(pods: readonly Pod[]): readonly Pod[] {
  return pods.filter(
    (pod) =>
      !isTracked(pod) &&
      pod.metadata.deletionTimestamp === undefined &&
      pod.status?.phase !== 'Succeeded' &&
      pod.status?.phase !== 'Failed',
  )
}

function byDispensability(a: Pod, b: Pod): number {
  const rank = (pod: Pod) => (pod.status?.phase === 'Running' ? 1 : 0) + (isPodReady(pod) ? 2 : 0)
  return rank(a) - rank(b) || ageOrder(b).localeCompare(ageOrder(a))
}

function ageOrder(pod: Pod): string {
  return `${pod.metadata.creationTimestamp ?? ''} ${pod.metadata.name}`
}
