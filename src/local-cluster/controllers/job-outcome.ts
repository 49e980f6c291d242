import type { Job, JobCondition } from '../../kube/index.ts'
import { parseIndexes } from './job-indexes.ts'
import { isIndexed } from './job-pods.ts'
import type { JobTally } from './job-tally.ts'

/** How a Job ends, known before all of its pods have ended. */
export interface JobOutcome {
  readonly kind: 'complete' | 'failed'
  readonly reason: string
  readonly message: string
}

export function conditionOf(job: Job, type: string): JobCondition | undefined {
  return job.status?.conditions?.find((one) => one.type === type && one.status === 'True')
}

export function isJobFinished(job: Job): boolean {
  return conditionOf(job, 'Complete') !== undefined || conditionOf(job, 'Failed') !== undefined
}

/** @returns undefined while the Job has to go on */
export function jobOutcome(job: Job, tally: JobTally, nowMs: number): JobOutcome | undefined {
  return (
    decidedBefore(job) ??
    failureOf(job, tally, nowMs) ??
    successByPolicy(job, tally) ??
    (isComplete(job, tally)
      ? {
          kind: 'complete',
          reason: 'CompletionsReached',
          message: 'Reached expected number of succeeded pods',
        }
      : undefined)
  )
}

function decidedBefore(job: Job): JobOutcome | undefined {
  const failed = conditionOf(job, 'FailureTarget')
  const met = conditionOf(job, 'SuccessCriteriaMet')
  const found = failed ?? met
  if (!found) return undefined
  const kind = failed ? 'failed' : 'complete'
  return { kind, reason: found.reason ?? '', message: found.message ?? '' }
}

function failureOf(job: Job, tally: JobTally, nowMs: number): JobOutcome | undefined {
  const failed = (reason: string, message: string): JobOutcome => ({ kind: 'failed', reason, message })
  if (tally.fatal !== undefined) return failed('PodFailurePolicy', tally.fatal)
  if (tally.failed > backoffLimit(job) || restartsExceed(job, tally)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  }
  const leftMs = deadlineLeftMs(job, nowMs)
  if (leftMs !== undefined && leftMs <= 0 && job.spec.suspend !== true) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline')
  }
  const { maxFailedIndexes, completions = 0 } = job.spec
  if (maxFailedIndexes !== undefined && tally.failedIndexes.size > maxFailedIndexes) {
    return failed(
      'MaxFailedIndexesExceeded',
      'Job has exceeded the specified maximal number of failed indexes',
    )
  }
  const isThrough = tally.completed.size + tally.failedIndexes.size >= completions
  return isThrough && tally.failedIndexes.size > 0
    ? failed('FailedIndexes', 'Job has failed indexes')
    : undefined
}

function backoffLimit({ spec }: Job): number {
  return spec.backoffLimit ?? (spec.backoffLimitPerIndex === undefined ? 6 : Number.MAX_SAFE_INTEGER)
}

/** Containers that are restarted in their pod fail as pods do that are replaced. */
function restartsExceed(job: Job, { active }: JobTally): boolean {
  if (job.spec.template.spec.restartPolicy !== 'OnFailure') return false
  const restarts = active
    .flatMap((pod) => [
      ...(pod.status?.containerStatuses ?? []),
      ...(pod.status?.initContainerStatuses ?? []),
    ])
    .reduce((sum, status) => sum + status.restartCount, 0)
  const limit = backoffLimit(job)
  return limit === 0 ? restarts > 0 : restarts >= limit
}

/** @returns undefined for a Job without deadline, or one that has not started */
export function deadlineLeftMs({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || status?.startTime === undefined) return undefined
  return Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - nowMs
}

function successByPolicy(job: Job, { completed }: JobTally): JobOutcome | undefined {
  if (!isIndexed(job)) return undefined
  const rules = job.spec.successPolicy?.rules ?? []
  const index = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    const wanted = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes)
    const found = wanted ? [...wanted].filter((one) => completed.has(one)).length : completed.size
    return found >= (succeededCount ?? wanted?.size ?? Infinity)
  })
  if (index < 0) return undefined
  return { kind: 'complete', reason: 'SuccessPolicy', message: `Matched rules at index ${index}` }
}

/** Without a number of completions one success is enough, once the others have ended too. */
function isComplete(job: Job, { succeeded, active }: JobTally): boolean {
  const { completions } = job.spec
  if (completions === undefined) return succeeded > 0 && active.length === 0
  return succeeded >= completions
}
