/** ConfigMaps and Secrets. */
import { deepEqual, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkConfigKey } from '../names.ts'
import { type FieldError, forbidden, invalid, required, tooLong } from '../schema/field-error.ts'
import { checkText, checkUnchanged } from './checks.ts'

/** All values of a ConfigMap or Secret together. */
const DATA_BYTES_MAX = 1024 * 1024

export function validateConfigMap(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const data = getRecord(object, 'data') ?? {}
  const binary = getRecord(object, 'binaryData') ?? {}
  const size = sizeOf(data, (text) => new TextEncoder().encode(text).length) + sizeOf(binary, base64Size)
  const detail = 'duplicate of key present in binaryData'
  return [
    ...validateFrozen(object, old, ['data', 'binaryData']),
    ...Object.keys(data).flatMap((key) => [
      ...checkText(key, checkConfigKey, `data[${key}]`),
      ...(Object.hasOwn(binary, key) ? [invalid(`data[${key}]`, key, detail)] : []),
    ]),
    ...Object.keys(binary).flatMap((key) => checkText(key, checkConfigKey, `binaryData[${key}]`)),
    // That is how Kubernetes names the whole of a ConfigMap.
    ...(size > DATA_BYTES_MAX ? [tooLong('[]', DATA_BYTES_MAX)] : []),
  ]
}

function sizeOf(data: JsonRecord, measure: (text: string) => number): number {
  return Object.values(data).reduce<number>((sum, value) => sum + measure(String(value)), 0)
}

function base64Size(text: string): number {
  return Math.floor((text.replace(/=+$/, '').length * 3) / 4)
}

/** What is marked as immutable stays so, mark included. */
function validateFrozen(
  object: JsonRecord,
  old: JsonRecord | undefined,
  fields: readonly string[],
): readonly FieldError[] {
  if (getPath(old, 'immutable') !== true) return []
  return ['immutable', ...fields]
    .filter((field) => !deepEqual(getPath(old, field), getPath(object, field)))
    .map((field) => forbidden(field, 'field is immutable when `immutable` is set'))
}

export function validateSecret(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const type = getString(object, 'type') ?? 'Opaque'
  const data = getRecord(object, 'data') ?? {}
  return [
    ...(old ? checkUnchanged('type', { now: type, before: getString(old, 'type') ?? 'Opaque' }) : []),
    ...validateFrozen(object, old, ['data']),
    ...Object.keys(data).flatMap((key) => checkText(key, checkConfigKey, `data[${key}]`)),
    ...(sizeOf(data, base64Size) > DATA_BYTES_MAX ? [tooLong('data', DATA_BYTES_MAX)] : []),
    ...validateOfType(type, data, object),
  ]
}

/** The keys that a type of Secret cannot do without. */
function validateOfType(type: string, data: JsonRecord, object: JsonRecord): readonly FieldError[] {
  const missing = (...keys: readonly string[]) =>
    keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`))
  switch (type) {
    case 'kubernetes.io/service-account-token': {
      const account = getString(object, 'metadata', 'annotations', 'kubernetes.io/service-account.name') ?? ''
      return account === '' ? [required('metadata.annotations[kubernetes.io/service-account.name]')] : []
    }
    case 'kubernetes.io/dockercfg':
      return validateJsonKey(data, '.dockercfg')
    case 'kubernetes.io/dockerconfigjson':
      return validateJsonKey(data, '.dockerconfigjson')
    case 'kubernetes.io/basic-auth': {
      const errors = missing('username', 'password')
      return errors.length === 2 ? errors : []
    }
    case 'kubernetes.io/ssh-auth':
      return (getString(data, 'ssh-privatekey') ?? '') === '' ? [required('data[ssh-privatekey]')] : []
    case 'kubernetes.io/tls':
      return missing('tls.crt', 'tls.key')
    default:
      return []
  }
}

function validateJsonKey(data: JsonRecord, key: string): readonly FieldError[] {
  const value = getString(data, key)
  if (value === undefined) return [required(`data[${key}]`)]
  const problem = jsonProblem(value)
  return problem === undefined ? [] : [invalid(`data[${key}]`, '<secret contents redacted>', problem)]
}

/** In Go's words, as far as they do not tell what the secret is. */
function jsonProblem(base64: string): string | undefined {
  try {
    const value: unknown = JSON.parse(atob(base64))
    if (isRecord(value) || value === null) return undefined
    const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
    return `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`
  } catch {
    return base64 === '' ? 'unexpected end of JSON input' : 'invalid character in JSON'
  }
}
