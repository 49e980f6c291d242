import { getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkConfigKey, checkDns1123Subdomain, checkEnvVarName, checkQualifiedName } from '../names.ts'
import { type FieldError, invalid, required, unsupported } from '../schema/field-error.ts'
import { checkText } from './checks.ts'
import { validateResourceFieldRef } from './validate-resources.ts'

/** Fields of its pod that a variable may show. */
const VARIABLE_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

/** Fields that Kubernetes knows the names of, whoever may show them. */
const POD_FIELDS: ReadonlySet<string> = new Set([
  ...VARIABLE_FIELDS,
  'metadata.annotations',
  'metadata.labels',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
])

export function validateFieldRef(
  ref: JsonRecord,
  path: string,
  supported: readonly string[],
): readonly FieldError[] {
  const version = getString(ref, 'apiVersion') ?? 'v1'
  const field = getString(ref, 'fieldPath') ?? ''
  const at = `${path}.fieldPath`
  if (field === '') return [required(at)]
  const refuse = (why: string) => [invalid(at, field, `error converting fieldPath: ${why}`)]
  if (version !== 'v1') return refuse(`unsupported pod version: ${version}`)
  const [, base = field, key] = /^(.*?)\['(.*)'\]$/s.exec(field) ?? []
  if (key !== undefined) {
    if (base === 'metadata.annotations') return checkText(key.toLowerCase(), checkQualifiedName, path)
    if (base === 'metadata.labels') return checkText(key, checkQualifiedName, path)
    return refuse(`field label does not support subscript: ${field}`)
  }
  if (!POD_FIELDS.has(field)) return refuse(`field label not supported: ${field}`)
  return supported.includes(field) ? [] : [unsupported(at, field, supported)]
}

/** In the order in which Kubernetes looks at them. */
const SOURCES: readonly (readonly [string, (ref: JsonRecord, path: string) => readonly FieldError[]])[] = [
  ['fieldRef', (ref, path) => validateFieldRef(ref, path, VARIABLE_FIELDS)],
  ['resourceFieldRef', (ref, path) => validateResourceFieldRef(ref, path, false)],
  ['configMapKeyRef', validateKeyRef],
  ['secretKeyRef', validateKeyRef],
  ['fileKeyRef', () => []],
]

const CHOICES = SOURCES.map(([name]) => `\`${name}\``)

export function validateEnv(env: readonly unknown[], path: string): readonly FieldError[] {
  return env.flatMap((variable, index) => {
    const at = `${path}[${index}]`
    const name = getString(variable, 'name') ?? ''
    return [
      ...(name === '' ? [required(`${at}.name`)] : checkText(name, checkEnvVarName, `${at}.name`)),
      ...validateValueFrom(variable, `${at}.valueFrom`),
    ]
  })
}

function validateValueFrom(variable: unknown, path: string): readonly FieldError[] {
  const source = getRecord(variable, 'valueFrom')
  if (!source) return []
  const given = SOURCES.filter(([name]) => Object.hasOwn(source, name))
  const errors = given.flatMap(([name, check]) => check(getRecord(source, name) ?? {}, `${path}.${name}`))
  if (given.length === 0) {
    const list = `${CHOICES.slice(0, -1).join(', ')} or ${CHOICES.at(-1)}`
    return [...errors, invalid(path, '', `must specify one of: ${list}`)]
  }
  if ((getString(variable, 'value') ?? '') !== '') {
    return [...errors, invalid(path, '', 'may not be specified when `value` is not empty')]
  }
  if (given.length === 1) return errors
  return [...errors, invalid(path, '', 'may not have more than one field specified at a time')]
}

function validateKeyRef(ref: JsonRecord, path: string): readonly FieldError[] {
  const key = getString(ref, 'key') ?? ''
  return [
    ...checkText(getString(ref, 'name') ?? '', checkDns1123Subdomain, `${path}.name`),
    ...(key === '' ? [required(`${path}.key`)] : checkText(key, checkConfigKey, `${path}.key`)),
  ]
}

export function validateEnvFrom(sources: readonly unknown[], path: string): readonly FieldError[] {
  return sources.flatMap((source, index) => {
    const at = `${path}[${index}]`
    const prefix = getString(source, 'prefix') ?? ''
    const given = ['configMapRef', 'secretRef'].filter(
      (name) => isRecord(source) && Object.hasOwn(source, name),
    )
    const refs = given.flatMap((name) => {
      const ref = getString(source, name, 'name') ?? ''
      return ref === ''
        ? [required(`${at}.${name}.name`)]
        : checkText(ref, checkDns1123Subdomain, `${at}.${name}.name`)
    })
    return [
      ...(prefix === '' ? [] : checkText(prefix, checkEnvVarName, `${at}.prefix`)),
      ...refs,
      ...(given.length === 0
        ? [invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`')]
        : []),
      ...(given.length > 1
        ? [invalid(path, '', 'may not have more than one field specified at a time')]
        : []),
    ]
  })
}
