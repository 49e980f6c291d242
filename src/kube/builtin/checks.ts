/** Small checks that several kinds share, with the wording of Kubernetes. */
import {
  deepEqual,
  getList,
  getOwn,
  getPath,
  getRecord,
  getString,
  isRecord,
  type JsonRecord,
} from '../json.ts'
import { isCidr, isIp } from '../ip.ts'
import {
  checkLabelValue,
  checkPortName,
  checkQualifiedName,
  type NameCheck,
  regexMessage,
  validateLabels,
} from '../names.ts'
import { parseQuantity, type Quantity } from '../quantity.ts'
import { type FieldError, forbidden, invalid, required } from '../schema/field-error.ts'

export const INT32_MAX = 2 ** 31 - 1
export const IMMUTABLE = 'field is immutable'

export function notNegative(value: unknown, path: string): readonly FieldError[] {
  return typeof value === 'number' && value < 0
    ? [invalid(path, value, 'must be greater than or equal to 0')]
    : []
}

export function checkRange(value: unknown, min: number, max: number, path: string): readonly FieldError[] {
  return typeof value === 'number' && (value < min || value > max)
    ? [invalid(path, value, `must be between ${min} and ${max}, inclusive`)]
    : []
}

/** An absent name is fine; an empty one is held to the rule. */
export function checkText(text: unknown, check: NameCheck, path: string): readonly FieldError[] {
  return typeof text === 'string' ? check(text).map((detail) => invalid(path, text, detail)) : []
}

export function checkAddress(text: unknown, path: string): readonly FieldError[] {
  return typeof text !== 'string' || isIp(text)
    ? []
    : [invalid(path, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]
}

export function checkCidr(text: unknown, path: string): readonly FieldError[] {
  return typeof text !== 'string' || isCidr(text)
    ? []
    : [invalid(path, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
}

export function checkPortNumber(value: unknown, path: string): readonly FieldError[] {
  return checkRange(value, 1, 65_535, path)
}

/** A port by number or by name, as probes and Services have it. */
export function checkPortReference(value: unknown, path: string): readonly FieldError[] {
  return typeof value === 'string' ? checkText(value, checkPortName, path) : checkPortNumber(value, path)
}

/** `10` or `"10%"`, as rolling updates and disruption budgets have it. */
export function checkCountOrPercent(value: unknown, path: string): readonly FieldError[] {
  if (typeof value !== 'string') return notNegative(value, path)
  const message = regexMessage(
    "a valid percent string must be a numeric string followed by an ending '%'",
    '[0-9]+%',
    ['1%', '93%'],
  )
  return /^\d+%$/.test(value) ? [] : [invalid(path, value, message)]
}

export function checkAtMostAll(value: unknown, path: string): readonly FieldError[] {
  const percent = typeof value === 'string' && /^\d+%$/.test(value) ? Number.parseInt(value, 10) : 0
  return percent > 100 ? [invalid(path, value, 'must not be greater than 100%')] : []
}

export function countOrPercent(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' ? Number.parseInt(value, 10) || 0 : 0
}

export function quantityOf(value: unknown): Quantity | undefined {
  return typeof value === 'string' || typeof value === 'number' ? parseQuantity(String(value)) : undefined
}

export function checkNotNegativeQuantity(value: unknown, path: string): readonly FieldError[] {
  const quantity = quantityOf(value)
  return quantity && quantity.nanos < 0n ? [invalid(path, value, 'must be greater than or equal to 0')] : []
}

/** @param shown the value as it is printed, where that is not the JSON */
export function checkUnchanged(
  path: string,
  values: { readonly now: unknown; readonly before: unknown; readonly shown?: unknown },
): readonly FieldError[] {
  const { now, before } = values
  if (deepEqual(now, before)) return []
  return [invalid(path, Object.hasOwn(values, 'shown') ? values.shown : (now ?? null), IMMUTABLE)]
}

/** Key and value of labels that select. @see LabelSelector of meta/v1 */
export function validateLabelSelector(selector: JsonRecord | undefined, path: string): readonly FieldError[] {
  if (!selector) return []
  return [
    ...validateLabels(getRecord(selector, 'matchLabels'), `${path}.matchLabels`),
    ...getList(selector, 'matchExpressions').flatMap((requirement, index) =>
      validateRequirement(requirement, `${path}.matchExpressions[${index}]`),
    ),
  ]
}

function validateRequirement(requirement: unknown, path: string): readonly FieldError[] {
  const values = getList(requirement, 'values')
  return [
    ...validateOperator(requirement, path),
    ...checkText(getString(requirement, 'key') ?? '', checkQualifiedName, `${path}.key`),
    ...values.flatMap((value, index) => checkText(value, checkLabelValue, `${path}.values[${index}]`)),
  ]
}

/** The number of values that an operator asks for. Selectors of nodes have two more operators than those of labels. */
export function validateOperator(
  requirement: unknown,
  path: string,
  numeric: readonly string[] = [],
): readonly FieldError[] {
  const operator = getString(requirement, 'operator') ?? ''
  const count = getList(requirement, 'values').length
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (count > 0) return []
      return [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
    case 'Exists':
    case 'DoesNotExist':
      if (count === 0) return []
      return [
        forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      ]
    default:
      if (!numeric.includes(operator))
        return [invalid(`${path}.operator`, operator, 'not a valid selector operator')]
      if (count === 1) return []
      return [required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
  }
}

/** The member of a choice that is set first, and a complaint about every other. */
export function onlyOneOf(
  from: unknown,
  names: readonly string[],
  complain: (name: string) => FieldError,
): { readonly chosen: string | undefined; readonly errors: readonly FieldError[] } {
  const given = names.filter((name) => isRecord(from) && getOwn(from, name) !== undefined)
  return { chosen: given[0], errors: given.slice(1).map(complain) }
}

/** A path inside a volume: relative where it has to be, and never out of it. */
export function checkDescendingPath(text: string | undefined, path: string): readonly FieldError[] {
  if (text === undefined || text === '') return []
  return [
    ...(text.startsWith('/') ? [invalid(path, text, 'must be a relative path')] : []),
    ...checkNoBacksteps(text, path),
  ]
}

export function checkNoBacksteps(text: string, path: string): readonly FieldError[] {
  return text.split('/').includes('..') ? [invalid(path, text, "must not contain '..'")] : []
}

/** Whether a member is there: an empty object counts, an empty text does not. */
export function isSet(from: unknown, ...keys: readonly string[]): boolean {
  const value = getPath(from, ...keys)
  return value !== undefined && value !== null && value !== ''
}
