import { formatLabelSelector } from '../selector.ts'
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../types/autoscaling.ts'
import type {
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  PodDisruptionBudget,
  ReplicaSet,
  StatefulSet,
} from '../types/workload.ts'
import { ageOf, durationText } from './age.ts'
import { type Cell, containerCells, formatMap } from './cell.ts'

export function deploymentCells(object: Deployment, now: number): readonly Cell[] {
  const { spec, status } = object
  return [
    object.metadata.name,
    `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    status?.updatedReplicas ?? 0,
    status?.availableReplicas ?? 0,
    ageOf(object.metadata.creationTimestamp, now),
    ...containerCells(spec.template.spec.containers),
    formatLabelSelector(spec.selector),
  ]
}

export function replicaSetCells(object: ReplicaSet, now: number): readonly Cell[] {
  const { spec, status } = object
  return [
    object.metadata.name,
    spec.replicas ?? 0,
    status?.replicas ?? 0,
    status?.readyReplicas ?? 0,
    ageOf(object.metadata.creationTimestamp, now),
    ...containerCells(spec.template?.spec.containers),
    formatLabelSelector(spec.selector),
  ]
}

export function statefulSetCells(object: StatefulSet, now: number): readonly Cell[] {
  const { spec, status } = object
  return [
    object.metadata.name,
    `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    ageOf(object.metadata.creationTimestamp, now),
    ...containerCells(spec.template.spec.containers),
  ]
}

export function daemonSetCells(object: DaemonSet, now: number): readonly Cell[] {
  const { spec, status } = object
  return [
    object.metadata.name,
    status?.desiredNumberScheduled ?? 0,
    status?.currentNumberScheduled ?? 0,
    status?.numberReady ?? 0,
    status?.updatedNumberScheduled ?? 0,
    status?.numberAvailable ?? 0,
    formatMap(spec.template.spec.nodeSelector),
    ageOf(object.metadata.creationTimestamp, now),
    ...containerCells(spec.template.spec.containers),
    formatLabelSelector(spec.selector),
  ]
}

export function jobCells(object: Job, now: number): readonly Cell[] {
  const { spec, status } = object
  const succeeded = status?.succeeded ?? 0
  const parallelism = spec.parallelism ?? 0
  const goal = spec.completions ?? (parallelism > 1 ? `1 of ${parallelism}` : 1)
  return [
    object.metadata.name,
    jobStatus(object),
    `${succeeded}/${goal}`,
    jobDuration(object, now),
    ageOf(object.metadata.creationTimestamp, now),
    ...containerCells(spec.template.spec.containers),
    formatLabelSelector(spec.selector),
  ]
}

function jobStatus(job: Job): string {
  const has = (type: string) =>
    job.status?.conditions?.some((it) => it.type === type && it.status === 'True') ?? false
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (has('Suspended')) return 'Suspended'
  return has('FailureTarget') ? 'FailureTarget' : 'Running'
}

function jobDuration(job: Job, now: number): string {
  const { startTime, completionTime } = job.status ?? {}
  if (startTime === undefined) return ''
  const end = completionTime === undefined ? now : Date.parse(completionTime)
  return durationText(end - Date.parse(startTime))
}

export function cronJobCells(object: CronJob, now: number): readonly Cell[] {
  const { spec, status } = object
  return [
    object.metadata.name,
    spec.schedule,
    spec.timeZone ?? '<none>',
    spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False',
    status?.active?.length ?? 0,
    status?.lastScheduleTime === undefined ? '<none>' : ageOf(status.lastScheduleTime, now),
    ageOf(object.metadata.creationTimestamp, now),
    ...containerCells(spec.jobTemplate.spec?.template.spec.containers),
    formatLabelSelector(spec.jobTemplate.spec?.selector),
  ]
}

export function disruptionBudgetCells(object: PodDisruptionBudget, now: number): readonly Cell[] {
  return [
    object.metadata.name,
    String(object.spec.minAvailable ?? 'N/A'),
    String(object.spec.maxUnavailable ?? 'N/A'),
    object.status?.disruptionsAllowed ?? 0,
    ageOf(object.metadata.creationTimestamp, now),
  ]
}

/** More targets than this are counted, not printed. */
const TARGETS_MAX = 2

export function autoscalerCells(object: HorizontalPodAutoscaler, now: number): readonly Cell[] {
  const { spec, status } = object
  return [
    object.metadata.name,
    `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    targetsText(metricsOf(object), status?.currentMetrics ?? []),
    spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
    spec.maxReplicas,
    status?.currentReplicas ?? 0,
    ageOf(object.metadata.creationTimestamp, now),
  ]
}

/** An object read as autoscaling/v1 has one number instead of metrics. */
function metricsOf(object: HorizontalPodAutoscaler): readonly MetricSpec[] {
  const legacy = (object.spec as { readonly targetCPUUtilizationPercentage?: number })
    .targetCPUUtilizationPercentage
  if (object.spec.metrics || legacy === undefined) return object.spec.metrics ?? []
  return [
    {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: legacy } },
    },
  ]
}

function targetsText(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>'
  const texts = specs.map((spec, index) => targetText(spec, statuses[index]))
  const shown = texts.slice(0, TARGETS_MAX).join(', ')
  return texts.length > TARGETS_MAX ? `${shown} + ${texts.length - TARGETS_MAX} more...` : shown
}

interface Target {
  readonly value?: string
  readonly averageValue?: string
  readonly averageUtilization?: number
}

function targetText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'Resource':
      return resourceText(spec.resource?.name ?? '', spec.resource?.target, status?.resource?.current)
    case 'ContainerResource':
      return resourceText(
        spec.containerResource?.name ?? '',
        spec.containerResource?.target,
        status?.containerResource?.current,
      )
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? '<unknown>'}/${spec.pods?.target.averageValue ?? ''}`
    case 'Object':
      return valueText(spec.object?.target, status?.object?.current)
    case 'External':
      return valueText(spec.external?.target, status?.external?.current)
    default:
      return '<unknown type>'
  }
}

function resourceText(name: string, target: Target | undefined, current: Target | undefined): string {
  if (target?.averageValue !== undefined)
    return `${name}: ${current?.averageValue ?? '<unknown>'}/${target.averageValue}`
  const used = current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`
  const goal = target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`
  return `${name}: ${used}/${goal}`
}

function valueText(target: Target | undefined, current: Target | undefined): string {
  if (target?.averageValue !== undefined)
    return `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`
  return `${current?.value ?? '<unknown>'}/${target?.value ?? ''}`
}
