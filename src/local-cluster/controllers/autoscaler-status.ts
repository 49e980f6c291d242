import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../kube/index.ts'
import type { CpuResult } from './autoscaling.ts'
import { formatSeconds } from './pods.ts'

/** What one look at an autoscaler found. */
export type AutoscalerFinding =
  | { readonly kind: 'no-target'; readonly message: string }
  | {
      readonly kind: 'looked'
      readonly current: number
      readonly desired: number
      readonly result: CpuResult | undefined
      /** Why there is no figure. */
      readonly problem: string
    }

export function autoscalerStatus(
  autoscaler: HorizontalPodAutoscaler,
  finding: AutoscalerFinding,
  nowMs: number,
): HorizontalPodAutoscalerStatus {
  const before = autoscaler.status
  const now = formatSeconds(nowMs)
  const { current, desired } = finding.kind === 'looked' ? finding : { current: 0, desired: 0 }
  const lastScaleTime = current === desired ? before?.lastScaleTime : now
  const metrics =
    finding.kind === 'looked' && finding.result ? [metricOf(finding.result)] : before?.currentMetrics
  return {
    observedGeneration: autoscaler.metadata.generation ?? 0,
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    currentReplicas: current,
    desiredReplicas: desired,
    ...(metrics === undefined ? {} : { currentMetrics: metrics }),
    conditions: conditionsOf(finding).map((one) => {
      const same = before?.conditions?.find((other) => other.type === one.type && other.status === one.status)
      return { ...one, lastTransitionTime: same?.lastTransitionTime ?? now }
    }),
  }
}

function metricOf({ utilization, averageMillis }: CpuResult): MetricStatus {
  const current = {
    ...(utilization === undefined ? {} : { averageUtilization: utilization }),
    averageValue: `${averageMillis}m`,
  }
  return { type: 'Resource', resource: { name: 'cpu', current } }
}

function conditionsOf(finding: AutoscalerFinding): readonly HorizontalPodAutoscalerCondition[] {
  if (finding.kind === 'no-target')
    return [condition('AbleToScale', 'False', 'FailedGetScale', finding.message)]
  const { current, desired, result } = finding
  const able =
    desired === current
      ? condition('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size')
      : condition(
          'AbleToScale',
          'True',
          'SucceededRescale',
          `the HPA controller was able to update the target scale to ${desired}`,
        )
  if (current === 0) {
    const message = 'scaling is disabled since the replica count of the target is zero'
    return [able, condition('ScalingActive', 'False', 'ScalingDisabled', message)]
  }
  if (!result) {
    const message = `the HPA was unable to compute the replica count: ${finding.problem}`
    return [able, condition('ScalingActive', 'False', 'FailedGetResourceMetric', message)]
  }
  const found =
    'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)'
  return [able, condition('ScalingActive', 'True', 'ValidMetricFound', found), limitOf(result)]
}

function limitOf({ rawReplicas, desiredReplicas }: CpuResult): HorizontalPodAutoscalerCondition {
  if (rawReplicas > desiredReplicas) {
    const message = 'the desired replica count is more than the maximum replica count'
    return condition('ScalingLimited', 'True', 'TooManyReplicas', message)
  }
  if (rawReplicas < desiredReplicas) {
    const message = 'the desired replica count is less than the minimum replica count'
    return condition('ScalingLimited', 'True', 'TooFewReplicas', message)
  }
  const message = 'the desired count is within the acceptable range'
  return condition('ScalingLimited', 'False', 'DesiredWithinRange', message)
}

function condition(
  type: string,
  status: 'True' | 'False',
  reason: string,
  message: string,
): HorizontalPodAutoscalerCondition {
  return { type, status, reason, message }
}
