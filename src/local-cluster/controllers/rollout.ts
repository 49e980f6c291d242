import type { Deployment, ReplicaSet } from '../../kube/index.ts'
import { intOrPercent } from './int-or-percent.ts'
import { isSameTemplate } from './template-hash.ts'

/** The decisions of a rolling update, as arithmetic on counts: pure, so that its laws can be tested. */
export interface RolloutPlan {
  readonly newReplicas: number
  /** ReplicaSet name → wanted replicas, for the old ones. */
  readonly oldReplicas: ReadonlyMap<string, number>
}

export interface RolloutInput {
  readonly wanted: number
  readonly strategy: 'RollingUpdate' | 'Recreate'
  readonly maxSurge: number
  readonly maxUnavailable: number
  readonly newSet: SetCounts | undefined
  /** Oldest first. */
  readonly oldSets: readonly SetCounts[]
  /** Pods of old sets that are still there, ending ones too (Recreate waits for the last). */
  readonly oldPods: number
}

export interface SetCounts {
  readonly name: string
  readonly replicas: number
  readonly available: number
}

/**
 * At no time more than wanted + maxSurge pods, nor fewer than wanted - maxUnavailable available ones.
 * @see Kubernetes Deployments, "Rolling Update Deployment"
 */
export function planRollout(input: RolloutInput): RolloutPlan {
  return input.strategy === 'Recreate' ? planRecreate(input) : planRolling(input)
}

function planRecreate(input: RolloutInput): RolloutPlan {
  const oldReplicas = new Map(input.oldSets.map((set) => [set.name, 0]))
  const oldGone = input.oldPods === 0
  return { newReplicas: oldGone ? input.wanted : (input.newSet?.replicas ?? 0), oldReplicas }
}

function planRolling(input: RolloutInput): RolloutPlan {
  const { wanted, maxSurge, maxUnavailable } = input
  const current = input.newSet?.replicas ?? 0
  const oldTotal = input.oldSets.reduce((sum, set) => sum + set.replicas, 0)
  const room = Math.max(0, wanted + maxSurge - (current + oldTotal))
  const newReplicas = current > wanted ? wanted : Math.min(wanted, current + room)

  const newUnavailable = Math.max(0, newReplicas - (input.newSet?.available ?? 0))
  const minAvailable = wanted - maxUnavailable
  let removable = Math.max(0, oldTotal + newReplicas - minAvailable - newUnavailable)
  const oldReplicas = new Map<string, number>()
  // First the pods of old sets that serve nobody anyway, then those that do, the oldest set first.
  for (const set of input.oldSets) {
    const unhealthy = Math.min(removable, Math.max(0, set.replicas - set.available))
    oldReplicas.set(set.name, set.replicas - unhealthy)
    removable -= unhealthy
  }
  const available =
    input.oldSets.reduce((sum, set) => sum + set.available, 0) + (input.newSet?.available ?? 0)
  let healthyRemovable = Math.max(0, Math.min(removable, available - minAvailable))
  for (const set of input.oldSets) {
    const left = oldReplicas.get(set.name) ?? 0
    const cut = Math.min(left, healthyRemovable)
    oldReplicas.set(set.name, left - cut)
    healthyRemovable -= cut
  }
  return { newReplicas, oldReplicas }
}

/** `25%` of `wanted`, rounded up for surge and down for unavailability; both zero would stand still, so one may be missing. */
export function resolveFenceposts(deployment: Deployment): {
  readonly maxSurge: number
  readonly maxUnavailable: number
} {
  const wanted = deployment.spec.replicas ?? 1
  const rolling = deployment.spec.strategy?.rollingUpdate
  const maxSurge = intOrPercent(rolling?.maxSurge ?? '25%', wanted, Math.ceil)
  const maxUnavailable = Math.min(wanted, intOrPercent(rolling?.maxUnavailable ?? '25%', wanted, Math.floor))
  return maxSurge === 0 && maxUnavailable === 0
    ? { maxSurge, maxUnavailable: 1 }
    : { maxSurge, maxUnavailable }
}

/** The set of the current template (the oldest, should there be two) and all others, oldest first. */
export function splitSets(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): { readonly newSet: ReplicaSet | undefined; readonly oldSets: readonly ReplicaSet[] } {
  const byAge = [...sets].sort((a, b) => ageOrder(a).localeCompare(ageOrder(b)))
  const newSet = byAge.find(
    (set) => set.spec.template && isSameTemplate(set.spec.template, deployment.spec.template),
  )
  return { newSet, oldSets: byAge.filter((set) => set !== newSet) }
}

function ageOrder(set: ReplicaSet): string {
  return `${set.metadata.creationTimestamp ?? ''} ${set.metadata.name}`
}
