import {
  matchesLabels,
  type Pod,
  type ReplicaSet,
  type ReplicaSetCondition,
  type ReplicaSetStatus,
} from '../../kube/index.ts'
import { formatSeconds, isActivePod, isPodReady, readySinceMs } from './pods.ts'

/** @returns the status, and when to look again because a ready pod will then count as available */
export function replicaSetStatus(
  set: ReplicaSet,
  owned: readonly Pod[],
  facts: {
    readonly nowMs: number
    /** why pods could not be made or deleted */ readonly problem: string | undefined
  },
): { readonly status: ReplicaSetStatus; readonly againMs: number | undefined } {
  const active = owned.filter(isActivePod)
  const ready = active.filter(isPodReady)
  const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000
  const waitsMs = ready
    .map((pod) => (readySinceMs(pod) ?? facts.nowMs) + minReadyMs - facts.nowMs)
    .filter((wait) => minReadyMs > 0 && wait > 0)
  const labels = set.spec.template?.metadata?.labels
  const conditions = conditionsOf(set, active.length, facts)
  const status: ReplicaSetStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) =>
      matchesLabels(labels ? { matchLabels: labels } : {}, pod.metadata.labels),
    ).length,
    readyReplicas: ready.length,
    availableReplicas: ready.length - waitsMs.length,
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  }
  return { status, againMs: waitsMs.length > 0 ? Math.min(...waitsMs) : undefined }
}

function conditionsOf(
  set: ReplicaSet,
  active: number,
  { nowMs, problem }: { readonly nowMs: number; readonly problem: string | undefined },
): readonly ReplicaSetCondition[] {
  const before = set.status?.conditions ?? []
  const others = before.filter((one) => one.type !== 'ReplicaFailure')
  if (problem === undefined) return others
  const known = before.find((one) => one.type === 'ReplicaFailure')
  const failure: ReplicaSetCondition = {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: known?.lastTransitionTime ?? formatSeconds(nowMs),
    reason: active < (set.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete',
    message: withoutPodName(problem, set.metadata.name),
  }
  return [...others, failure]
}

/** Each try has another generated name; a message that changed with each would bring the key back without a pause. */
function withoutPodName(problem: string, setName: string): string {
  return problem
    .split(`"${setName}-`)
    .map((part, index) => (index === 0 ? part : part.replace(/^[a-z0-9]*"/, '"')))
    .join(`"${setName}-`)
}
