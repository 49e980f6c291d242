import { getList, getNumber, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { formatApiVersion, type GroupVersionKind, type KubeObject } from '../object.ts'

/**
 * Kinds that the API shows under more than one group or version. One form is stored; the others are read and
 * written through it.
 */
const STORED_FORMS: Readonly<Record<string, GroupVersionKind>> = {
  'autoscaling/v1 HorizontalPodAutoscaler': {
    group: 'autoscaling',
    version: 'v2',
    kind: 'HorizontalPodAutoscaler',
  },
  'events.k8s.io/v1 Event': { group: '', version: 'v1', kind: 'Event' },
}

/** The form in which objects of a built-in kind are stored: the kind itself, but for the few with two forms. */
export function storedFormOf(gvk: GroupVersionKind): GroupVersionKind {
  const key = `${formatApiVersion(gvk)} ${gvk.kind}`
  return (Object.hasOwn(STORED_FORMS, key) ? STORED_FORMS[key] : undefined) ?? gvk
}

/**
 * Converts an object between the forms of its kind.
 * @returns the same object where nothing needs to change
 */
export function convertBuiltIn(
  object: KubeObject,
  to: { readonly group: string; readonly version: string },
): KubeObject {
  const apiVersion = formatApiVersion(to)
  if (object.apiVersion === apiVersion) return object
  switch (`${object.kind} ${object.apiVersion} ${apiVersion}`) {
    case 'HorizontalPodAutoscaler autoscaling/v1 autoscaling/v2':
      return autoscalerToV2(object)
    case 'HorizontalPodAutoscaler autoscaling/v2 autoscaling/v1':
      return autoscalerToV1(object)
    case 'Event v1 events.k8s.io/v1':
      return eventToNew(object)
    case 'Event events.k8s.io/v1 v1':
      return eventToCore(object)
    default:
      return object
  }
}

/** Values that are there; conversion never writes an empty field. */
function present(fields: Readonly<Record<string, unknown>>): JsonRecord {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function autoscalerToV2(object: KubeObject): KubeObject {
  const spec = getRecord(object, 'spec') ?? {}
  const { targetCPUUtilizationPercentage: share, ...rest } = spec
  const { currentCPUUtilizationPercentage: used, ...status } = getRecord(object, 'status') ?? {}
  const resource = (key: string, value: unknown) => [
    { type: 'Resource', resource: { name: 'cpu', [key]: value } },
  ]
  const metrics =
    share === undefined
      ? {}
      : { metrics: resource('target', { type: 'Utilization', averageUtilization: share }) }
  const current =
    used === undefined ? {} : { currentMetrics: resource('current', { averageUtilization: used }) }
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    spec: { ...rest, ...metrics },
    status: { ...status, ...current },
  }
}

/** The old form has room for the CPU's share only; other metrics are not shown in it. */
function autoscalerToV1(object: KubeObject): KubeObject {
  const { metrics: _metrics, behavior: _behavior, ...spec } = getRecord(object, 'spec') ?? {}
  const { currentMetrics: _current, conditions: _conditions, ...status } = getRecord(object, 'status') ?? {}
  const cpu = (list: readonly unknown[], key: string) =>
    list
      .filter((metric) => getString(metric, 'resource', 'name') === 'cpu')
      .map((metric) => getNumber(metric, 'resource', key, 'averageUtilization'))
      .find((share) => share !== undefined)
  const target = cpu(getList(object.spec, 'metrics'), 'target')
  const used = cpu(getList(object.status, 'currentMetrics'), 'current')
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    spec: { ...spec, ...present({ targetCPUUtilizationPercentage: target }) },
    status: { ...status, ...present({ currentCPUUtilizationPercentage: used }) },
  }
}

/** Names of the same field in the core form and in the form of events.k8s.io. */
const EVENT_FIELDS: readonly (readonly [string, string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
]

function renameFields(
  object: KubeObject,
  apiVersion: string,
  names: ReadonlyMap<string, string>,
): KubeObject {
  const fields = Object.entries(object).map(([key, value]) => [names.get(key) ?? key, value as unknown])
  return { ...(Object.fromEntries(fields) as KubeObject), apiVersion }
}

function eventToNew(object: KubeObject): KubeObject {
  return renameFields(object, 'events.k8s.io/v1', new Map(EVENT_FIELDS))
}

function eventToCore(object: KubeObject): KubeObject {
  const renamed = renameFields(object, 'v1', new Map(EVENT_FIELDS.map(([core, other]) => [other, core])))
  const target = getPath(renamed, 'involvedObject')
  return isRecord(target) ? renamed : Object.assign({ involvedObject: {} }, renamed)
}
