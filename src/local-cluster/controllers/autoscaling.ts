/** The arithmetic of horizontal autoscaling; pure. @see Kubernetes, "Horizontal Pod Autoscaling", algorithm details */

/** Ratios this close to 1 change nothing. */
const TOLERANCE = 0.1

export type CpuTarget =
  /** Percent of what the pods request. */
  | { readonly kind: 'utilization'; readonly percent: number }
  /** Millicores that a pod uses on average. */
  | { readonly kind: 'average'; readonly millis: number }

export interface CpuInput {
  readonly currentReplicas: number
  readonly minReplicas: number
  readonly maxReplicas: number
  readonly target: CpuTarget
  /** Per ready pod with figures: used and requested millicores. */
  readonly pods: readonly { readonly usedMillis: number; readonly requestedMillis: number }[]
}

export interface CpuResult {
  /** Undefined where the pods request nothing, or the target is no share of it. */
  readonly utilization: number | undefined
  readonly averageMillis: number
  /** What the figures ask for, before the bounds. */
  readonly rawReplicas: number
  readonly desiredReplicas: number
}

/** @returns undefined when there is nothing to go by: no pod with figures, or no requests to take a share of */
export function scaleByCpu(input: CpuInput): CpuResult | undefined {
  const { pods, target, minReplicas, maxReplicas } = input
  if (pods.length === 0) return undefined
  const used = pods.reduce((sum, pod) => sum + pod.usedMillis, 0)
  const requested = pods.reduce((sum, pod) => sum + pod.requestedMillis, 0)
  if (target.kind === 'utilization' && requested === 0) return undefined
  const utilization = target.kind === 'utilization' ? Math.round((used * 100) / requested) : undefined
  const averageMillis = Math.round(used / pods.length)
  const ratio =
    target.kind === 'utilization'
      ? (utilization ?? 0) / target.percent
      : averageMillis / Math.max(1, target.millis)
  const rawReplicas =
    Math.abs(ratio - 1) <= TOLERANCE ? input.currentReplicas : Math.ceil(ratio * pods.length)
  const desiredReplicas = Math.min(maxReplicas, Math.max(minReplicas, rawReplicas))
  return { utilization, averageMillis, rawReplicas, desiredReplicas }
}

export interface Stabilizer {
  /** The highest recommendation of the window: scaling down waits until nobody wanted more for its length. */
  readonly recommend: (
    key: string,
    advice: {
      readonly desired: number
      readonly current: number
      readonly nowMs: number
      readonly windowMs: number
    },
  ) => number
  readonly forget: (key: string) => void
}

/** Recommendations older than this are of no use to any window (the API's own limit is an hour). */
const WINDOW_MAX_MS = 3_600_000

export function createStabilizer(): Stabilizer {
  const recommendations = new Map<string, { readonly atMs: number; readonly desired: number }[]>()
  return {
    recommend(key, { desired, current, nowMs, windowMs }) {
      const sinceMs = nowMs - Math.min(windowMs, WINDOW_MAX_MS)
      const before = recommendations.get(key) ?? [{ atMs: nowMs, desired: current }]
      const recent = [...before.filter((one) => one.atMs > sinceMs), { atMs: nowMs, desired }]
      recommendations.set(key, recent)
      return desired >= current ? desired : Math.min(current, Math.max(...recent.map((one) => one.desired)))
    },
    forget: (key) => void recommendations.delete(key),
  }
}
