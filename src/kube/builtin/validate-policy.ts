/** Limits on what a namespace may hold and on how far pods may be disturbed. */
import { getList, getNumber, getOwn, getPath, getRecord, getString, type JsonRecord } from '../json.ts'
import { checkQualifiedName } from '../names.ts'
import { formatQuantity } from '../quantity.ts'
import { duplicate, type FieldError, forbidden, invalid, required } from '../schema/field-error.ts'
import { goForm } from '../schema/go-form.ts'
import {
  checkAtMostAll,
  checkCountOrPercent,
  checkText,
  checkUnchanged,
  quantityOf,
  validateLabelSelector,
} from './checks.ts'
import {
  checkAmount,
  checkContainerResourceName,
  checkQuotaResourceName,
  checkResourceName,
} from './validate-resources.ts'

export function validateBudget(object: JsonRecord): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const [min, max] = [getPath(spec, 'minAvailable'), getPath(spec, 'maxUnavailable')]
  const shown = goForm(spec, 'policy/v1.PodDisruptionBudgetSpec')
  const both = 'minAvailable and maxUnavailable cannot be both set'
  return [
    ...(min !== undefined && max !== undefined ? [invalid('spec', shown, both)] : []),
    ...checkCountOrPercent(min, 'spec.minAvailable'),
    ...checkAtMostAll(min, 'spec.minAvailable'),
    ...checkCountOrPercent(max, 'spec.maxUnavailable'),
    ...checkAtMostAll(max, 'spec.maxUnavailable'),
    ...validateLabelSelector(getRecord(spec, 'selector'), 'spec.selector'),
  ]
}

export function validateQuota(object: JsonRecord): readonly FieldError[] {
  return Object.entries(getRecord(object, 'spec', 'hard') ?? {}).flatMap(([name, amount]) => {
    const path = `spec.hard[${name}]`
    return [...checkQuotaResourceName(name, path), ...checkAmount(name, amount, path)]
  })
}

const LIMIT_TYPES = ['Pod', 'Container', 'PersistentVolumeClaim']
const AMOUNTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const
type Amount = (typeof AMOUNTS)[number]

export function validateLimitRange(object: JsonRecord): readonly FieldError[] {
  const types = new Set<string>()
  return getList(object, 'spec', 'limits').flatMap((limit, index) => {
    const at = `spec.limits[${index}]`
    const type = getString(limit, 'type') ?? ''
    const names = checkText(type, checkQualifiedName, `${at}.type`)
    const isOdd = names.length === 0 && !type.includes('/') && !LIMIT_TYPES.includes(type)
    const errors = [
      ...names,
      ...(isOdd ? [invalid(`${at}.type`, type, 'must be a standard limit type or fully qualified')] : []),
      ...(types.has(type) ? [duplicate(`${at}.type`, type)] : []),
      ...validateLimit(limit, type, at),
    ]
    types.add(type)
    return errors
  })
}

function validateLimit(limit: unknown, type: string, path: string): readonly FieldError[] {
  const resources = new Set<string>()
  const errors: FieldError[] = []
  for (const field of AMOUNTS) {
    const amounts = getRecord(limit, field) ?? {}
    if (type === 'Pod' && field.startsWith('default')) {
      const isGiven = Object.keys(amounts).length > 0
      if (isGiven) errors.push(forbidden(`${path}.${field}`, "may not be specified when `type` is 'Pod'"))
      continue
    }
    for (const name of Object.keys(amounts)) {
      const check = type === 'Pod' || type === 'Container' ? checkContainerResourceName : checkResourceName
      errors.push(...check(name, `${path}.${field}[${name}]`))
      resources.add(name)
    }
  }
  const isClaim = type === 'PersistentVolumeClaim'
  if (isClaim && ['min', 'max'].every((field) => getPath(limit, field, 'storage') === undefined)) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided'
    errors.push(required(`${path}.limits`, detail))
  }
  return [...errors, ...[...resources].flatMap((name) => compareAmounts(limit, name, path))]
}

/** Pairs of which the first may not be above the second; the error stands at `at`, with the value of `shown`. */
const ORDER: readonly {
  readonly low: Amount
  readonly high: Amount
  readonly at: Amount
  readonly shown: Amount
  readonly words: readonly [string, string]
}[] = [
  { low: 'min', high: 'max', at: 'min', shown: 'min', words: ['min value', 'max value'] },
  {
    low: 'min',
    high: 'defaultRequest',
    at: 'defaultRequest',
    shown: 'defaultRequest',
    words: ['min value', 'default request value'],
  },
  {
    low: 'defaultRequest',
    high: 'max',
    at: 'defaultRequest',
    shown: 'defaultRequest',
    words: ['default request value', 'max value'],
  },
  {
    low: 'defaultRequest',
    high: 'default',
    at: 'defaultRequest',
    shown: 'defaultRequest',
    words: ['default request value', 'default limit value'],
  },
  { low: 'min', high: 'default', at: 'default', shown: 'min', words: ['min value', 'default value'] },
  { low: 'default', high: 'max', at: 'default', shown: 'max', words: ['default value', 'max value'] },
]

function compareAmounts(limit: unknown, name: string, path: string): readonly FieldError[] {
  const amount = (field: Amount) => quantityOf(getOwn(getRecord(limit, field) ?? {}, name))
  const errors = ORDER.flatMap(({ low, high, at, shown, words }) => {
    const [less, more] = [amount(low), amount(high)]
    if (!less || !more || less.nanos <= more.nanos) return []
    const detail = `${words[0]} ${formatQuantity(less)} is greater than ${words[1]} ${formatQuantity(more)}`
    return [invalid(`${path}.${at}[${name}]`, formatQuantity(amount(shown) ?? less), detail)]
  })
  const ratio = amount('maxLimitRequestRatio')
  if (!ratio || ratio.nanos >= 1_000_000_000n) return errors
  const text = formatQuantity(ratio)
  return [...errors, invalid(`${path}.maxLimitRequestRatio[${name}]`, text, `ratio ${text} is less than 1`)]
}

const USER_PRIORITY_MAX = 1_000_000_000
/** The classes that every cluster has, with their values. */
const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
}

export function validatePriorityClass(
  object: JsonRecord,
  old: JsonRecord | undefined,
): readonly FieldError[] {
  const value = getNumber(object, 'value') ?? 0
  if (old) {
    const isSame = value === (getNumber(old, 'value') ?? 0)
    const policy = { now: getPath(object, 'preemptionPolicy'), before: getPath(old, 'preemptionPolicy') }
    return [
      ...(isSame ? [] : [forbidden('value', 'may not be changed in an update.')]),
      ...checkUnchanged('preemptionPolicy', policy),
    ]
  }
  const name = getString(object, 'metadata', 'name') ?? ''
  if (name.startsWith('system-')) {
    const problem = systemClassProblem(name, value, getPath(object, 'globalDefault') === true)
    const detail = `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`
    return problem === undefined ? [] : [forbidden('metadata.name', detail)]
  }
  if (value <= USER_PRIORITY_MAX) return []
  return [forbidden('value', `maximum allowed value of a user defined priority is ${USER_PRIORITY_MAX}`)]
}

function systemClassProblem(name: string, value: number, isDefault: boolean): string | undefined {
  const expected = Object.hasOwn(SYSTEM_CLASSES, name) ? SYSTEM_CLASSES[name] : undefined
  if (expected === undefined) return `${name} is not a known system priority class`
  if (value !== expected) return `value of ${name} PriorityClass must be ${expected}`
  return isDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined
}
