import { getList, getPath, getRecord, getString, toGoJson } from '../json.ts'
import { parseJsonPath } from '../json-path.ts'
import type { PrinterColumn, ResourceInfo } from '../kind-info.ts'
import { formatGroupKind, type KubeObject, type ObjectMeta } from '../object.ts'
import { formatLabelSelector } from '../selector.ts'
import { ageOf } from './age.ts'
import { type Cell, containerCells, formatMap } from './cell.ts'
import * as cluster from './cluster.ts'
import { podCells } from './pod.ts'
import * as workload from './workload.ts'

export interface TableColumn {
  readonly name: string
  readonly type: string
  readonly format: string
  readonly description: string
  readonly priority: number
}

export interface TableRow {
  readonly cells: readonly Cell[]
  readonly conditions?: readonly {
    readonly type: 'Completed'
    readonly status: 'True'
    readonly reason: string
    readonly message: string
  }[]
  readonly object?: unknown
}

/** A server-side Table of meta.k8s.io/v1. */
export interface Table {
  readonly kind: 'Table'
  readonly apiVersion: 'meta.k8s.io/v1'
  readonly metadata: {
    readonly resourceVersion?: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly columnDefinitions: readonly TableColumn[]
  readonly rows: readonly TableRow[]
}

export interface TableOptions {
  readonly metadata?: Table['metadata']
  /** what each row carries of its object; default Metadata */
  readonly includeObject?: 'None' | 'Metadata' | 'Object'
}

type CellsOf = (object: KubeObject, now: number) => readonly Cell[]

/** Lets a function over one kind's type stand in a table keyed by that kind. */
function cells(make: (object: never, now: number) => readonly Cell[]): CellsOf {
  return make as CellsOf
}

const age = (object: KubeObject, now: number) => ageOf(object.metadata.creationTimestamp, now)
const nameAndCount =
  (...fields: readonly string[]): CellsOf =>
  (object, now) => {
    const count = fields.reduce((sum, field) => {
      const value = getPath(object, ...field.split('.'))
      return sum + (typeof value === 'object' && value !== null ? Object.keys(value).length : 0)
    }, 0)
    return [object.metadata.name, count, age(object, now)]
  }
const nameAndCreation: CellsOf = (object) => [
  object.metadata.name,
  object.metadata.creationTimestamp ?? '<unknown>',
]

/** The cells of each built-in kind, in the order of its columns. */
const CELLS: Readonly<Record<string, CellsOf>> = {
  Pod: cells(podCells),
  PodTemplate: (object) => [
    object.metadata.name,
    ...containerCells(getList(object, 'template', 'spec', 'containers') as readonly { name: string }[]),
    formatMap(
      getRecord(object, 'template', 'metadata', 'labels') as Readonly<Record<string, string>> | undefined,
    ),
  ],
  Service: cells(cluster.serviceCells),
  Endpoints: cells(cluster.endpointsCells),
  Node: cells(cluster.nodeCells),
  Event: cells(cluster.eventCells),
  Namespace: (object, now) => [
    object.metadata.name,
    getString(object.status, 'phase') ?? '',
    age(object, now),
  ],
  ConfigMap: nameAndCount('data', 'binaryData'),
  Secret: (object, now) => [
    object.metadata.name,
    getString(object, 'type') ?? '',
    Object.keys(getRecord(object, 'data') ?? {}).length,
    age(object, now),
  ],
  ServiceAccount: nameAndCount('secrets'),
  PersistentVolume: cluster.volumeCells,
  PersistentVolumeClaim: cells(cluster.claimCells),
  LimitRange: nameAndCreation,
  ResourceQuota: (object, now) => [object.metadata.name, ...quotaCells(object), age(object, now)],
  ReplicationController: cells(workload.replicaSetCells),
  'Deployment.apps': cells(workload.deploymentCells),
  'ReplicaSet.apps': cells(workload.replicaSetCells),
  'StatefulSet.apps': cells(workload.statefulSetCells),
  'DaemonSet.apps': cells(workload.daemonSetCells),
  'ControllerRevision.apps': (object, now) => [
    object.metadata.name,
    ownerText(object.metadata),
    (getPath(object, 'revision') as number | undefined) ?? 0,
    age(object, now),
  ],
  'Job.batch': cells(workload.jobCells),
  'CronJob.batch': cells(workload.cronJobCells),
  'HorizontalPodAutoscaler.autoscaling': cells(workload.autoscalerCells),
  'PodDisruptionBudget.policy': cells(workload.disruptionBudgetCells),
  'Role.rbac.authorization.k8s.io': nameAndCreation,
  'ClusterRole.rbac.authorization.k8s.io': nameAndCreation,
  'RoleBinding.rbac.authorization.k8s.io': cells(cluster.bindingCells),
  'ClusterRoleBinding.rbac.authorization.k8s.io': cells(cluster.bindingCells),
  'MutatingWebhookConfiguration.admissionregistration.k8s.io': nameAndCount('webhooks'),
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io': nameAndCount('webhooks'),
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': (object, now) => [
    object.metadata.name,
    getList(object.spec, 'validations').length,
    paramKind(object),
    age(object, now),
  ],
  'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io': (object, now) => [
    object.metadata.name,
    getString(object.spec, 'policyName') ?? '',
    getString(object.spec, 'paramRef', 'name') ?? '<unset>',
    age(object, now),
  ],
  'CustomResourceDefinition.apiextensions.k8s.io': nameAndCreation,
  'Lease.coordination.k8s.io': cells(cluster.leaseCells),
  'EndpointSlice.discovery.k8s.io': cells(cluster.endpointSliceCells),
  'Event.events.k8s.io': cluster.newEventCells,
  'Ingress.networking.k8s.io': cluster.ingressCells,
  'IngressClass.networking.k8s.io': (object, now) => [
    object.metadata.name,
    getString(object.spec, 'controller') ?? '',
    getString(object.spec, 'parameters', 'name') ?? '<none>',
    age(object, now),
  ],
  'NetworkPolicy.networking.k8s.io': (object, now) => [
    object.metadata.name,
    formatLabelSelector(getRecord(object.spec, 'podSelector') ?? {}),
    age(object, now),
  ],
  'RuntimeClass.node.k8s.io': (object, now) => [
    object.metadata.name,
    getString(object, 'handler') ?? '',
    age(object, now),
  ],
  'PriorityClass.scheduling.k8s.io': cluster.priorityClassCells,
  'StorageClass.storage.k8s.io': cluster.storageClassCells,
}

function paramKind(object: KubeObject): string {
  const kind = getString(object.spec, 'paramKind', 'kind')
  return kind === undefined ? '<unset>' : `${getString(object.spec, 'paramKind', 'apiVersion') ?? ''}/${kind}`
}

function ownerText(meta: ObjectMeta): string {
  const owner = meta.ownerReferences?.find((it) => it.controller)
  if (!owner) return '<none>'
  const group = owner.apiVersion.includes('/') ? (owner.apiVersion.split('/')[0] ?? '') : ''
  return `${formatGroupKind({ group, kind: owner.kind }).toLowerCase()}/${owner.name}`
}

function quotaCells(object: KubeObject): readonly [string, string] {
  const hard = Object.entries(getRecord(object.status, 'hard') ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const used = getRecord(object.status, 'used') ?? {}
  const text = (limits: boolean) =>
    hard
      .filter(([name]) => name.startsWith('limits.') === limits)
      .map(
        ([name, value]) =>
          `${name}: ${getString(used, name) ?? '0'}/${typeof value === 'string' ? value : ''}`,
      )
      .join(', ')
  return [text(false), text(true)]
}

/**
 * The Table that `kubectl get` asks the server for.
 * @param now milliseconds since the epoch, for ages
 */
export function tableFor(
  info: ResourceInfo,
  objects: readonly KubeObject[],
  now: number,
  options: TableOptions = {},
): Table {
  const groupKind = formatGroupKind(info)
  const builtIn = Object.hasOwn(CELLS, groupKind) ? CELLS[groupKind] : undefined
  const columns = builtIn ? info.printerColumns : customColumns(info)
  const cellsOf = builtIn ?? customCells(columns)
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata ?? {},
    columnDefinitions: columns.map(definitionOf),
    rows: objects.map((object) => ({
      cells: cellsOf(object, now),
      ...completion(object, groupKind),
      ...rowObject(object, options.includeObject ?? 'Metadata'),
    })),
  }
}

function definitionOf(column: PrinterColumn): TableColumn {
  return {
    name: column.name,
    type: column.type,
    format: column.format ?? '',
    description: column.description ?? '',
    priority: column.priority ?? 0,
  }
}

/** Lets kubectl leave out finished pods where it is asked to. */
function completion(object: KubeObject, groupKind: string): Pick<TableRow, 'conditions'> {
  const phase = groupKind === 'Pod' ? getString(object.status, 'phase') : undefined
  if (phase !== 'Succeeded' && phase !== 'Failed') return {}
  const message = phase === 'Succeeded' ? 'The pod has completed successfully.' : 'The pod failed.'
  return { conditions: [{ type: 'Completed', status: 'True', reason: phase, message }] }
}

function rowObject(object: KubeObject, include: 'None' | 'Metadata' | 'Object'): Pick<TableRow, 'object'> {
  switch (include) {
    case 'None':
      return {}
    case 'Object':
      return { object }
    case 'Metadata':
      return {
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
      }
  }
}

const NAME: PrinterColumn = { name: 'Name', type: 'string', format: 'name' }
const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

/** A custom resource shows its name and the columns of its definition, or its age where it has none. */
function customColumns(info: ResourceInfo): readonly PrinterColumn[] {
  const own = info.printerColumns.filter((column) => column.jsonPath !== undefined)
  return [NAME, ...(own.length === 0 ? [AGE] : own)]
}

function customCells(columns: readonly PrinterColumn[]): CellsOf {
  const paths = columns.slice(1).map((column) => ({ column, path: parseJsonPath(column.jsonPath ?? '') }))
  return (object, now) => [
    object.metadata.name,
    ...paths.map(({ column, path }) => customCell(column, path?.(object)[0], now)),
  ]
}

function customCell(column: PrinterColumn, value: unknown, now: number): Cell {
  if (value === undefined || value === null) return null
  switch (column.type) {
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : null
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'string':
      return typeof value === 'string' ? value : toGoJson(value)
  }
}
