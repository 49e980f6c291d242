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
  readonly pods: readonly PodUse[]
}

export interface PodUse {
  readonly usedMillis: number
  readonly requestedMillis: number
  /** Measured after the pod had been ready for a while: what it uses to start says nothing about load. */
  readonly isSettled: boolean
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
  const use = useOf(pods, target)
  if (!use) return undefined
  const rawReplicas = replicasFor(input)
  const desiredReplicas = Math.min(maxReplicas, Math.max(minReplicas, rawReplicas))
  const { utilization, averageMillis } = use
  return { utilization, averageMillis, rawReplicas, desiredReplicas }
}

/**
 * Pods that have not settled never make it scale up: they count as idle then. Where the settled ones ask for fewer
 * pods, the others are taken to be like them.
 */
function replicasFor({ pods, target, currentReplicas }: CpuInput): number {
  const settled = useOf(
    pods.filter((pod) => pod.isSettled),
    target,
  )
  if (!settled || Math.abs(settled.ratio - 1) <= TOLERANCE) return currentReplicas
  if (settled.ratio < 1) return Math.ceil(settled.ratio * pods.length)
  const cautious = useOf(
    pods.map((pod) => (pod.isSettled ? pod : { ...pod, usedMillis: 0 })),
    target,
  )
  return cautious && cautious.ratio > 1 + TOLERANCE
    ? Math.max(currentReplicas, Math.ceil(cautious.ratio * pods.length))
    : currentReplicas
}

interface Use {
  readonly utilization: number | undefined
  readonly averageMillis: number
  /** Of what is used to what is meant to be. */
  readonly ratio: number
}

function useOf(pods: readonly PodUse[], target: CpuTarget): Use | undefined {
  if (pods.length === 0) return undefined
  const used = pods.reduce((sum, pod) => sum + pod.usedMillis, 0)
  const averageMillis = Math.round(used / pods.length)
  if (target.kind === 'average') {
    return { utilization: undefined, averageMillis, ratio: averageMillis / Math.max(1, target.millis) }
  }
  const requested = pods.reduce((sum, pod) => sum + pod.requestedMillis, 0)
  if (requested === 0) return undefined
  const utilization = Math.round((used * 100) / requested)
  return { utilization, averageMillis, ratio: utilization / target.percent }
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
