import { unreachable } from '../../base/index.ts'

/** A pod of a StatefulSet as its decisions see it. */
export interface StatefulPod {
  readonly ordinal: number
  readonly phase: 'failed' | 'succeeded' | 'terminating' | 'starting' | 'ready'
  /** Ready for as long as minReadySeconds says. */
  readonly isAvailable: boolean
  readonly isUpdated: boolean
}

export interface StatefulInput {
  readonly pods: readonly StatefulPod[]
  readonly start: number
  readonly replicas: number
  readonly isOrdered: boolean
  readonly update:
    | { readonly kind: 'on-delete' }
    | { readonly kind: 'rolling'; readonly partition: number; readonly maxUnavailable: number }
}

/** What to do now; when it has happened there is another look. */
export interface StatefulPlan {
  readonly create: readonly number[]
  readonly remove: readonly {
    readonly ordinal: number
    readonly because: 'finished' | 'scaled' | 'outdated'
  }[]
}

type Removal = StatefulPlan['remove'][number]

/**
 * Ordered: pods come from the lowest ordinal up, each after the one before is available, and go from the highest down.
 * Parallel: they come and go at once. Updates replace pods from the highest ordinal down to the partition either way.
 * @see Kubernetes StatefulSets, "Deployment and Scaling Guarantees" and "Rolling Updates"
 */
export function planStateful(input: StatefulInput): StatefulPlan {
  const { start, replicas, isOrdered } = input
  const byOrdinal = new Map(input.pods.map((pod) => [pod.ordinal, pod]))
  const wanted = Array.from({ length: replicas }, (_, index) => start + index)
  const condemned = input.pods
    .filter((pod) => pod.ordinal < start || pod.ordinal >= start + replicas)
    .sort((a, b) => b.ordinal - a.ordinal)

  const create: number[] = []
  const remove: Removal[] = []
  for (const ordinal of wanted) {
    const step = stepFor(byOrdinal.get(ordinal))
    if (step === 'create') create.push(ordinal)
    else if (step === 'remove') remove.push({ ordinal, because: 'finished' })
    if (isOrdered && step !== 'next') return { create, remove }
  }
  for (const pod of condemned) {
    const isGoing = pod.phase === 'terminating'
    if (!isGoing) remove.push({ ordinal: pod.ordinal, because: 'scaled' })
    if (isOrdered) return { create, remove }
  }
  return { create, remove: [...remove, ...outdated(input, byOrdinal, remove)] }
}

function stepFor(pod: StatefulPod | undefined): 'create' | 'remove' | 'wait' | 'next' {
  if (!pod) return 'create'
  switch (pod.phase) {
    case 'failed':
    case 'succeeded':
      return 'remove'
    case 'terminating':
    case 'starting':
      return 'wait'
    case 'ready':
      return pod.isAvailable ? 'next' : 'wait'
    default:
      return unreachable(pod.phase)
  }
}

function outdated(
  { update, start, replicas }: StatefulInput,
  byOrdinal: ReadonlyMap<number, StatefulPod>,
  going: readonly Removal[],
): readonly Removal[] {
  if (update.kind === 'on-delete') return []
  const isGoing = new Set(going.map((one) => one.ordinal))
  const found: Removal[] = []
  let unavailable = 0
  for (let ordinal = start + replicas - 1; ordinal >= start + update.partition; ordinal--) {
    if (unavailable >= update.maxUnavailable) return found
    const pod = byOrdinal.get(ordinal)
    const isThere = pod !== undefined && pod.phase !== 'terminating' && !isGoing.has(ordinal)
    if (isThere && !pod.isUpdated) found.push({ ordinal, because: 'outdated' })
    if (!isThere || !pod.isUpdated || !pod.isAvailable) unavailable += 1
  }
  return found
}
