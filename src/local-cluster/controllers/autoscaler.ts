import { createWorkQueue, deepEqual } from '../../base/index.ts'
import type {
  Deployment,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  Pod,
} from '../../kube/index.ts'
import { matchesLabels, parseQuantity, quantityToMillis } from '../../kube/index.ts'
import { isConflict, isNotFound, KINDS } from '../../kube/client/index.ts'
import { createStabilizer, scaleByUtilization, type UtilizationResult } from './autoscaling.ts'
import { isActivePod, isPodReady } from './pods.ts'
import { type Controller, type ControllerContext, orAborted, splitKey } from './shared-informers.ts'

/** Cumulative CPU of a pod's processes. */
export type PodCpu = (podUid: string) => { readonly atMs: number; readonly cpuMs: number } | undefined

const SYNC_MS = 15_000
/** Until the first figure there is nothing to divide by; a short second look fills the row soon. */
const FIRST_SYNC_MS = 1_000
const DOWNSCALE_WINDOW_MS = 300_000
const DEFAULT_TARGET_UTILIZATION = 80

/** Scales Deployments by the CPU of their pods' processes (the Resource metric `cpu`; others are said not to be served). */
export function createAutoscaler(context: ControllerContext & { readonly podCpu: PodCpu }): Controller {
  const { client, informers, clock, logger } = context
  const autoscalers = informers.of<HorizontalPodAutoscaler>(KINDS.horizontalPodAutoscaler)
  const deployments = informers.of<Deployment>(KINDS.deployment)
  const pods = informers.of<Pod>(KINDS.pod)
  const stabilizer = createStabilizer(DOWNSCALE_WINDOW_MS)
  const ready = Promise.all([deployments.synced, pods.synced])
  const samples = new Map<string, { readonly atMs: number; readonly cpuMs: number }>()

  const queue = createWorkQueue({
    ...context,
    name: 'autoscaler',
    concurrency: 2,
    retryBaseMs: 100,
    retryMaxMs: SYNC_MS,
    logger: logger.scope('autoscaler'),
    reconcile: async (key, signal) => {
      await orAborted(ready, signal)
      const { namespace, name } = splitKey(key)
      const autoscaler = autoscalers.get(name, namespace)
      if (!autoscaler) {
        stabilizer.forget(key)
        return undefined
      }
      return sync(key, autoscaler)
    },
  })

  const sync = async (key: string, autoscaler: HorizontalPodAutoscaler): Promise<number> => {
    const { scaleTargetRef, maxReplicas } = autoscaler.spec
    const deployment =
      scaleTargetRef.kind === 'Deployment'
        ? deployments.get(scaleTargetRef.name, autoscaler.metadata.namespace)
        : undefined
    if (!deployment) {
      const message = `the HPA controller was unable to get the target's current scale: ${scaleTargetRef.kind.toLowerCase()}s "${scaleTargetRef.name}" not found`
      await writeStatus(autoscaler, 0, 0, undefined, [
        condition('AbleToScale', 'False', 'FailedGetScale', message),
      ])
      return SYNC_MS
    }
    const current = deployment.spec.replicas ?? 1
    const minReplicas = autoscaler.spec.minReplicas ?? 1
    const target = cpuTarget(autoscaler)
    const result = scaleByUtilization({
      currentReplicas: current,
      minReplicas,
      maxReplicas,
      targetUtilization: target,
      pods: measure(deployment),
    })
    const wanted = result?.desiredReplicas ?? Math.min(maxReplicas, Math.max(minReplicas, current))
    // A Deployment scaled to zero by hand stays there: its autoscaling is switched off.
    const desired = current === 0 ? 0 : stabilizer.recommend(key, wanted, current, clock.now())
    if (desired !== current) {
      const { name, namespace } = deployment.metadata
      await client.patch(
        KINDS.deployment,
        name,
        namespace,
        { spec: { replicas: desired } },
        { type: 'merge' },
      )
      logger.info('scaled', { deployment: `${namespace}/${name}`, from: current, to: desired })
    }
    await writeStatus(autoscaler, current, desired, result, conditionsFor(result, current))
    return result ? SYNC_MS : FIRST_SYNC_MS
  }

  /** Used since the last sample, for each ready pod that has one. */
  const measure = (deployment: Deployment) =>
    pods
      .list()
      .filter(
        (pod) =>
          pod.metadata.namespace === deployment.metadata.namespace && isActivePod(pod) && isPodReady(pod),
      )
      .filter(
        (pod) => deployment.spec.selector && matchesLabels(deployment.spec.selector, pod.metadata.labels),
      )
      .flatMap((pod) => {
        const uid = pod.metadata.uid ?? ''
        const now = context.podCpu(uid)
        const before = samples.get(uid)
        if (!now) return []
        if (!before || now.atMs - before.atMs >= SYNC_MS / 2) samples.set(uid, now)
        if (!before || now.atMs <= before.atMs) return []
        const usedMillis = ((now.cpuMs - before.cpuMs) / (now.atMs - before.atMs)) * 1000
        return [{ usedMillis, requestedMillis: requestedCpuMillis(pod) }]
      })

  const writeStatus = async (
    autoscaler: HorizontalPodAutoscaler,
    currentReplicas: number,
    desiredReplicas: number,
    result: UtilizationResult | undefined,
    conditions: readonly HorizontalPodAutoscalerCondition[],
  ) => {
    const before = autoscaler.status
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
    const status = {
      observedGeneration: autoscaler.metadata.generation ?? 0,
      ...(desiredReplicas === currentReplicas
        ? before?.lastScaleTime
          ? { lastScaleTime: before.lastScaleTime }
          : {}
        : { lastScaleTime: now }),
      currentReplicas,
      desiredReplicas,
      ...(result
        ? { currentMetrics: [currentMetric(result)] }
        : before?.currentMetrics
          ? { currentMetrics: before.currentMetrics }
          : {}),
      conditions: conditions.map((one) => {
        const same = before?.conditions?.find(
          (other) => other.type === one.type && other.status === one.status,
        )
        return { ...one, lastTransitionTime: same?.lastTransitionTime ?? now }
      }),
    }
    if (JSON.stringify(before) === JSON.stringify(status)) return
    try {
      await client.update(KINDS.horizontalPodAutoscaler, { ...autoscaler, status }, { subresource: 'status' })
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error
    }
  }

  // Only what a person changed matters here; our own status writes come back through the watch as well.
  autoscalers.onChange((changes) => {
    for (const { key, before, after } of changes) {
      if (!deepEqual(before?.spec, after?.spec)) queue.add(key)
    }
  })
  pods.onChange((changes) => {
    for (const { before, after } of changes) if (before && !after) samples.delete(before.metadata.uid ?? '')
  })
  return { name: 'autoscaler', stop: queue.stop }
}

function cpuTarget(autoscaler: HorizontalPodAutoscaler): number {
  const metric = autoscaler.spec.metrics?.find(
    (one) => one.type === 'Resource' && one.resource?.name === 'cpu',
  )
  return metric?.resource?.target.averageUtilization ?? DEFAULT_TARGET_UTILIZATION
}

function requestedCpuMillis(pod: Pod): number {
  const sidecars = (pod.spec?.initContainers ?? []).filter(
    (container) => container.restartPolicy === 'Always',
  )
  return [...(pod.spec?.containers ?? []), ...sidecars].reduce((sum, container) => {
    const quantity = container.resources?.requests?.['cpu']
    const parsed = quantity === undefined ? undefined : parseQuantity(quantity)
    return sum + (parsed ? quantityToMillis(parsed) : 0)
  }, 0)
}

function currentMetric(result: UtilizationResult) {
  return {
    type: 'Resource',
    resource: {
      name: 'cpu',
      current: { averageUtilization: result.utilization, averageValue: `${result.averageMillis}m` },
    },
  }
}

function conditionsFor(
  result: UtilizationResult | undefined,
  current: number,
): readonly HorizontalPodAutoscalerCondition[] {
  const able = condition('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size')
  if (current === 0) {
    return [
      able,
      condition(
        'ScalingActive',
        'False',
        'ScalingDisabled',
        'scaling is disabled since the replica count of the target is zero',
      ),
    ]
  }
  return result
    ? [
        able,
        condition(
          'ScalingActive',
          'True',
          'ValidMetricFound',
          'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)',
        ),
        condition(
          'ScalingLimited',
          'False',
          'DesiredWithinRange',
          'the desired count is within the acceptable range',
        ),
      ]
    : [
        able,
        condition(
          'ScalingActive',
          'False',
          'FailedGetResourceMetric',
          'the HPA was unable to compute the replica count: no metrics of ready pods yet',
        ),
      ]
}

function condition(
  type: string,
  status: 'True' | 'False',
  reason: string,
  message: string,
): HorizontalPodAutoscalerCondition {
  return { type, status, reason, message }
}
