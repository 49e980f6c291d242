import { deepEqual, getList, getPath, getRecord, getString, type JsonRecord } from '../json.ts'
import { checkDns1123Subdomain } from '../names.ts'
import { type FieldError, forbidden, invalid, required, unsupported } from '../schema/field-error.ts'
import { checkText, checkUnchanged, quantityOf, validateLabelSelector } from './checks.ts'
import { validateNodeSelector } from './validate-scheduling.ts'

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
const VOLUME_MODES = ['Block', 'Filesystem']
const CLAIM_UPDATE =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'

export function validateClaim(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  return [...validateClaimSpec(spec, 'spec'), ...(old ? validateClaimUpdate(object, spec, old) : [])]
}

/** What a claim and a StatefulSet's template of one ask for. */
export function validateClaimSpec(spec: JsonRecord, path: string): readonly FieldError[] {
  const modes = getList(spec, 'accessModes').filter((mode) => typeof mode === 'string')
  const single = 'ReadWriteOncePod'
  const isMixed =
    modes.includes(single) && modes.some((mode) => mode !== single && ACCESS_MODES.includes(mode))
  return [
    ...(modes.length === 0 ? [required(`${path}.accessModes`, 'at least 1 access mode is required')] : []),
    ...validateLabelSelector(getRecord(spec, 'selector'), `${path}.selector`),
    ...modes
      .filter((mode) => !ACCESS_MODES.includes(mode))
      .map((mode) => unsupported(`${path}.accessModes`, mode, ACCESS_MODES)),
    ...(isMixed
      ? [forbidden(`${path}.accessModes`, 'may not use ReadWriteOncePod with other access modes')]
      : []),
    ...validateSize(getPath(spec, 'resources', 'requests', 'storage'), `${path}.resources[storage]`),
    ...checkText(
      getString(spec, 'storageClassName') || undefined,
      checkDns1123Subdomain,
      `${path}.storageClassName`,
    ),
    ...checkVolumeMode(spec, path),
    ...['dataSource', 'dataSourceRef'].flatMap((field) =>
      validateDataSource(getRecord(spec, field), `${path}.${field}`),
    ),
  ]
}

function checkVolumeMode(spec: JsonRecord, path: string): readonly FieldError[] {
  const mode = getString(spec, 'volumeMode')
  return mode === undefined || VOLUME_MODES.includes(mode)
    ? []
    : [unsupported(`${path}.volumeMode`, mode, VOLUME_MODES)]
}

function validateSize(size: unknown, path: string): readonly FieldError[] {
  const quantity = quantityOf(size)
  if (!quantity) return [required(path)]
  return quantity.nanos > 0n ? [] : [invalid(path, size, 'must be greater than zero')]
}

function validateDataSource(source: JsonRecord | undefined, path: string): readonly FieldError[] {
  if (!source) return []
  const group = getString(source, 'apiGroup') ?? ''
  const kind = getString(source, 'kind') ?? ''
  const detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
  return [
    ...((getString(source, 'name') ?? '') === '' ? [required(`${path}.name`)] : []),
    ...(kind === '' ? [required(`${path}.kind`)] : []),
    ...(group === '' && kind !== 'PersistentVolumeClaim' ? [invalid(path, kind, detail)] : []),
    ...(group === '' ? [] : checkText(group, checkDns1123Subdomain, `${path}.apiGroup`)),
  ]
}

/** A claim is bound once; then it may grow, and nothing else of it may change. */
function validateClaimUpdate(object: JsonRecord, spec: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const before = getRecord(old, 'spec') ?? {}
  const isBound = getString(object, 'status', 'phase') === 'Bound'
  const size = (from: JsonRecord) =>
    quantityOf(getPath(from, 'resources', 'requests', 'storage'))?.nanos ?? 0n
  const capacity = quantityOf(getPath(old, 'status', 'capacity', 'storage'))?.nanos ?? 0n
  const free = {
    ...(getString(before, 'volumeName') === undefined && { volumeName: undefined }),
    ...(getString(before, 'storageClassName') === undefined && { storageClassName: undefined }),
    ...(isBound && { resources: undefined, volumeAttributesClassName: undefined }),
  }
  const fixed = (from: JsonRecord) =>
    Object.fromEntries(Object.entries({ ...from, ...free }).filter(([, value]) => value !== undefined))
  const isShrunk = size(spec) < size(before) && size(spec) <= capacity
  return [
    ...(deepEqual(fixed(spec), fixed(before)) ? [] : [forbidden('spec', CLAIM_UPDATE)]),
    ...(isShrunk
      ? [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')]
      : []),
    ...checkUnchanged('volumeMode', {
      now: getPath(spec, 'volumeMode'),
      before: getPath(before, 'volumeMode'),
    }),
  ]
}

const VOLUME_SOURCES = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
]

export function validateVolume(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const modes = getList(spec, 'accessModes').filter((mode) => typeof mode === 'string')
  const capacity = getRecord(spec, 'capacity') ?? {}
  const selector = getRecord(spec, 'nodeAffinity', 'required')
  const given = VOLUME_SOURCES.filter((source) => Object.hasOwn(spec, source))
  const onlyStorage = Object.keys(capacity).length === 1 && Object.hasOwn(capacity, 'storage')
  const errors: FieldError[] = [
    ...(modes.length === 0 ? [required('spec.accessModes')] : []),
    ...modes
      .filter((mode) => !ACCESS_MODES.includes(mode))
      .map((mode) => unsupported('spec.accessModes', mode, ACCESS_MODES)),
    ...(Object.keys(capacity).length === 0 ? [required('spec.capacity')] : []),
    ...(Object.keys(capacity).length > 0 && !onlyStorage
      ? [unsupported('spec.capacity', capacity, ['storage'])]
      : []),
    ...(selector ? validateNodeSelector(selector, 'spec.nodeAffinity.required') : []),
    ...given.slice(1).map((source) => forbidden(`spec.${source}`, 'may not specify more than 1 volume type')),
    ...(given.length === 0 ? [required('spec', 'must specify a volume type')] : []),
    ...checkVolumeMode(spec, 'spec'),
  ]
  return [...errors, ...(old ? validateVolumeUpdate(spec, getRecord(old, 'spec') ?? {}) : [])]
}

function validateVolumeUpdate(spec: JsonRecord, before: JsonRecord): readonly FieldError[] {
  const source = (from: JsonRecord) =>
    Object.fromEntries(
      VOLUME_SOURCES.filter((name) => Object.hasOwn(from, name)).map((name) => [name, from[name]]),
    )
  return [
    ...(deepEqual(source(spec), source(before))
      ? []
      : [
          forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'),
        ]),
    ...checkUnchanged('volumeMode', {
      now: getPath(spec, 'volumeMode'),
      before: getPath(before, 'volumeMode'),
    }),
  ]
}

const RECLAIM = ['Delete', 'Retain']
const BINDING = ['Immediate', 'WaitForFirstConsumer']

export function validateStorageClass(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const reclaim = getString(object, 'reclaimPolicy')
  const binding = getString(object, 'volumeBindingMode')
  return [
    ...(old ? ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] : []).flatMap((field) =>
      checkUnchanged(field, { now: getPath(object, field), before: getPath(old, field), shown: null }),
    ),
    ...(reclaim !== undefined && !RECLAIM.includes(reclaim)
      ? [unsupported('reclaimPolicy', reclaim, RECLAIM)]
      : []),
    ...(binding !== undefined && !BINDING.includes(binding)
      ? [unsupported('volumeBindingMode', binding, BINDING)]
      : []),
  ]
}
