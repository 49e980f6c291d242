/** The arithmetic of horizontal autoscaling; pure. @see Kubernetes, "Horizontal Pod Autoscaling", algorithm details */

/** Ratios this close to 1 change nothing. */
const TOLERANCE = 0.1

export interface UtilizationInput {
  readonly currentReplicas: number
  readonly minReplicas: number
  readonly maxReplicas: number
  /** Percent of the requests. */
  readonly targetUtilization: number
  /** Per ready pod with figures: used and requested millicores. */
  readonly pods: readonly { readonly usedMillis: number; readonly requestedMillis: number }[]
}

export interface UtilizationResult {
  readonly utilization: number
  readonly averageMillis: number
  readonly desiredReplicas: number
}

/** @returns undefined when there is nothing to go by: no pod with figures or requests */
export function scaleByUtilization(input: UtilizationInput): UtilizationResult | undefined {
  const requested = input.pods.reduce((sum, pod) => sum + pod.requestedMillis, 0)
  if (input.pods.length === 0 || requested === 0) return undefined
  const used = input.pods.reduce((sum, pod) => sum + pod.usedMillis, 0)
  const utilization = Math.round((used * 100) / requested)
  const ratio = utilization / input.targetUtilization
  const raw = Math.abs(ratio - 1) <= TOLERANCE ? input.currentReplicas : Math.ceil(ratio * input.pods.length)
  const desiredReplicas = Math.min(input.maxReplicas, Math.max(input.minReplicas, raw))
  return { utilization, averageMillis: Math.round(used / input.pods.length), desiredReplicas }
}

export interface Stabilizer {
  /** The highest recommendation of the window: scaling down waits until nobody wanted more for its length. */
  readonly recommend: (key: string, desired: number, current: number, nowMs: number) => number
  readonly forget: (key: string) => void
}

export function createStabilizer(windowMs: number): Stabilizer {
  const recommendations = new Map<string, { readonly atMs: number; readonly desired: number }[]>()
  return {
    recommend(key, desired, current, nowMs) {
      const before = recommendations.get(key) ?? [{ atMs: nowMs, desired: current }]
      const recent = [...before.filter((one) => one.atMs > nowMs - windowMs), { atMs: nowMs, desired }]
      recommendations.set(key, recent)
      return desired >= current ? desired : Math.min(current, Math.max(...recent.map((one) => one.desired)))
    },
    forget: (key) => void recommendations.delete(key),
  }
}
