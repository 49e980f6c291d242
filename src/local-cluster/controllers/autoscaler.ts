import { deepEqual, messageOf } from '../../base/index.ts'
import type { HorizontalPodAutoscaler, LabelMatcher, MetricStatus, Pod } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import type { ApiResources } from './api-resources.ts'
import {
  type MetricFacts,
  type MetricProblem,
  metricsOf,
  type Proposal,
  propose,
} from './autoscaler-metrics.ts'
import { createScalingPace } from './autoscaler-pace.ts'
import {
  activeBy,
  type AutoscalerFinding,
  autoscalerStatus,
  GOT_SCALE,
  inactive,
  noScale,
  notRescaled,
  paced,
  rescaled,
  SWITCHED_OFF,
} from './autoscaler-status.ts'
import { ignoreOvertaken } from './claim.ts'
import { createObjectQueue } from './object-queue.ts'
import { metricsProblem, podUses } from './pod-metrics.ts'
import { findScaleTarget, type ScaleTarget } from './scale-target.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'

const SYNC_MS = 15_000
/** A new autoscaler mostly waits for the first figures of new pods; short looks fill its row soon. */
const FIRST_SYNC_MS = 1_000
const YOUNG_MS = 60_000

const COMPONENT = 'horizontal-pod-autoscaler'

/** Scales whatever has a scale subresource by what its pods use, as metrics.k8s.io says. */
export function createAutoscaler(
  context: ControllerContext & { readonly resources: ApiResources },
): Controller {
  const { client, informers, events, clock } = context
  const autoscalers = informers.of<HorizontalPodAutoscaler>(KINDS.horizontalPodAutoscaler)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByNamespace = pods.indexBy((pod) => [pod.metadata.namespace ?? ''])
  const pace = createScalingPace()

  const queue = createObjectQueue(context, {
    name: 'autoscaler',
    concurrency: 2,
    reads: [pods],
    retryBaseMs: 100,
    retryMaxMs: SYNC_MS,
    reconcile: async ({ key, namespace, name }) => {
      const autoscaler = autoscalers.get(name, namespace)
      if (!autoscaler) {
        pace.forget(key)
        return undefined
      }
      const finding = await look(key, autoscaler)
      await writeStatus(autoscaler, finding)
      const isBlind = finding.conditions.some(
        ({ type, status }) => type === 'ScalingActive' && status === 'False',
      )
      const ageMs = clock.now() - Date.parse(autoscaler.metadata.creationTimestamp ?? '')
      return isBlind && finding.current > 0 && ageMs < YOUNG_MS ? FIRST_SYNC_MS : SYNC_MS
    },
  })

  const look = async (key: string, autoscaler: HorizontalPodAutoscaler): Promise<AutoscalerFinding> => {
    const { scaleTargetRef, maxReplicas, minReplicas = 1 } = autoscaler.spec
    const target = await findScaleTarget(context, scaleTargetRef, autoscaler.metadata.namespace)
    if (typeof target === 'string') {
      tell(autoscaler, 'FailedGetScale', target, 'Warning')
      const { currentReplicas = 0, desiredReplicas = 0 } = autoscaler.status ?? {}
      return still({ current: currentReplicas, desired: desiredReplicas, conditions: [noScale(target)] })
    }
    const current = target.replicas
    // What was scaled to zero by hand stays there.
    if (current === 0) return still({ current, desired: 0, conditions: [GOT_SCALE, SWITCHED_OFF] })
    const bounded = Math.min(maxReplicas, Math.max(minReplicas, current))
    if (bounded !== current) {
      const [where, bound] = current > maxReplicas ? ['above', 'MaxReplicas'] : ['below', 'MinReplicas']
      const reason = `Current number of replicas ${where} Spec.${bound}`
      return rescale(key, autoscaler, {
        target,
        desired: bounded,
        reason,
        metrics: undefined,
        conditions: [],
      })
    }
    return lookAtMetrics(key, autoscaler, target)
  }

  const lookAtMetrics = async (
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    target: ScaleTarget,
  ): Promise<AutoscalerFinding> => {
    const { maxReplicas, minReplicas = 1, behavior } = autoscaler.spec
    const current = target.replicas
    const found = await weighMetrics(autoscaler, target)
    const { metrics } = found
    if (found.kind === 'blind') {
      const { reason, message } = found.problem
      tell(autoscaler, reason, message, 'Warning')
      tell(autoscaler, 'FailedComputeMetricsReplicas', found.summary, 'Warning')
      const conditions = [GOT_SCALE, inactive(reason, message)]
      return still({ current, desired: autoscaler.status?.desiredReplicas ?? 0, conditions, metrics })
    }
    const { replicas, name } = found.proposal
    const wish = { desired: replicas, current, minReplicas, maxReplicas, behavior, nowMs: clock.now() }
    const decision = pace.decide(key, wish)
    const conditions = [activeBy(name), ...paced(decision)]
    if (decision.replicas === current) return still({ current, desired: current, conditions, metrics })
    const reason = decision.replicas > current ? `${name} above target` : 'All metrics below target'
    return rescale(key, autoscaler, { target, desired: decision.replicas, reason, conditions, metrics })
  }

  /** The metric that wants most decides; with some of them missing nothing is taken away. */
  const weighMetrics = async (
    autoscaler: HorizontalPodAutoscaler,
    target: ScaleTarget,
  ): Promise<MetricsFound> => {
    const { namespace = '' } = autoscaler.metadata
    const facts: MetricFacts = {
      autoscaler,
      currentReplicas: target.replicas,
      pods: selected(namespace, target.pods),
      uses: (resource, container) =>
        podUses(client, { namespace, resource, container }).catch((error: unknown) => {
          throw new Error(metricsProblem(error), { cause: error })
        }),
      nowMs: clock.now(),
    }
    const specs = metricsOf(autoscaler)
    const results = await Promise.all(specs.map((spec) => propose(facts, spec)))
    const proposals = results.flatMap((result) => (result.ok ? [result.value] : []))
    const problems = results.flatMap((result) => (result.ok ? [] : [result.error]))
    const metrics = proposals.length === 0 ? undefined : proposals.map(({ status }) => status)
    const proposal = proposals.reduce<Proposal | undefined>(
      (best, one) => (best && best.replicas >= one.replicas ? best : one),
      undefined,
    )
    const [problem] = problems
    if (problem && (!proposal || proposal.replicas < target.replicas)) {
      const summary = `invalid metrics (${problems.length} invalid out of ${specs.length}), first error is: failed to get ${problem.of} metric value: ${problem.message}`
      return { kind: 'blind', problem, summary, metrics }
    }
    if (!proposal) throw new Error('an autoscaler has at least one metric')
    return { kind: 'seen', proposal, metrics }
  }

  const selected = (namespace: string, selector: LabelMatcher | undefined): readonly Pod[] =>
    podsByNamespace.lookup(namespace).filter((pod) => selector?.matches(pod.metadata.labels) === true)

  const rescale = async (
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    change: Pick<AutoscalerFinding, 'desired' | 'metrics' | 'conditions'> & {
      readonly target: ScaleTarget
      readonly reason: string
    },
  ): Promise<AutoscalerFinding> => {
    const { target, desired, reason, metrics } = change
    const current = target.replicas
    const others = change.conditions.filter(({ type }) => type !== 'AbleToScale')
    try {
      await target.scaleTo(desired)
    } catch (error) {
      const problem = messageOf(error)
      tell(
        autoscaler,
        'FailedRescale',
        `New size: ${desired}; reason: ${reason}; error: ${problem}`,
        'Warning',
      )
      return still({ current, desired: current, conditions: [...others, notRescaled(problem)], metrics })
    }
    pace.scaled(key, { by: desired - current, nowMs: clock.now() })
    tell(autoscaler, 'SuccessfulRescale', `New size: ${desired}; reason: ${reason}`)
    const conditions = [...others, rescaled(desired)]
    return { current, desired, isRescaled: true, metrics, conditions }
  }

  const tell = (
    autoscaler: HorizontalPodAutoscaler,
    reason: string,
    message: string,
    type: 'Normal' | 'Warning' = 'Normal',
  ): void => events.record(autoscaler, { type, reason, message, component: COMPONENT })

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
  return { name: 'autoscaler', stop: queue.stop }
}

type MetricsFound =
  | { readonly kind: 'seen'; readonly proposal: Proposal; readonly metrics: Shown }
  | {
      readonly kind: 'blind'
      readonly problem: MetricProblem
      readonly summary: string
      readonly metrics: Shown
    }

type Shown = readonly MetricStatus[] | undefined

/** A look that changed nothing. */
function still(
  finding: Pick<AutoscalerFinding, 'current' | 'desired' | 'conditions'> & {
    readonly metrics?: Shown
  },
): AutoscalerFinding {
  return { isRescaled: false, ...finding, metrics: finding.metrics }
}
