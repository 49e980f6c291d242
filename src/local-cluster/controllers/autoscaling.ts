/** The arithmetic of horizontal autoscaling; pure. @see Kubernetes, "Horizontal Pod Autoscaling", algorithm details */
import { fail, ok, type Result } from '../../base/index.ts'

/** Ratios this close to 1 change nothing, unless the autoscaler says otherwise. */
export const TOLERANCE = 0.1

export type ScalingTarget =
  /** Percent of what the pods request. */
  | { readonly kind: 'utilization'; readonly percent: number }
  /** What a pod uses on average, in thousandths of the resource's unit. */
  | { readonly kind: 'average'; readonly millis: number }

/**
 * A pod as its figures are weighed: `ready` counts as it is; `unready` has figures that say nothing about load yet, and
 * `missing` has none; `ignored` is about to go.
 */
export interface WeighedPod {
  readonly state: 'ready' | 'unready' | 'missing' | 'ignored'
  readonly usedMillis: number
  readonly requestedMillis: number
}

export interface ScalingInput {
  readonly currentReplicas: number
  readonly target: ScalingTarget
  readonly pods: readonly WeighedPod[]
  readonly tolerance: { readonly up: number; readonly down: number }
}

export interface ScalingResult {
  /** before the bounds */
  readonly replicas: number
  /** undefined where the target is no share of what is requested */
  readonly utilization: number | undefined
  readonly averageMillis: number
}

/** @returns how many pods the figures ask for, or why they do not say */
export function replicasByUse(input: ScalingInput): Result<ScalingResult, string> {
  const { pods, target, currentReplicas } = input
  const ready = pods.filter(({ state }) => state === 'ready')
  if (ready.length === 0) return fail('did not receive metrics for targeted pods (pods might be unready)')
  const use = useOf(ready, target)
  if (!use) return fail('no metrics returned matched known pods')
  const { ratio, utilization, averageMillis } = use
  const result = (replicas: number) => ok({ replicas, utilization, averageMillis })
  const missing = pods.filter(({ state }) => state === 'missing')
  const unready = ratio > 1 ? pods.filter(({ state }) => state === 'unready') : []
  if (missing.length + unready.length === 0) {
    return result(isWithin(input, ratio) ? currentReplicas : Math.ceil(ratio * ready.length))
  }
  const all = [...ready, ...missing.map((pod) => assumed(pod, ratio, target)), ...unready.map(idle)]
  const cautious = useOf(all, target)?.ratio ?? ratio
  const turnsRound = (ratio < 1 && cautious > 1) || (ratio > 1 && cautious < 1)
  if (isWithin(input, cautious) || turnsRound) return result(currentReplicas)
  const replicas = Math.ceil(cautious * all.length)
  const isOpposite = cautious < 1 ? replicas > currentReplicas : replicas < currentReplicas
  return result(isOpposite ? currentReplicas : replicas)
}

function isWithin({ tolerance }: ScalingInput, ratio: number): boolean {
  return ratio >= 1 - tolerance.down && ratio <= 1 + tolerance.up
}

/** A pod without figures must not be the reason: it is idle where more are wanted, and busy where fewer are. */
function assumed(pod: WeighedPod, ratio: number, target: ScalingTarget): WeighedPod {
  if (ratio >= 1) return idle(pod)
  const usedMillis =
    target.kind === 'average' ? target.millis : (pod.requestedMillis * Math.max(100, target.percent)) / 100
  return { ...pod, usedMillis }
}

function idle(pod: WeighedPod): WeighedPod {
  return { ...pod, usedMillis: 0 }
}

interface Use {
  readonly utilization: number | undefined
  readonly averageMillis: number
  /** Of what is used to what is meant to be. */
  readonly ratio: number
}

function useOf(pods: readonly WeighedPod[], target: ScalingTarget): Use | undefined {
  const used = pods.reduce((sum, pod) => sum + pod.usedMillis, 0)
  const averageMillis = Math.floor(used / pods.length)
  if (target.kind === 'average') {
    return { utilization: undefined, averageMillis, ratio: averageMillis / Math.max(1, target.millis) }
  }
  const requested = pods.reduce((sum, pod) => sum + pod.requestedMillis, 0)
  if (requested === 0) return undefined
  const utilization = Math.floor((used * 100) / requested)
  return { utilization, averageMillis, ratio: utilization / target.percent }
}
