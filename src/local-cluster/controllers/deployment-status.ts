import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../kube/index.ts'
import { REVISION_HISTORY } from './deployment-sets.ts'
import { formatSeconds } from './pods.ts'

export interface DeploymentFacts {
  readonly deployment: Deployment
  readonly newSet: ReplicaSet | undefined
  readonly oldSets: readonly ReplicaSet[]
  readonly maxUnavailable: number
  readonly nowMs: number
}

/** @returns the status, and when the progress deadline will have to be looked at again */
export function deploymentStatus(facts: DeploymentFacts): {
  status: DeploymentStatus
  againMs: number | undefined
} {
  const { deployment, newSet, oldSets } = facts
  const sum = (pick: (set: ReplicaSet) => number | undefined) =>
    [...oldSets, ...(newSet ? [newSet] : [])].reduce((total, set) => total + (pick(set) ?? 0), 0)
  const replicas = sum((set) => set.status?.replicas)
  const available = sum((set) => set.status?.availableReplicas)
  const counts = {
    replicas,
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sum((set) => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum((set) => set.spec.replicas) - available),
  }
  const progress = progressing(facts, counts)
  const progressed = progress.condition ? [progress.condition] : []
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation ?? 0,
    // Kubernetes leaves out counts of zero.
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    conditions: [availability(facts, available), ...progressed, ...replicaFailure(facts)].map((next) =>
      keepTimes(next, facts),
    ),
    ...(deployment.status?.collisionCount ? { collisionCount: deployment.status.collisionCount } : {}),
  }
  return { status, againMs: progress.againMs }
}

function availability(facts: DeploymentFacts, available: number): DeploymentCondition {
  const enough = available >= (facts.deployment.spec.replicas ?? 1) - facts.maxUnavailable
  return enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      }
}

/** Why pods cannot be made, as the ReplicaSets say (a webhook refuses them, say). */
function replicaFailure({ newSet, oldSets }: DeploymentFacts): readonly DeploymentCondition[] {
  const failures = [...(newSet ? [newSet] : []), ...oldSets].flatMap((set) =>
    (set.status?.conditions ?? []).filter((one) => one.type === 'ReplicaFailure' && one.status === 'True'),
  )
  return failures.slice(0, 1).map(({ reason, message }) => ({
    type: 'ReplicaFailure',
    status: 'True',
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  }))
}

interface Counts {
  readonly replicas: number
  readonly updatedReplicas: number
  readonly readyReplicas: number
  readonly availableReplicas: number
}

interface Progress {
  readonly condition: DeploymentCondition | undefined
  readonly againMs: number | undefined
}

/** Clients write the largest number that fits for "never". */
const NO_DEADLINE_SECONDS = 2_147_483_647

/** @see Kubernetes Deployments, "Deployment status": progressing, complete, failed */
function progressing(facts: DeploymentFacts, counts: Counts): Progress {
  const { deployment, newSet, nowMs } = facts
  const before = deployment.status?.conditions?.find((one) => one.type === 'Progressing')
  const deadlineSeconds = deployment.spec.progressDeadlineSeconds ?? 600
  if (deadlineSeconds >= NO_DEADLINE_SECONDS) return { condition: undefined, againMs: undefined }
  if (deployment.spec.paused) {
    const reason = before?.reason === TIMED_OUT ? TIMED_OUT : PAUSED
    if (reason === TIMED_OUT) return { condition: before, againMs: undefined }
    return { condition: progress('Unknown', PAUSED, 'Deployment is paused'), againMs: undefined }
  }
  const name = newSet?.metadata.name ?? ''
  const done = progress('True', AVAILABLE, `ReplicaSet "${name}" has successfully progressed.`)
  // What has been rolled out stays so, though pods fall ill or their number is changed.
  const isDone = before?.reason === AVAILABLE && before.message === done.message
  if (newSet && ((isDone && counts.replicas === counts.updatedReplicas) || isComplete(deployment, counts))) {
    return { condition: done, againMs: undefined }
  }
  const change = changeOf(facts, before, counts)
  if (change) {
    const condition = { ...change, lastUpdateTime: formatSeconds(nowMs) }
    return { condition, againMs: deadlineSeconds * 1000 }
  }
  // Once it is exceeded only progress helps: the condition's own time must not start another wait.
  const leftMs = Date.parse(before?.lastUpdateTime ?? '') + deadlineSeconds * 1000 - nowMs
  if (before?.reason !== TIMED_OUT && leftMs > 0) return { condition: before, againMs: leftMs }
  const message = `ReplicaSet "${name}" has timed out progressing.`
  return { condition: progress('False', TIMED_OUT, message), againMs: undefined }
}

const AVAILABLE = 'NewReplicaSetAvailable'
const TIMED_OUT = 'ProgressDeadlineExceeded'
const PAUSED = 'DeploymentPaused'

function progress(
  status: NonNullable<DeploymentCondition['status']>,
  reason: string,
  message: string,
): DeploymentCondition {
  return { type: 'Progressing', status, reason, message }
}

function isComplete({ spec }: Deployment, counts: Counts): boolean {
  const wanted = spec.replicas ?? 1
  const { replicas, updatedReplicas, availableReplicas } = counts
  return updatedReplicas === wanted && replicas === wanted && availableReplicas >= wanted
}

/** What has happened since the last status; undefined where nothing has moved. */
function changeOf(
  { deployment, newSet }: DeploymentFacts,
  before: DeploymentCondition | undefined,
  counts: Counts,
): DeploymentCondition | undefined {
  const name = newSet?.metadata.name ?? ''
  const past = deployment.status ?? {}
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = past
  const hasMoved =
    counts.updatedReplicas > updatedReplicas ||
    counts.replicas - counts.updatedReplicas < replicas - updatedReplicas ||
    counts.readyReplicas > readyReplicas ||
    counts.availableReplicas > availableReplicas
  if (hasMoved) {
    const message = newSet
      ? `ReplicaSet "${name}" is progressing.`
      : `Deployment "${deployment.metadata.name}" is progressing.`
    return progress('True', 'ReplicaSetUpdated', message)
  }
  if (before?.reason === PAUSED) return progress('Unknown', 'DeploymentResumed', 'Deployment is resumed')
  if (before !== undefined && before.reason !== AVAILABLE) return undefined
  // A set that has been there before has had another revision.
  const isOld = newSet?.metadata.annotations?.[REVISION_HISTORY] !== undefined
  return isOld
    ? progress('True', 'FoundNewReplicaSet', `Found new replica set "${name}"`)
    : progress('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`)
}

/** Times stay unless what they speak of has changed. */
function keepTimes(next: DeploymentCondition, facts: DeploymentFacts): DeploymentCondition {
  const before = facts.deployment.status?.conditions?.find((one) => one.type === next.type)
  const now = formatSeconds(facts.nowMs)
  const kept = before?.status === next.status ? before : undefined
  const same = kept !== undefined && kept.reason === next.reason && kept.message === next.message
  return {
    ...next,
    lastUpdateTime: next.lastUpdateTime ?? (same ? (kept.lastUpdateTime ?? now) : now),
    lastTransitionTime: kept?.lastTransitionTime ?? now,
  }
}
