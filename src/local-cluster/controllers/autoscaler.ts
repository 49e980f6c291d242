import { deepEqual } from '../../base/index.ts'
import {
  type HorizontalPodAutoscaler,
  type LabelMatcher,
  parseQuantity,
  type Pod,
  quantityToMillis,
} from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { type AutoscalerFinding, autoscalerStatus } from './autoscaler-status.ts'
import { type CpuResult, type CpuTarget, createStabilizer, scaleByCpu } from './autoscaling.ts'
import type { ApiResources } from './api-resources.ts'
import { ignoreOvertaken } from './claim.ts'
import { isActivePod, isPodReady, readySinceMs } from './pods.ts'
import { findScaleTarget } from './scale-target.ts'
import { createObjectQueue } from './object-queue.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'

/** Cumulative CPU of a pod's processes. */
export type PodCpu = (podUid: string) => CpuSample | undefined

interface CpuSample {
  readonly atMs: number
  readonly cpuMs: number
}

interface BaseSample extends CpuSample {
  readonly takenMs: number
}

const SYNC_MS = 15_000
/** Until the first figure there is nothing to divide by; a short second look fills the row soon. */
const FIRST_SYNC_MS = 1_000
/** What a pod uses before it has been ready for so long is its start (Kubernetes' initial readiness delay). */
const SETTLING_MS = 30_000
/** @see HPAScalingRules.stabilizationWindowSeconds, default for scaling down */
const DOWNSCALE_WINDOW_SECONDS = 300
/** @see HorizontalPodAutoscalerSpec.metrics: what an autoscaler without metrics goes by */
const DEFAULT_TARGET: CpuTarget = { kind: 'utilization', percent: 80 }

const COMPONENT = 'horizontal-pod-autoscaler'

/**
 * Scales whatever has a scale subresource by the CPU of its pods' processes (the Resource metric `cpu`; others are said
 * not to be served).
 */
export function createAutoscaler(
  context: ControllerContext & { readonly podCpu: PodCpu; readonly resources: ApiResources },
): Controller {
  const { client, informers, events, clock } = context
  const autoscalers = informers.of<HorizontalPodAutoscaler>(KINDS.horizontalPodAutoscaler)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByNamespace = pods.indexBy((pod) => [pod.metadata.namespace ?? ''])
  const stabilizer = createStabilizer()
  const samples = new Map<string, BaseSample>()

  const queue = createObjectQueue(context, {
    name: 'autoscaler',
    concurrency: 2,
    reads: [pods],
    retryBaseMs: 100,
    retryMaxMs: SYNC_MS,
    reconcile: async ({ key, namespace, name }) => {
      const autoscaler = autoscalers.get(name, namespace)
      if (!autoscaler) {
        stabilizer.forget(key)
        return undefined
      }
      const finding = await look(key, autoscaler)
      await writeStatus(autoscaler, finding)
      return finding.kind === 'looked' && !finding.result ? FIRST_SYNC_MS : SYNC_MS
    },
  })

  const look = async (key: string, autoscaler: HorizontalPodAutoscaler): Promise<AutoscalerFinding> => {
    const { scaleTargetRef, maxReplicas, minReplicas = 1, behavior } = autoscaler.spec
    const { namespace } = autoscaler.metadata
    const scaled = await findScaleTarget(context, scaleTargetRef, namespace)
    if (typeof scaled === 'string') {
      const message = `the HPA controller was unable to get the target's current scale: ${scaled}`
      tell(autoscaler, 'FailedGetScale', scaled, 'Warning')
      return { kind: 'no-target', message }
    }
    const current = scaled.replicas
    const target = cpuTarget(autoscaler)
    const bounds = { currentReplicas: current, minReplicas, maxReplicas }
    const result = target && scaleByCpu({ ...bounds, target, pods: measure(namespace, scaled.pods) })
    const advised = result?.desiredReplicas ?? Math.min(maxReplicas, Math.max(minReplicas, current))
    const windowMs = (behavior?.scaleDown?.stabilizationWindowSeconds ?? DOWNSCALE_WINDOW_SECONDS) * 1000
    const advice = { desired: advised, current, nowMs: clock.now(), windowMs }
    // What was scaled to zero by hand stays there: its autoscaling is switched off.
    const desired = current === 0 ? 0 : stabilizer.recommend(key, advice)
    if (desired !== current) {
      await scaled.scaleTo(desired)
      tell(
        autoscaler,
        'SuccessfulRescale',
        `New size: ${desired}; reason: ${reasonOf(current, desired, result)}`,
      )
    }
    const problem = target
      ? 'no CPU figures of ready pods that request CPU yet'
      : 'of metrics only the Resource cpu is served here'
    return { kind: 'looked', current, desired, result, problem }
  }

  const tell = (
    autoscaler: HorizontalPodAutoscaler,
    reason: string,
    message: string,
    type: 'Normal' | 'Warning' = 'Normal',
  ): void => events.record(autoscaler, { type, reason, message, component: COMPONENT })

  /** Used since the last sample, for each ready pod that has one. */
  const measure = (namespace: string | undefined, selected: LabelMatcher | undefined) =>
    podsByNamespace
      .lookup(namespace ?? '')
      .filter((pod) => isActivePod(pod) && isPodReady(pod))
      .filter((pod) => selected?.matches(pod.metadata.labels) === true)
      .flatMap((pod) => {
        const use = usedSinceLast(pod.metadata.uid ?? '')
        if (!use) return []
        const isSettled = use.sinceMs >= (readySinceMs(pod) ?? 0) + SETTLING_MS
        return [{ usedMillis: use.millis, requestedMillis: requestedCpuMillis(pod), isSettled }]
      })

  /** @returns undefined for the first sample of a pod, and after a restart, when it counts from zero again */
  const usedSinceLast = (uid: string): { readonly millis: number; readonly sinceMs: number } | undefined => {
    const now = context.podCpu(uid)
    const before = samples.get(uid)
    if (!now) return undefined
    const isRestarted = before !== undefined && now.cpuMs < before.cpuMs
    if (!before || isRestarted || now.atMs - before.atMs >= SYNC_MS / 2) {
      samples.set(uid, { ...now, takenMs: clock.now() })
    }
    if (!before || isRestarted || now.atMs <= before.atMs) return undefined
    const millis = ((now.cpuMs - before.cpuMs) / (now.atMs - before.atMs)) * 1000
    return { millis, sinceMs: before.takenMs }
  }

  const writeStatus = async (autoscaler: HorizontalPodAutoscaler, finding: AutoscalerFinding) => {
    const status = autoscalerStatus(autoscaler, finding, clock.now())
    if (deepEqual(autoscaler.status, status)) return
    await client
      .update(KINDS.horizontalPodAutoscaler, { ...autoscaler, status }, { subresource: 'status' })
      .catch(ignoreOvertaken)
  }

  // Only what a person changed matters here; our own status writes come back through the watch as well.
  autoscalers.onChange((changes) => {
    for (const { key, before, after } of changes) if (!deepEqual(before?.spec, after?.spec)) queue.add(key)
  })
  pods.onChange((changes) => {
    for (const { before, after } of changes) if (before && !after) samples.delete(before.metadata.uid ?? '')
  })
  return { name: 'autoscaler', stop: queue.stop }
}

function reasonOf(current: number, desired: number, result: CpuResult | undefined): string {
  if (!result) return 'Current number of replicas is outside of the bounds'
  return desired > current
    ? 'cpu resource utilization (percentage of request) above target'
    : 'All metrics below target'
}

/** @returns undefined when the autoscaler goes by something else than CPU */
function cpuTarget({ spec }: HorizontalPodAutoscaler): CpuTarget | undefined {
  if (spec.metrics === undefined || spec.metrics.length === 0) return DEFAULT_TARGET
  const cpu = spec.metrics.find((one) => one.type === 'Resource' && one.resource?.name === 'cpu')?.resource
  if (!cpu) return undefined
  if (cpu.target.averageUtilization !== undefined) {
    return { kind: 'utilization', percent: cpu.target.averageUtilization }
  }
  const average = cpu.target.averageValue === undefined ? undefined : parseQuantity(cpu.target.averageValue)
  return average && { kind: 'average', millis: quantityToMillis(average) }
}

function requestedCpuMillis(pod: Pod): number {
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always')
  return [...pod.spec.containers, ...sidecars].reduce((sum, container) => {
    const quantity = container.resources?.requests?.['cpu']
    const parsed = quantity === undefined ? undefined : parseQuantity(quantity)
    return sum + (parsed ? quantityToMillis(parsed) : 0)
  }, 0)
}
