import { getList, getNumber, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkPathSegment } from '../names.ts'
import { parseQuantity } from '../quantity.ts'
import { type FieldError, forbidden, invalid, required, unsupported } from '../schema/field-error.ts'
import { checkText } from './checks.ts'
import { checkContainerResourceName } from './validate-resources.ts'

export function validateAutoscaler(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const min = getNumber(spec, 'minReplicas')
  const max = getNumber(spec, 'maxReplicas') ?? 0
  const errors: FieldError[] = []
  if (min !== undefined && min < 1)
    errors.push(invalid('spec.minReplicas', min, 'must be greater than or equal to 1'))
  if (max < 0) errors.push(invalid('spec.maxReplicas', max, 'must be greater than or equal to 1'))
  if (min !== undefined && max < min)
    errors.push(invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'))
  if (max === 0) errors.push(required('spec.maxReplicas'))
  return [
    ...errors,
    ...validateTargetRef(getRecord(spec, 'scaleTargetRef'), getRecord(old, 'spec', 'scaleTargetRef')),
    ...getList(spec, 'metrics').flatMap((metric, index) => validateMetric(metric, `spec.metrics[${index}]`)),
    ...['scaleUp', 'scaleDown'].flatMap((direction) =>
      validateRules(getRecord(spec, 'behavior', direction), `spec.behavior.${direction}`),
    ),
  ]
}

/** Of the core group only one kind can be scaled, and what was stored once stays as it is. */
function validateTargetRef(
  target: JsonRecord | undefined,
  old: JsonRecord | undefined,
): readonly FieldError[] {
  const path = 'spec.scaleTargetRef'
  const names = validateReference(target, path)
  const version = getString(target, 'apiVersion') ?? ''
  const kind = getString(target, 'kind')
  const isKept = old && getString(old, 'kind') === kind && (getString(old, 'apiVersion') ?? '') === version
  if (isKept || version.includes('/') || kind === 'ReplicationController') return names
  return [...names, invalid(`${path}.apiVersion`, version, 'apiVersion must specify API group')]
}

function validateReference(reference: JsonRecord | undefined, path: string): readonly FieldError[] {
  const names = ['kind', 'name'].flatMap((field) => {
    const value = getString(reference, field) ?? ''
    return value === ''
      ? [required(`${path}.${field}`)]
      : checkText(value, checkPathSegment, `${path}.${field}`)
  })
  const version = getString(reference, 'apiVersion') ?? ''
  if (version.split('/').length <= 2) return names
  return [...names, invalid(`${path}.apiVersion`, version, `unexpected GroupVersion string: ${version}`)]
}

const SOURCES: Readonly<Record<string, string>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
}

function validateMetric(metric: unknown, path: string): readonly FieldError[] {
  const type = getString(metric, 'type') ?? ''
  const expected = Object.hasOwn(SOURCES, type) ? SOURCES[type] : undefined
  const given = Object.values(SOURCES).filter((source) => isRecord(metric) && Object.hasOwn(metric, source))
  const errors: FieldError[] = []
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric source type'))
  if (expected === undefined) errors.push(unsupported(`${path}.type`, type, Object.keys(SOURCES)))
  const [source] = given
  if (source !== undefined)
    errors.push(...validateSource(getRecord(metric, source) ?? {}, source, `${path}.${source}`))
  if (expected !== undefined && !given.includes(expected))
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'))
  const others = given.length === 1 ? [] : given.filter((name) => name !== expected)
  return [
    ...errors,
    ...others.map((name) => forbidden(`${path}.${name}`, 'must populate the given metric source only')),
  ]
}

function validateSource(source: JsonRecord, kind: string, path: string): readonly FieldError[] {
  const name = getString(source, 'name') ?? ''
  const target = validateTarget(getRecord(source, 'target'), `${path}.target`)
  switch (kind) {
    case 'resource':
    case 'containerResource':
      return [
        ...(name === '' ? [required(`${path}.name`, 'must specify a resource name')] : []),
        ...(name !== '' && kind === 'containerResource'
          ? checkContainerResourceName(name, `${path}.name`)
          : []),
        ...target,
        ...validateUse(getRecord(source, 'target'), `${path}.target`),
      ]
    default: {
      const metric = getString(source, 'metric', 'name') ?? ''
      return [
        ...(kind === 'object'
          ? validateReference(getRecord(source, 'describedObject'), `${path}.describedObject`)
          : []),
        ...(metric === ''
          ? [required(`${path}.metric.name`, 'must specify a metric name')]
          : checkText(metric, checkPathSegment, `${path}.metric.name`)),
        ...target,
      ]
    }
  }
}

/** A share of what is requested, or an amount: one of both. */
function validateUse(target: JsonRecord | undefined, path: string): readonly FieldError[] {
  const hasShare = getPath(target, 'averageUtilization') !== undefined
  const hasAmount = getPath(target, 'averageValue') !== undefined
  if (!hasShare && !hasAmount)
    return [
      required(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization'),
    ]
  if (!hasShare || !hasAmount) return []
  return [forbidden(`${path}.averageValue`, 'may not set both a target raw value and a target utilization')]
}

const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue']

function validateTarget(target: JsonRecord | undefined, path: string): readonly FieldError[] {
  const type = getString(target, 'type') ?? ''
  const share = getNumber(target, 'averageUtilization')
  const errors: FieldError[] = []
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric target type'))
  if (!TARGET_TYPES.includes(type))
    errors.push(invalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'))
  for (const field of ['value', 'averageValue']) {
    const text = getString(target, field)
    const quantity = text === undefined ? undefined : parseQuantity(text)
    if (quantity && quantity.nanos <= 0n) errors.push(invalid(`${path}.${field}`, text, 'must be positive'))
  }
  if (share !== undefined && share < 1)
    errors.push(invalid(`${path}.averageUtilization`, share, 'must be greater than 0'))
  return errors
}

const WINDOW_SECONDS_MAX = 3600
const PERIOD_SECONDS_MAX = 1800
const SELECT_POLICIES = ['Disabled', 'Max', 'Min']

function validateRules(rules: JsonRecord | undefined, path: string): readonly FieldError[] {
  if (!rules) return []
  const window = getNumber(rules, 'stabilizationWindowSeconds')
  const select = getString(rules, 'selectPolicy')
  const policies = getList(rules, 'policies')
  const errors: FieldError[] = []
  const at = `${path}.stabilizationWindowSeconds`
  if (window !== undefined && window < 0)
    errors.push(invalid(at, window, 'must be greater than or equal to zero'))
  if (window !== undefined && window > WINDOW_SECONDS_MAX)
    errors.push(invalid(at, window, `must be less than or equal to ${WINDOW_SECONDS_MAX}`))
  if (select !== undefined && !SELECT_POLICIES.includes(select))
    errors.push(unsupported(`${path}.selectPolicy`, select, SELECT_POLICIES))
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'))
  return [
    ...errors,
    ...policies.flatMap((policy, index) => {
      const place = `${path}.policies[${index}]`
      const value = getNumber(policy, 'value') ?? 0
      const period = getNumber(policy, 'periodSeconds') ?? 0
      return [
        ...(value <= 0 ? [invalid(`${place}.value`, value, 'must be greater than zero')] : []),
        ...(period <= 0 ? [invalid(`${place}.periodSeconds`, period, 'must be greater than zero')] : []),
        ...(period > PERIOD_SECONDS_MAX
          ? [invalid(`${place}.periodSeconds`, period, `must be less than or equal to ${PERIOD_SECONDS_MAX}`)]
          : []),
      ]
    }),
  ]
}
