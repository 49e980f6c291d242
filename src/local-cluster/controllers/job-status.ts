import type { Job, JobCondition, JobStatus } from '../../kube/index.ts'
import type { JobOutcome } from './job-outcome.ts'
import { conditionOf } from './job-outcome.ts'
import { isIndexed } from './job-pods.ts'
import { indexesText, type JobTally } from './job-tally.ts'
import { formatSeconds } from './pods.ts'

export interface JobFacts {
  readonly job: Job
  readonly tally: JobTally
  readonly outcome: JobOutcome | undefined
  /** No pod is left whose end could still change something. */
  readonly isThrough: boolean
  readonly nowMs: number
}

export function jobStatus(facts: JobFacts): JobStatus {
  const { job, tally, outcome, nowMs } = facts
  const now = formatSeconds(nowMs)
  const isSuspended = job.spec.suspend === true && !outcome
  const wasSuspended = conditionOf(job, 'Suspended') !== undefined
  const startTime = isSuspended || (job.status?.startTime && !wasSuspended) ? job.status?.startTime : now
  const isComplete = outcome?.kind === 'complete' && facts.isThrough
  const completionTime = isComplete ? (job.status?.completionTime ?? now) : job.status?.completionTime
  const active = outcome ? 0 : tally.active.length
  const completedIndexes = indexesText(tally.completed)
  const conditions = conditionsOf(facts)
  return {
    ...(conditions.length > 0 ? { conditions } : {}),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(active > 0 ? { active } : {}),
    ...(tally.settled.succeeded > 0 ? { succeeded: tally.settled.succeeded } : {}),
    ...(tally.settled.failed > 0 ? { failed: tally.settled.failed } : {}),
    terminating: tally.terminating.length,
    ...(completedIndexes === undefined ? {} : { completedIndexes }),
    ...(isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined
      ? { failedIndexes: indexesText(tally.failedIndexes) ?? '' }
      : {}),
    uncountedTerminatedPods: {
      ...(tally.uncounted.succeeded.length > 0 ? { succeeded: tally.uncounted.succeeded } : {}),
      ...(tally.uncounted.failed.length > 0 ? { failed: tally.uncounted.failed } : {}),
    },
    ready: outcome ? 0 : tally.ready,
  }
}

/** First what the Job is going to be, and once nothing of it moves any more, what it is. */
function conditionsOf({ job, outcome, isThrough, nowMs }: JobFacts): readonly JobCondition[] {
  const now = formatSeconds(nowMs)
  const before = job.status?.conditions ?? []
  const wanted = [...suspension(job, outcome), ...(outcome ? outcomeConditions(outcome, isThrough) : [])].map(
    (one): JobCondition => {
      const same = before.find((other) => other.type === one.type && other.status === one.status)
      return (
        same ?? {
          type: one.type,
          status: one.status,
          lastProbeTime: now,
          lastTransitionTime: now,
          reason: one.reason,
          message: one.message,
        }
      )
    },
  )
  const kept = before.filter((one) => !wanted.some((other) => other.type === one.type))
  return [...kept, ...wanted]
}

interface Wanted {
  readonly type: string
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

function suspension(job: Job, outcome: JobOutcome | undefined): readonly Wanted[] {
  if (outcome) return []
  if (job.spec.suspend === true) {
    return [{ type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }]
  }
  if (conditionOf(job, 'Suspended') === undefined) return []
  return [{ type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' }]
}

function outcomeConditions({ kind, reason, message }: JobOutcome, isThrough: boolean): readonly Wanted[] {
  const [first, last] = kind === 'failed' ? ['FailureTarget', 'Failed'] : ['SuccessCriteriaMet', 'Complete']
  const types = isThrough ? [first, last] : [first]
  return types.map((type) => ({ type, status: 'True', reason, message }))
}
