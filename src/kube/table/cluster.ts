import { getNumber, getPath, getRecord, getString, getList } from '../json.ts'
import type { KubeObject } from '../object.ts'
import type { Event, Lease, Node } from '../types/core.ts'
import type { Endpoints, EndpointSlice, Service } from '../types/service.ts'
import type { PersistentVolumeClaim } from '../types/volume.ts'
import type { ClusterRoleBinding, RoleBinding } from '../types/access.ts'
import { ageOf } from './age.ts'
import { type Cell, formatMap } from './cell.ts'

export function serviceCells(object: Service, now: number): readonly Cell[] {
  const { spec } = object
  const ports = (spec.ports ?? []).map((it) => {
    const number = it.nodePort ? `${it.port}:${it.nodePort}` : String(it.port)
    return `${number}/${it.protocol ?? 'TCP'}`
  })
  return [
    object.metadata.name,
    spec.type ?? 'ClusterIP',
    spec.clusterIPs?.[0] ?? (spec.clusterIP || '<none>'),
    externalAddress(object),
    ports.length === 0 ? '<none>' : ports.join(','),
    ageOf(object.metadata.creationTimestamp, now),
    formatMap(spec.selector),
  ]
}

function externalAddress(service: Service): string {
  const { spec, status } = service
  const own = spec.externalIPs ?? []
  switch (spec.type ?? 'ClusterIP') {
    case 'ExternalName':
      return spec.externalName ?? ''
    case 'LoadBalancer': {
      const ingress = (status?.loadBalancer?.ingress ?? []).flatMap((it) => it.ip || it.hostname || [])
      const all = [...new Set(ingress)].sort().concat(own)
      return all.length === 0 ? '<pending>' : all.join(',')
    }
    case 'ClusterIP':
    case 'NodePort':
      return own.length === 0 ? '<none>' : own.join(',')
  }
}

/** Addresses beyond this many are counted, not printed. */
const ENDPOINTS_MAX = 3

export function endpointsCells(object: Endpoints, now: number): readonly Cell[] {
  const all = (object.subsets ?? []).flatMap((subset) =>
    (subset.ports ?? []).length === 0
      ? (subset.addresses ?? []).map((it) => it.ip)
      : (subset.ports ?? []).flatMap((port) => (subset.addresses ?? []).map((it) => `${it.ip}:${port.port}`)),
  )
  const age = ageOf(object.metadata.creationTimestamp, now)
  return [object.metadata.name, shorten(all) ?? '<none>', age]
}

/** At most three items, then how many more there are; undefined for none. */
function shorten(items: readonly string[]): string | undefined {
  if (items.length === 0) return undefined
  const shown = items.slice(0, ENDPOINTS_MAX).join(',')
  return items.length > ENDPOINTS_MAX ? `${shown} + ${items.length - ENDPOINTS_MAX} more...` : shown
}

export function endpointSliceCells(object: EndpointSlice, now: number): readonly Cell[] {
  const ports = (object.ports ?? []).map((it) => (it.port === undefined ? '*' : String(it.port)))
  const addresses = (object.endpoints ?? []).flatMap((it) => it.addresses ?? [])
  return [
    object.metadata.name,
    object.addressType,
    shorten(ports) ?? '<unset>',
    shorten(addresses) ?? '<unset>',
    ageOf(object.metadata.creationTimestamp, now),
  ]
}

const ROLE_LABEL = 'node-role.kubernetes.io/'

export function nodeCells(object: Node, now: number): readonly Cell[] {
  const { status } = object
  const labels = object.metadata.labels ?? {}
  const roles = Object.keys(labels).flatMap((key) =>
    key.startsWith(ROLE_LABEL) ? key.slice(ROLE_LABEL.length) : [],
  )
  const address = (type: string) => status?.addresses?.find((it) => it.type === type)?.address ?? '<none>'
  const info = status?.nodeInfo
  return [
    object.metadata.name,
    nodeStatus(object),
    roles.length === 0 ? '<none>' : roles.sort().join(','),
    ageOf(object.metadata.creationTimestamp, now),
    info?.kubeletVersion ?? '',
    address('InternalIP'),
    address('ExternalIP'),
    info?.osImage || '<unknown>',
    info?.kernelVersion || '<unknown>',
    info?.containerRuntimeVersion || '<unknown>',
  ]
}

function nodeStatus(node: Node): string {
  const ready = node.status?.conditions?.find((it) => it.type === 'Ready')
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return node.spec?.unschedulable ? `${word},SchedulingDisabled` : word
}

export function eventCells(object: Event, now: number): readonly Cell[] {
  const first = object.firstTimestamp ?? object.eventTime ?? object.metadata.creationTimestamp
  const last = object.series?.lastObservedTime ?? object.lastTimestamp ?? first
  const count = object.series?.count ?? object.count ?? 1
  const source = [
    object.source?.component || object.reportingComponent,
    object.source?.host || object.reportingInstance,
  ]
  const target = object.involvedObject
  return [
    ageOf(last, now),
    object.type ?? '',
    object.reason ?? '',
    target.kind === undefined ? (target.name ?? '') : `${target.kind.toLowerCase()}/${target.name ?? ''}`,
    target.fieldPath ?? '',
    source.filter(Boolean).join(', '),
    (object.message ?? '').trim(),
    ageOf(first, now),
    count === 0 ? 1 : count,
    object.metadata.name,
  ]
}

/** An event read as events.k8s.io/v1 names the same things differently. */
export function newEventCells(object: KubeObject, now: number): readonly Cell[] {
  const at = getString(object, 'series', 'lastObservedTime') ?? getString(object, 'eventTime') ?? undefined
  const target = getRecord(object, 'regarding')
  const controller = [getString(object, 'reportingController'), getString(object, 'reportingInstance')]
  return [
    ageOf(at ?? getString(object, 'deprecatedLastTimestamp'), now),
    getString(object, 'type') ?? '',
    getString(object, 'reason') ?? '',
    `${(getString(target, 'kind') ?? '').toLowerCase()}/${getString(target, 'name') ?? ''}`,
    getString(target, 'fieldPath') ?? '',
    controller.filter(Boolean).join(', '),
    getString(object, 'note') ?? '',
    object.metadata.name,
  ]
}

export function leaseCells(object: Lease, now: number): readonly Cell[] {
  const age = ageOf(object.metadata.creationTimestamp, now)
  return [object.metadata.name, object.spec?.holderIdentity ?? '', age]
}

const ACCESS_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
}

export function accessModes(modes: readonly unknown[]): string {
  return modes.map((mode) => ACCESS_MODES[String(mode)] ?? String(mode)).join(',')
}

export function claimCells(object: PersistentVolumeClaim, now: number): readonly Cell[] {
  const { spec, status } = object
  const bound = spec?.volumeName !== undefined
  return [
    object.metadata.name,
    object.metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    spec?.volumeName ?? '',
    bound ? (status?.capacity?.['storage'] ?? '') : '',
    bound ? accessModes(status?.accessModes ?? []) : '',
    spec?.storageClassName ?? '',
    spec?.volumeAttributesClassName ?? '<unset>',
    ageOf(object.metadata.creationTimestamp, now),
    spec?.volumeMode ?? '<unset>',
  ]
}

export function volumeCells(object: KubeObject, now: number): readonly Cell[] {
  const claim = getRecord(object.spec, 'claimRef')
  return [
    object.metadata.name,
    getString(object.spec, 'capacity', 'storage') ?? '',
    accessModes(getList(object.spec, 'accessModes')),
    getString(object.spec, 'persistentVolumeReclaimPolicy') ?? '',
    object.metadata.deletionTimestamp === undefined
      ? (getString(object.status, 'phase') ?? '')
      : 'Terminating',
    claim ? `${getString(claim, 'namespace') ?? ''}/${getString(claim, 'name') ?? ''}` : '',
    getString(object.spec, 'storageClassName') ?? '',
    getString(object.spec, 'volumeAttributesClassName') ?? '<unset>',
    getString(object.status, 'reason') ?? '',
    ageOf(object.metadata.creationTimestamp, now),
    getString(object.spec, 'volumeMode') ?? '<unset>',
  ]
}

export function bindingCells(object: RoleBinding | ClusterRoleBinding, now: number): readonly Cell[] {
  const subjects = (kind: string) =>
    (object.subjects ?? [])
      .filter((it) => it.kind === kind)
      .map((it) => (kind === 'ServiceAccount' ? `${it.namespace ?? ''}/${it.name}` : it.name))
      .join(', ')
  return [
    object.metadata.name,
    `${object.roleRef.kind}/${object.roleRef.name}`,
    ageOf(object.metadata.creationTimestamp, now),
    subjects('User'),
    subjects('Group'),
    subjects('ServiceAccount'),
  ]
}

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class'

export function storageClassCells(object: KubeObject, now: number): readonly Cell[] {
  const isDefault = object.metadata.annotations?.[DEFAULT_CLASS] === 'true'
  return [
    isDefault ? `${object.metadata.name} (default)` : object.metadata.name,
    getString(object, 'provisioner') ?? '',
    getString(object, 'reclaimPolicy') ?? 'Delete',
    getString(object, 'volumeBindingMode') ?? 'Immediate',
    getPath(object, 'allowVolumeExpansion') === true,
    ageOf(object.metadata.creationTimestamp, now),
  ]
}

export function ingressCells(object: KubeObject, now: number): readonly Cell[] {
  const hosts = getList(object.spec, 'rules').flatMap((rule) => getString(rule, 'host') || [])
  const addresses = getList(object.status, 'loadBalancer', 'ingress').flatMap(
    (it) => getString(it, 'ip') ?? getString(it, 'hostname') ?? [],
  )
  return [
    object.metadata.name,
    getString(object.spec, 'ingressClassName') ?? '<none>',
    shorten(hosts) ?? '*',
    addresses.join(','),
    getList(object.spec, 'tls').length > 0 ? '80, 443' : '80',
    ageOf(object.metadata.creationTimestamp, now),
  ]
}

export function priorityClassCells(object: KubeObject, now: number): readonly Cell[] {
  return [
    object.metadata.name,
    getNumber(object, 'value') ?? 0,
    getPath(object, 'globalDefault') === true,
    ageOf(object.metadata.creationTimestamp, now),
    getString(object, 'preemptionPolicy') ?? '',
  ]
}
