import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../kube/index.ts'
import type { ScalingDecision } from './autoscaler-pace.ts'
import { formatSeconds } from './pods.ts'

/** What one look at an autoscaler found. */
export interface AutoscalerFinding {
  readonly current: number
  readonly desired: number
  readonly isRescaled: boolean
  /** undefined keeps what was known */
  readonly metrics: readonly MetricStatus[] | undefined
  /** of those types that are named; the others stay as they are */
  readonly conditions: readonly Condition[]
}

type Condition = Pick<HorizontalPodAutoscalerCondition, 'type' | 'status' | 'reason' | 'message'>

export function autoscalerStatus(
  autoscaler: HorizontalPodAutoscaler,
  finding: AutoscalerFinding,
  nowMs: number,
): HorizontalPodAutoscalerStatus {
  const before = autoscaler.status
  const now = formatSeconds(nowMs)
  const lastScaleTime = finding.isRescaled ? now : before?.lastScaleTime
  const metrics = finding.metrics ?? before?.currentMetrics
  return {
    // What is refused leaves nothing else to say.
    ...(autoscaler.metadata.generation === undefined
      ? {}
      : { observedGeneration: autoscaler.metadata.generation }),
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    currentReplicas: finding.current,
    desiredReplicas: finding.desired,
    ...(metrics === undefined ? {} : { currentMetrics: metrics }),
    conditions: merged(before?.conditions ?? [], finding.conditions, now),
  }
}

/** A condition's time is that of its last change of status. */
function merged(
  before: readonly HorizontalPodAutoscalerCondition[],
  found: readonly Condition[],
  now: string,
): readonly HorizontalPodAutoscalerCondition[] {
  const known = before.filter(({ type }) => !found.some((one) => one.type === type))
  const next = found.map((one) => {
    const same = before.find((other) => other.type === one.type && other.status === one.status)
    return { ...one, lastTransitionTime: same?.lastTransitionTime ?? now }
  })
  const order = ['AbleToScale', 'ScalingActive', 'ScalingLimited']
  return [...known, ...next].sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type))
}

function condition(type: string, status: 'True' | 'False', reason: string, message: string): Condition {
  return { type, status, reason, message }
}

export function noScale(problem: string): Condition {
  const message = `the HPA controller was unable to get the target's current scale: ${problem}`
  return condition('AbleToScale', 'False', 'FailedGetScale', message)
}

export const GOT_SCALE = condition(
  'AbleToScale',
  'True',
  'SucceededGetScale',
  "the HPA controller was able to get the target's current scale",
)

export const SWITCHED_OFF = condition(
  'ScalingActive',
  'False',
  'ScalingDisabled',
  'scaling is disabled since the replica count of the target is zero',
)

export function rescaled(replicas: number): Condition {
  const message = `the HPA controller was able to update the target scale to ${replicas}`
  return condition('AbleToScale', 'True', 'SucceededRescale', message)
}

export function notRescaled(problem: string): Condition {
  const message = `the HPA controller was unable to update the target scale: ${problem}`
  return condition('AbleToScale', 'False', 'FailedUpdateScale', message)
}

export function activeBy(metric: string): Condition {
  const message = `the HPA was able to successfully calculate a replica count from ${metric}`
  return condition('ScalingActive', 'True', 'ValidMetricFound', message)
}

export function inactive(reason: string, problem: string): Condition {
  const message = `the HPA was unable to compute the replica count: ${problem}`
  return condition('ScalingActive', 'False', reason, message)
}

export function paced({ stabilized, limit }: ScalingDecision): readonly Condition[] {
  return [STABILIZED[stabilized ?? 'none'], limit === undefined ? IN_RANGE : limitedBy(limit)]
}

const STABILIZED: Readonly<Record<'up' | 'down' | 'none', Condition>> = {
  up: condition(
    'AbleToScale',
    'True',
    'ScaleUpStabilized',
    'recent recommendations were lower than current one, applying the lowest recent recommendation',
  ),
  down: condition(
    'AbleToScale',
    'True',
    'ScaleDownStabilized',
    'recent recommendations were higher than current one, applying the highest recent recommendation',
  ),
  none: condition('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size'),
}

const IN_RANGE = condition(
  'ScalingLimited',
  'False',
  'DesiredWithinRange',
  'the desired count is within the acceptable range',
)

const LIMITS: Readonly<Record<NonNullable<ScalingDecision['limit']>, string>> = {
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
}

function limitedBy(limit: NonNullable<ScalingDecision['limit']>): Condition {
  return condition('ScalingLimited', 'True', limit, LIMITS[limit])
}
