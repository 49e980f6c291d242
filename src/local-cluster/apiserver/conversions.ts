import type { KubeObject } from '../../kube/index.ts'
import { at, isObject, listAt, withMembers } from './json.ts'
import type { Conversion } from './resources.ts'

/** autoscaling/v1 knows one metric, the CPU; others it carries along in an annotation, which we leave out. */
export const hpaConversion: Conversion = {
  fromStored: (object) => {
    const cpu = listAt(object.spec, 'metrics').find(isCpuUtilization)
    const current = listAt(object.status, 'currentMetrics').find(
      (metric) => at(metric, 'resource', 'name') === 'cpu',
    )
    return {
      ...object,
      apiVersion: 'autoscaling/v1',
      spec: withMembers(toObject(object.spec), {
        metrics: undefined,
        behavior: undefined,
        targetCPUUtilizationPercentage: at(cpu, 'resource', 'target', 'averageUtilization'),
      }),
      status: withMembers(toObject(object.status), {
        currentMetrics: undefined,
        conditions: undefined,
        currentCPUUtilizationPercentage: at(current, 'resource', 'current', 'averageUtilization'),
      }),
    }
  },
  toStored: (object) => {
    const target = at(object.spec, 'targetCPUUtilizationPercentage') ?? 80
    const metric = {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } },
    }
    return {
      ...object,
      apiVersion: 'autoscaling/v2',
      spec: withMembers(toObject(object.spec), {
        targetCPUUtilizationPercentage: undefined,
        metrics: [metric],
      }),
      ...(object.status === undefined
        ? {}
        : { status: withMembers(toObject(object.status), { currentCPUUtilizationPercentage: undefined }) }),
    }
  },
}

function isCpuUtilization(metric: unknown): boolean {
  return at(metric, 'type') === 'Resource' && at(metric, 'resource', 'name') === 'cpu'
}

/** Names of the same things in core/v1 and in events.k8s.io/v1. */
const EVENT_MEMBERS = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
] as const

/** Events of both groups are the same objects. */
export const eventConversion: Conversion = {
  fromStored: (object) => renamed(object, 'events.k8s.io/v1', EVENT_MEMBERS),
  toStored: (object) =>
    renamed(
      object,
      'v1',
      EVENT_MEMBERS.map(([core, event]) => [event, core] as const),
    ),
}

function renamed(
  object: KubeObject,
  apiVersion: string,
  names: readonly (readonly [string, string])[],
): KubeObject {
  const changes: Record<string, unknown> = { apiVersion }
  for (const [from, to] of names) {
    changes[from] ??= undefined
    const value = at(object, from)
    if (value !== undefined) changes[to] = value
  }
  return withMembers(object, changes)
}

function toObject(value: unknown): object {
  return isObject(value) ? value : {}
}
