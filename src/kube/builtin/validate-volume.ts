import { getList, getNumber, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkDns1123Label } from '../names.ts'
import { parseQuantity } from '../quantity.ts'
import { duplicate, type FieldError, forbidden, invalid, required } from '../schema/field-error.ts'
import { checkDescendingPath, checkNoBacksteps, checkRange, checkText, INT32_MAX } from './checks.ts'
import { validateFieldRef } from './validate-env.ts'
import { validateResourceFieldRef } from './validate-resources.ts'

/** In the order in which Kubernetes looks at them: all but the first that is set are too many. */
const SOURCES = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
]

export function validateVolumes(volumes: readonly unknown[], path: string): readonly FieldError[] {
  const seen = new Set<string>()
  return volumes.flatMap((volume, index) => {
    if (!isRecord(volume)) return []
    const at = `${path}[${index}]`
    const name = getString(volume, 'name') ?? ''
    const errors = [
      ...validateSource(volume, at),
      ...(name === '' ? [required(`${at}.name`)] : checkText(name, checkDns1123Label, `${at}.name`)),
      ...(seen.has(name) ? [duplicate(`${at}.name`, name)] : []),
    ]
    seen.add(name)
    return errors
  })
}

function validateSource(volume: JsonRecord, path: string): readonly FieldError[] {
  const given = SOURCES.filter((source) => Object.hasOwn(volume, source))
  const [first] = given
  const source = first === undefined ? undefined : getRecord(volume, first)
  return [
    ...(first !== undefined && source ? (CHECKS[first]?.(source, `${path}.${first}`) ?? []) : []),
    ...given
      .slice(1)
      .map((other) => forbidden(`${path}.${other}`, 'may not specify more than 1 volume type')),
  ]
}

type SourceCheck = (source: JsonRecord, path: string) => readonly FieldError[]

const CHECKS: Readonly<Record<string, SourceCheck>> = {
  emptyDir: (source, path) => {
    const limit = parseQuantity(getString(source, 'sizeLimit') ?? '0')
    return limit && limit.nanos < 0n
      ? [forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
      : []
  },
  hostPath: validateHostPath,
  secret: (source, path) => [...needed(source, 'secretName', path), ...validateFiles(source, path)],
  configMap: (source, path) => [...needed(source, 'name', path), ...validateFiles(source, path)],
  persistentVolumeClaim: (source, path) => needed(source, 'claimName', path),
  downwardAPI: (source, path) => [
    ...checkMode(getPath(source, 'defaultMode'), `${path}.defaultMode`),
    ...getList(source, 'items').flatMap((item) => validateDownwardFile(item, path)),
  ],
  nfs: (source, path) => {
    const exported = getString(source, 'path') ?? ''
    return [
      ...needed(source, 'server', path),
      ...needed(source, 'path', path),
      ...(exported === '' || exported.startsWith('/')
        ? []
        : [invalid(`${path}.path`, exported, 'must be an absolute path')]),
    ]
  },
  projected: validateProjected,
}

function needed(from: JsonRecord, field: string, path: string): readonly FieldError[] {
  return (getString(from, field) ?? '') === '' ? [required(`${path}.${field}`)] : []
}

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]

function validateHostPath(source: JsonRecord, path: string): readonly FieldError[] {
  const target = getString(source, 'path') ?? ''
  if (target === '') return [required(`${path}.path`)]
  const type = getString(source, 'type') ?? ''
  return [
    ...checkNoBacksteps(target, `${path}.path`),
    ...(HOST_PATH_TYPES.includes(type) ? [] : [notSupported(`${path}.type`, type, HOST_PATH_TYPES)]),
  ]
}

function notSupported(path: string, value: string, supported: readonly string[]): FieldError {
  const list = supported.map((one) => `"${one}"`).join(', ')
  return { type: 'Unsupported value', path, value, detail: `supported values: ${list}` }
}

const MODE_MAX = 0o777

function checkMode(mode: unknown, path: string): readonly FieldError[] {
  return typeof mode === 'number' && (mode < 0 || mode > MODE_MAX)
    ? [invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : []
}

/** The mode and the chosen keys of a ConfigMap or Secret. */
function validateFiles(source: JsonRecord, path: string): readonly FieldError[] {
  return [
    ...checkMode(getPath(source, 'defaultMode'), `${path}.defaultMode`),
    ...getList(source, 'items').flatMap((item, index) => validateItem(item, `${path}.items[${index}]`)),
  ]
}

function validateItem(item: unknown, path: string): readonly FieldError[] {
  if (!isRecord(item)) return []
  return [
    ...needed(item, 'key', path),
    ...needed(item, 'path', path),
    ...checkFilePath(getString(item, 'path'), `${path}.path`),
    ...checkMode(getPath(item, 'mode'), `${path}.mode`),
  ]
}

function checkFilePath(text: string | undefined, path: string): readonly FieldError[] {
  const isReserved = text !== undefined && text.startsWith('..') && text !== '..' && !text.startsWith('../')
  return [
    ...checkDescendingPath(text, path),
    ...(isReserved ? [invalid(path, text, "must not start with '..'")] : []),
  ]
}

/** What a file of the downward API may show, beside what a variable may. */
const FILE_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]

function validateDownwardFile(file: unknown, path: string): readonly FieldError[] {
  if (!isRecord(file)) return []
  const field = getRecord(file, 'fieldRef')
  const resource = getRecord(file, 'resourceFieldRef')
  const errors: FieldError[] = [
    ...needed(file, 'path', path),
    ...checkFilePath(getString(file, 'path'), `${path}.path`),
  ]
  if (field) {
    errors.push(...validateFieldRef(field, `${path}.fieldRef`, FILE_FIELDS))
    if (resource) {
      errors.push(
        invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
      )
    }
  } else if (resource) errors.push(...validateResourceFieldRef(resource, `${path}.resourceFieldRef`, true))
  else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'))
  return [...errors, ...checkMode(getPath(file, 'mode'), `${path}.mode`)]
}

const PROJECTIONS = [
  'secret',
  'configMap',
  'downwardAPI',
  'serviceAccountToken',
  'clusterTrustBundle',
  'podCertificate',
]
const TOKEN_SECONDS_MIN = 600
const TOKEN_SECONDS_MAX = 2 ** 32

function validateProjected(source: JsonRecord, path: string): readonly FieldError[] {
  const paths = new Set<string>()
  const errors: FieldError[] = [...checkMode(getPath(source, 'defaultMode'), `${path}.defaultMode`)]
  for (const [index, projection] of getList(source, 'sources').entries()) {
    const at = `${path}.sources[${index}]`
    for (const name of ['secret', 'configMap']) {
      const keys = getRecord(projection, name)
      if (!keys) continue
      errors.push(...needed(keys, 'name', `${at}.${name}`))
      for (const [number, item] of getList(keys, 'items').entries()) {
        errors.push(...validateItem(item, `${at}.${name}.items[${number}]`))
        errors.push(...checkFresh(getString(item, 'path'), paths, path, getString(keys, 'name') ?? ''))
      }
    }
    for (const file of getList(projection, 'downwardAPI', 'items')) {
      const target = getString(file, 'path')
      errors.push(...validateDownwardFile(file, `${at}.downwardAPI`))
      errors.push(...checkFresh(target, paths, path, target ?? ''))
    }
    const token = getRecord(projection, 'serviceAccountToken')
    if (token) errors.push(...validateToken(token, `${at}.serviceAccountToken`, path))
    if (isRecord(projection) && PROJECTIONS.filter((name) => Object.hasOwn(projection, name)).length > 1)
      errors.push(forbidden(at, 'may not specify more than 1 volume type per source'))
  }
  return errors
}

/** Two sources may not write the same file. */
function checkFresh(
  target: string | undefined,
  paths: Set<string>,
  path: string,
  shown: string,
): readonly FieldError[] {
  if (target === undefined || target === '') return []
  if (!paths.has(target)) {
    paths.add(target)
    return []
  }
  return [invalid(path, shown, 'conflicting duplicate paths')]
}

function validateToken(token: JsonRecord, path: string, volume: string): readonly FieldError[] {
  const seconds = getNumber(token, 'expirationSeconds')
  const target = getString(token, 'path') ?? ''
  const errors: FieldError[] = []
  if (seconds !== undefined && seconds < TOKEN_SECONDS_MIN) {
    const detail = 'may not specify a duration less than 10 minutes'
    errors.push(invalid(`${path}.expirationSeconds`, seconds, detail))
  }
  if (seconds !== undefined && seconds > TOKEN_SECONDS_MAX) {
    const detail = 'may not specify a duration larger than 2^32 seconds'
    errors.push(invalid(`${path}.expirationSeconds`, seconds, detail))
  }
  return [
    ...errors,
    ...(target === '' ? [required(`${volume}.path`)] : checkFilePath(target, `${volume}.path`)),
    ...checkRange(getPath(token, 'user'), 0, INT32_MAX, `${path}.user`),
  ]
}
