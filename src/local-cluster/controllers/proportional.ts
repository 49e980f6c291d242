/** Scaling a Deployment in the middle of a rollout; pure. @see Kubernetes Deployments, "Proportional scaling" */

export interface SizedSet {
  readonly name: string
  readonly replicas: number
  /** The most pods that the Deployment had when this set was last scaled: wanted + surge. */
  readonly deploymentMax: number
  readonly isNew: boolean
}

export interface ProportionalInput {
  readonly wanted: number
  readonly maxSurge: number
  /** Oldest first. */
  readonly sets: readonly SizedSet[]
}

/** Spreads the difference over the sets in proportion to their size, so that neither template takes all the risk. */
export function scaleProportionally(input: ProportionalInput): ReadonlyMap<string, number> {
  const result = new Map(input.sets.map((set) => [set.name, set.replicas]))
  const active = input.sets.filter((set) => set.replicas > 0)
  const only =
    active.length <= 1
      ? (active[0] ?? input.sets.findLast((set) => set.isNew) ?? input.sets.at(-1))
      : undefined
  if (only) return result.set(only.name, input.wanted)
  const allowed = input.wanted > 0 ? input.wanted + input.maxSurge : 0
  let left = allowed - active.reduce((sum, set) => sum + set.replicas, 0)
  // The largest first; of equals the newest gains and the oldest loses.
  const bySize = active
    .map((set, age) => ({ set, age }))
    .sort((a, b) => b.set.replicas - a.set.replicas || (left > 0 ? b.age - a.age : a.age - b.age))
    .map(({ set }) => set)
  for (const set of bySize) {
    const share = Math.round((set.replicas * allowed) / Math.max(1, set.deploymentMax)) - set.replicas
    const change = left > 0 ? Math.min(left, Math.max(0, share)) : Math.max(left, Math.min(0, share))
    result.set(set.name, Math.max(0, set.replicas + change))
    left -= change
  }
  const largest = bySize[0]
  if (largest && left !== 0) result.set(largest.name, Math.max(0, (result.get(largest.name) ?? 0) + left))
  return result
}
