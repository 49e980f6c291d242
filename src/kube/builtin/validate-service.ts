import {
  deepEqual,
  getList,
  getNumber,
  getPath,
  getRecord,
  getString,
  isRecord,
  type JsonRecord,
} from '../json.ts'
import { isIp } from '../ip.ts'
import { checkConfigKey, checkDns1123Label, checkDns1123Subdomain, validateLabels } from '../names.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  unsupported,
} from '../schema/field-error.ts'
import { validatePortNumber, validatePortReference } from './validate-pod.ts'

export function validateService(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const type = getString(spec, 'type')
  const ports = getList(spec, 'ports')
  const headless = getString(spec, 'clusterIP') === 'None'
  return [
    ...(ports.length === 0 && !headless && type !== 'ExternalName' ? [required('spec.ports')] : []),
    ...validateServicePorts(ports, type),
    ...validateLabels(getRecord(spec, 'selector'), 'spec.selector'),
    ...validateExternalName(spec, type),
    ...validateClusterIp(spec, old),
    ...(headless && (type === 'NodePort' || type === 'LoadBalancer')
      ? [invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`)]
      : []),
  ]
}

function validateServicePorts(ports: readonly unknown[], type: string | undefined): readonly FieldError[] {
  const names = new Set<string>()
  const numbers = new Set<string>()
  return ports.flatMap((port, index) => {
    const at = `spec.ports[${index}]`
    const name = getString(port, 'name') ?? ''
    const errors: FieldError[] = []
    if (name === '' && ports.length > 1) errors.push(required(`${at}.name`))
    if (name !== '') {
      errors.push(...checkDns1123Label(name).map((text) => invalid(`${at}.name`, name, text)))
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
      names.add(name)
    }
    const number = getNumber(port, 'port')
    const key = `${number}/${getString(port, 'protocol') ?? 'TCP'}`
    if (numbers.has(key))
      errors.push(duplicate(at, { port: number, protocol: getString(port, 'protocol') ?? 'TCP' }))
    numbers.add(key)
    const nodePort = getNumber(port, 'nodePort') ?? 0
    if (nodePort !== 0 && type === 'ClusterIP') {
      errors.push(forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"))
    }
    return [
      ...errors,
      ...validatePortNumber(number, `${at}.port`),
      ...validatePortReference(getPath(port, 'targetPort'), `${at}.targetPort`),
    ]
  })
}

function validateExternalName(spec: JsonRecord, type: string | undefined): readonly FieldError[] {
  if (type !== 'ExternalName') return []
  const name = getString(spec, 'externalName') ?? ''
  if (name === '') return [required('spec.externalName')]
  return checkDns1123Subdomain(name.replace(/\.$/, '')).map((text) =>
    invalid('spec.externalName', name, text),
  )
}

function validateClusterIp(spec: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const address = getString(spec, 'clusterIP') ?? ''
  const before = getString(old, 'spec', 'clusterIP') ?? ''
  const external =
    getString(spec, 'type') === 'ExternalName' || getString(old, 'spec', 'type') === 'ExternalName'
  if (before !== '' && address !== before && !external) {
    return [invalid('spec.clusterIPs[0]', [address], 'may not change once set')]
  }
  if (address === '' || address === 'None' || isIp(address)) return []
  return [
    invalid('spec.clusterIPs[0]', address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
  ]
}

/** All keys and values of a ConfigMap or Secret together. */
const DATA_BYTES_MAX = 1024 * 1024

export function validateConfigMap(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  return [
    ...validateData(object, ['data', 'binaryData']),
    ...validateImmutable(object, old, ['data', 'binaryData']),
  ]
}

function validateData(object: JsonRecord, fields: readonly string[]): readonly FieldError[] {
  let size = 0
  const errors = fields.flatMap((field) =>
    Object.entries(getRecord(object, field) ?? {}).flatMap(([key, value]) => {
      size += String(value).length
      return checkConfigKey(key).map((text) => invalid(`${field}[${key}]`, key, text))
    }),
  )
  if (size <= DATA_BYTES_MAX) return errors
  return [...errors, { type: 'Too long', path: '', detail: `may not be more than ${DATA_BYTES_MAX} bytes` }]
}

function validateImmutable(
  object: JsonRecord,
  old: JsonRecord | undefined,
  fields: readonly string[],
): readonly FieldError[] {
  if (getPath(old, 'immutable') !== true) return []
  return ['immutable', ...fields]
    .filter((field) => !deepEqual(getPath(old, field), getPath(object, field)))
    .map((field) => forbidden(field, 'field is immutable when `immutable` is set'))
}

/** Types of Secret with keys they cannot do without. */
const SECRET_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
}

export function validateSecret(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const type = getString(object, 'type') ?? 'Opaque'
  const data = getRecord(object, 'data') ?? {}
  const needed = Object.hasOwn(SECRET_KEYS, type) ? (SECRET_KEYS[type] ?? []) : []
  return [
    ...validateData(object, ['data']),
    ...needed.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`)),
    ...(old && getString(old, 'type') !== type ? [invalid('type', type, 'field is immutable')] : []),
    ...validateImmutable(object, old, ['data']),
  ]
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6']

export function validateEndpointSlice(
  object: JsonRecord,
  old: JsonRecord | undefined,
): readonly FieldError[] {
  const type = getString(object, 'addressType') ?? ''
  const errors: FieldError[] = []
  if (type === '') errors.push(required('addressType'))
  else if (!ADDRESS_TYPES.includes(type)) errors.push(unsupported('addressType', type, ADDRESS_TYPES))
  if (old && getString(old, 'addressType') !== type)
    errors.push(invalid('addressType', type, 'field is immutable'))
  for (const [index, endpoint] of getList(object, 'endpoints').entries()) {
    const addresses = getList(endpoint, 'addresses')
    if (addresses.length === 0)
      errors.push(required(`endpoints[${index}].addresses`, 'must contain at least 1 address'))
    for (const [at, address] of addresses.entries()) {
      if (type !== 'FQDN' && typeof address === 'string' && !isIp(address)) {
        const path = `endpoints[${index}].addresses[${at}]`
        errors.push(invalid(path, address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'))
      }
    }
  }
  return errors
}

export function validateLease(object: JsonRecord): readonly FieldError[] {
  const seconds = getNumber(object, 'spec', 'leaseDurationSeconds')
  return seconds !== undefined && seconds <= 0
    ? [invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
    : []
}

export function validateRole(object: JsonRecord): readonly FieldError[] {
  return getList(object, 'rules').flatMap((rule, index) => {
    const at = `rules[${index}]`
    const errors: FieldError[] = []
    if (getList(rule, 'verbs').length === 0) {
      errors.push(required(`${at}.verbs`, 'verbs must contain at least one value'))
    }
    if (getList(rule, 'nonResourceURLs').length > 0) return errors
    if (getList(rule, 'apiGroups').length === 0) {
      errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'))
    }
    if (getList(rule, 'resources').length === 0) {
      errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'))
    }
    return errors
  })
}

export function validateRoleBinding(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const role = getRecord(object, 'roleRef')
  const errors: FieldError[] = []
  if ((getString(role, 'name') ?? '') === '') errors.push(required('roleRef.name'))
  if (old && !deepEqual(getPath(old, 'roleRef'), role))
    errors.push(invalid('roleRef', role, 'cannot change roleRef'))
  for (const [index, subject] of getList(object, 'subjects').entries()) {
    if (!isRecord(subject)) continue
    if ((getString(subject, 'name') ?? '') === '') errors.push(required(`subjects[${index}].name`))
    if (getString(subject, 'kind') === 'ServiceAccount' && (getString(subject, 'namespace') ?? '') === '') {
      errors.push(required(`subjects[${index}].namespace`))
    }
  }
  return errors
}
