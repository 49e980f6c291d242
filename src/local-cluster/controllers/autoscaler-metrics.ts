import { fail, messageOf, ok, type Result } from '../../base/index.ts'
import {
  formatQuantity,
  type HorizontalPodAutoscaler,
  type MetricSpec,
  type MetricStatus,
  type MetricTarget,
  type Pod,
} from '../../kube/index.ts'
import { replicasByUse, type ScalingTarget, TOLERANCE, type WeighedPod } from './autoscaling.ts'
import { millisOf, type PodUse } from './pod-metrics.ts'

/** What a pod uses within so long of its start may be its start, and says little of load. */
const INITIALIZATION_MS = 300_000
/** Times in objects are of whole seconds: what changed may have done so until the end of its own. */
const TIMESTAMP_MS = 1000
/** A pod whose readiness last changed within so long of its start has never been ready. */
const READINESS_DELAY_MS = 30_000

/** @see HorizontalPodAutoscalerSpec.metrics: what an autoscaler without metrics goes by */
const DEFAULT_METRICS: readonly MetricSpec[] = [
  { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
]

export interface MetricFacts {
  readonly autoscaler: HorizontalPodAutoscaler
  readonly currentReplicas: number
  readonly pods: readonly Pod[]
  readonly uses: (resource: string, container: string) => Promise<ReadonlyMap<string, PodUse>>
  readonly nowMs: number
}

/** What one metric asks for. */
export interface Proposal {
  readonly replicas: number
  /** as events name it */
  readonly name: string
  readonly status: MetricStatus
}

/** Why a metric says nothing, and under which reason it is told. */
export interface MetricProblem {
  readonly reason: string
  readonly message: string
  /** what it is a value of, for the event that sums up */
  readonly of: string
}

export function metricsOf({ spec }: HorizontalPodAutoscaler): readonly MetricSpec[] {
  return spec.metrics === undefined || spec.metrics.length === 0 ? DEFAULT_METRICS : spec.metrics
}

export async function propose(
  facts: MetricFacts,
  metric: MetricSpec,
): Promise<Result<Proposal, MetricProblem>> {
  switch (metric.type) {
    case 'Resource': {
      const { name = '', target } = metric.resource ?? {}
      const proposed = await byResource(facts, { resource: name, container: '', target })
      if (!proposed.ok) return problem('FailedGetResourceMetric', proposed.error, `${name} resource`)
      const { replicas, text, current } = proposed.value
      return ok({
        replicas,
        name: `${name} ${text}`,
        status: { type: 'Resource', resource: { name, current } },
      })
    }
    case 'ContainerResource': {
      const { name = '', container = '', target } = metric.containerResource ?? {}
      const proposed = await byResource(facts, { resource: name, container, target })
      if (!proposed.ok) {
        return problem('FailedGetContainerResourceMetric', proposed.error, `${name} container`)
      }
      const { replicas, text, current } = proposed.value
      const status = { type: 'ContainerResource', containerResource: { name, container, current } }
      return ok({ replicas, name: `${name} container ${text}`, status })
    }
    case 'Pods':
      return noApi('FailedGetPodsMetric', metric.pods?.metric.name, 'custom')
    case 'Object':
      return noApi('FailedGetObjectMetric', metric.object?.metric.name, 'custom')
    case 'External':
      return noApi('FailedGetExternalMetric', metric.external?.metric.name, 'external')
    default:
      return problem('InvalidMetricSourceType', `unknown metric source type "${metric.type}"`, 'unknown')
  }
}

function problem(reason: string, message: string, of: string) {
  return fail({ reason, message, of })
}

/** Figures of programs come from adapters that a cluster may have beside it; this one has none. */
function noApi(reason: string, name = '', api: 'custom' | 'external') {
  const message = `unable to get metric ${name}: unable to fetch metrics from ${api} metrics API: no ${api} metrics API (${api}.metrics.k8s.io) registered`
  return problem(reason, message, name)
}

interface ResourceMetric {
  readonly resource: string
  /** '' for the whole pod */
  readonly container: string
  readonly target: MetricTarget | undefined
}

interface ResourceProposal {
  readonly replicas: number
  readonly text: string
  readonly current: { readonly averageValue: string; readonly averageUtilization?: number }
}

async function byResource(
  facts: MetricFacts,
  metric: ResourceMetric,
): Promise<Result<ResourceProposal, string>> {
  const target = targetOf(metric.target)
  if (!target) {
    return fail(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    )
  }
  const what = target.kind === 'average' ? 'usage' : 'utilization'
  const failed = (message: string) => fail(`failed to get ${metric.resource} ${what}: ${message}`)
  let uses: ReadonlyMap<string, PodUse>
  try {
    uses = await facts.uses(metric.resource, metric.container)
  } catch (error) {
    return failed(`unable to get metrics for resource ${metric.resource}: ${messageOf(error)}`)
  }
  if (facts.pods.length === 0) return failed('no pods returned by selector while calculating replica count')
  const weighed = weigh(facts, metric, { uses, needsRequests: target.kind === 'utilization' })
  if (!weighed.ok) return failed(weighed.error)
  const { currentReplicas } = facts
  const tolerance = toleranceOf(facts.autoscaler)
  const result = replicasByUse({ currentReplicas, target, pods: weighed.value, tolerance })
  if (!result.ok) return failed(result.error)
  const { replicas, utilization, averageMillis } = result.value
  const averageValue = quantityText(metric.resource, averageMillis)
  const text = target.kind === 'average' ? 'resource' : 'resource utilization (percentage of request)'
  const share = utilization === undefined ? {} : { averageUtilization: utilization }
  return ok({ replicas, text, current: { ...share, averageValue } })
}

function targetOf(target: MetricTarget | undefined): ScalingTarget | undefined {
  if (target?.averageValue !== undefined) return { kind: 'average', millis: millisOf(target.averageValue) }
  if (target?.averageUtilization === undefined) return undefined
  return { kind: 'utilization', percent: target.averageUtilization }
}

function toleranceOf({ spec: { behavior } }: HorizontalPodAutoscaler) {
  const of = (text: string | undefined) => (text === undefined ? TOLERANCE : millisOf(text) / 1000)
  return { up: of(behavior?.scaleUp?.tolerance), down: of(behavior?.scaleDown?.tolerance) }
}

function weigh(
  { pods, nowMs }: MetricFacts,
  metric: ResourceMetric,
  { uses, needsRequests }: { readonly uses: ReadonlyMap<string, PodUse>; readonly needsRequests: boolean },
): Result<readonly WeighedPod[], string> {
  const weighed: WeighedPod[] = []
  for (const pod of pods) {
    const request = requestOf(pod, metric)
    if (typeof request === 'string' && needsRequests) return fail(request)
    const use = uses.get(pod.metadata.name)
    const requestedMillis = typeof request === 'number' ? request : 0
    const state = stateOf(pod, use, { isCpu: metric.resource === 'cpu', nowMs })
    weighed.push({ state, usedMillis: use?.millis ?? 0, requestedMillis })
  }
  return ok(weighed)
}

function stateOf(
  { metadata, status }: Pod,
  use: PodUse | undefined,
  { isCpu, nowMs }: { readonly isCpu: boolean; readonly nowMs: number },
): WeighedPod['state'] {
  if (metadata.deletionTimestamp !== undefined || status?.phase === 'Failed') return 'ignored'
  if (status?.phase === undefined || status.phase === 'Pending') return 'unready'
  if (!use) return 'missing'
  if (!isCpu) return 'ready'
  const ready = status.conditions?.find(({ type }) => type === 'Ready')
  if (!ready || status.startTime === undefined) return 'unready'
  const startedMs = Date.parse(status.startTime)
  const changedMs = Date.parse(ready.lastTransitionTime ?? '') + TIMESTAMP_MS
  const isUnready = ready.status === 'False'
  const saysLittle =
    startedMs + INITIALIZATION_MS > nowMs
      ? isUnready || use.atMs < changedMs + use.windowMs
      : isUnready && startedMs + READINESS_DELAY_MS > changedMs
  return saysLittle ? 'unready' : 'ready'
}

/** @returns what a pod requests, or that it does not */
function requestOf({ spec, metadata }: Pod, { resource, container }: ResourceMetric): number | string {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  let sum = 0
  for (const { name, resources } of [...spec.containers, ...sidecars]) {
    if (container !== '' && container !== name) continue
    const request = resources?.requests?.[resource]
    if (request === undefined) {
      return `missing request for ${resource} in container ${name} of Pod ${metadata.name}`
    }
    sum += millisOf(request)
  }
  return sum
}

function quantityText(resource: string, millis: number): string {
  const nanos = BigInt(millis) * 1_000_000n
  // Memory is told in whole bytes.
  if (resource !== 'memory') return formatQuantity({ nanos, format: 'decimal' })
  return formatQuantity({ nanos: nanos - (nanos % 1_000_000_000n), format: 'binary' })
}
