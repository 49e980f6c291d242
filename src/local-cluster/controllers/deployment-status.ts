import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../kube/index.ts'
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
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation ?? 0,
    // Kubernetes leaves out counts of zero.
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    conditions: [availability(facts, available), progress.condition, ...replicaFailure(facts)].map((next) =>
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

function progressing(
  facts: DeploymentFacts,
  counts: { readonly replicas: number; readonly updatedReplicas: number; readonly availableReplicas: number },
): { condition: DeploymentCondition; againMs: number | undefined } {
  const { deployment, newSet } = facts
  const wanted = deployment.spec.replicas ?? 1
  const name = newSet?.metadata.name ?? ''
  const before = deployment.status?.conditions?.find((one) => one.type === 'Progressing')
  if (deployment.spec.paused) {
    const reason = 'DeploymentPaused'
    return {
      condition: { type: 'Progressing', status: 'Unknown', reason, message: 'Deployment is paused' },
      againMs: undefined,
    }
  }
  const complete =
    counts.updatedReplicas === wanted &&
    counts.replicas === wanted &&
    counts.availableReplicas >= wanted &&
    newSet
  if (complete) {
    const message = `ReplicaSet "${name}" has successfully progressed.`
    return {
      condition: { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message },
      againMs: undefined,
    }
  }
  const past = deployment.status
  const advanced =
    past === undefined ||
    before === undefined ||
    before.reason === 'NewReplicaSetAvailable' ||
    before.reason === 'DeploymentPaused' ||
    counts.updatedReplicas > (past.updatedReplicas ?? 0) ||
    counts.availableReplicas > (past.availableReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < (past.replicas ?? 0) - (past.updatedReplicas ?? 0)
  const deadlineMs = (deployment.spec.progressDeadlineSeconds ?? 600) * 1000
  const sinceMs = advanced ? facts.nowMs : Date.parse(before?.lastUpdateTime ?? '')
  const leftMs = sinceMs + deadlineMs - facts.nowMs
  // Once it is exceeded only progress helps: the condition's own time must not start another wait.
  const isExceeded = before?.reason === 'ProgressDeadlineExceeded' && !advanced
  if (isExceeded || leftMs <= 0) {
    const message = `ReplicaSet "${name}" has timed out progressing.`
    return {
      condition: { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message },
      againMs: undefined,
    }
  }
  const message = newSet ? `ReplicaSet "${name}" is progressing.` : 'Deployment is progressing.'
  const condition = { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message } as const
  return {
    condition: advanced ? { ...condition, lastUpdateTime: formatSeconds(facts.nowMs) } : condition,
    againMs: leftMs,
  }
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
