/** Where pods may run: affinity, tolerations, taints and spreading. */
import { getList, getNumber, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkDns1123Label, checkDns1123Subdomain, checkLabelValue, checkQualifiedName } from '../names.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  unsupported,
} from '../schema/field-error.ts'
import { goForm } from '../schema/go-form.ts'
import { deepEqual } from '../json.ts'
import { checkText, validateLabelSelector, validateOperator } from './checks.ts'

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'

export function validateAffinity(affinity: JsonRecord | undefined, path: string): readonly FieldError[] {
  const node = getRecord(affinity, 'nodeAffinity')
  const selector = getRecord(node, REQUIRED)
  return [
    ...(selector ? validateNodeSelector(selector, `${path}.nodeAffinity.${REQUIRED}`) : []),
    ...getList(node, PREFERRED).flatMap((term, index) => {
      const at = `${path}.nodeAffinity.${PREFERRED}[${index}]`
      return [
        ...checkWeight(term, at),
        ...validateNodeTerm(getRecord(term, 'preference'), `${at}.preference`, false),
      ]
    }),
    ...['podAffinity', 'podAntiAffinity'].flatMap((kind) =>
      validatePodAffinity(getRecord(affinity, kind), `${path}.${kind}`),
    ),
  ]
}

export function validateNodeSelector(selector: JsonRecord, path: string): readonly FieldError[] {
  const terms = getList(selector, 'nodeSelectorTerms')
  const at = `${path}.nodeSelectorTerms`
  if (terms.length === 0) return [required(at, 'must have at least one node selector term')]
  return terms.flatMap((term, index) => validateNodeTerm(term, `${at}[${index}]`, true))
}

/** @param strict false where a value that no label can have may stand: what is preferred need not be possible */
function validateNodeTerm(term: unknown, path: string, strict: boolean): readonly FieldError[] {
  return [
    ...getList(term, 'matchExpressions').flatMap((requirement, index) => {
      const at = `${path}.matchExpressions[${index}]`
      return [
        ...validateOperator(requirement, at, ['Gt', 'Lt']),
        ...checkText(getString(requirement, 'key') ?? '', checkQualifiedName, `${at}.key`),
        ...(strict ? getList(requirement, 'values') : []).flatMap((value, number) =>
          checkText(value, checkLabelValue, `${at}.values[${number}]`),
        ),
      ]
    }),
    ...getList(term, 'matchFields').flatMap((requirement, index) =>
      validateFieldRequirement(requirement, `${path}.matchFields[${index}]`),
    ),
  ]
}

function validateFieldRequirement(requirement: unknown, path: string): readonly FieldError[] {
  const operator = getString(requirement, 'operator') ?? ''
  const key = getString(requirement, 'key') ?? ''
  const values = getList(requirement, 'values')
  const errors: FieldError[] = []
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'))
  else if (values.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
    errors.push(required(`${path}.values`, detail))
  }
  if (key !== 'metadata.name')
    return [...errors, invalid(`${path}.key`, key, 'not a valid field selector key')]
  const names = values.flatMap((value, index) =>
    checkText(value, checkDns1123Subdomain, `${path}.values[${index}]`),
  )
  return [...errors, ...names]
}

function checkWeight(term: unknown, path: string): readonly FieldError[] {
  const weight = getNumber(term, 'weight') ?? 0
  return weight > 0 && weight <= 100 ? [] : [invalid(`${path}.weight`, weight, 'must be in the range 1-100')]
}

function validatePodAffinity(affinity: JsonRecord | undefined, path: string): readonly FieldError[] {
  return [
    ...getList(affinity, REQUIRED).flatMap((term, index) =>
      validatePodTerm(term, `${path}.${REQUIRED}[${index}]`),
    ),
    ...getList(affinity, PREFERRED).flatMap((term, index) => {
      const at = `${path}.${PREFERRED}[${index}]`
      return [
        ...checkWeight(term, at),
        ...validatePodTerm(getRecord(term, 'podAffinityTerm') ?? {}, `${at}.podAffinityTerm`),
      ]
    }),
  ]
}

function validatePodTerm(term: unknown, path: string): readonly FieldError[] {
  const key = getString(term, 'topologyKey') ?? ''
  return [
    ...validateLabelSelector(getRecord(term, 'labelSelector'), `${path}.labelSelector`),
    ...validateLabelSelector(getRecord(term, 'namespaceSelector'), `${path}.namespaceSelector`),
    ...getList(term, 'namespaces').flatMap((name) => checkText(name, checkDns1123Label, `${path}.namespace`)),
    ...(key === '' ? [required(`${path}.topologyKey`, 'can not be empty')] : []),
    ...checkText(key, checkQualifiedName, `${path}.topologyKey`),
  ]
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

export function validateTolerations(tolerations: readonly unknown[], path: string): readonly FieldError[] {
  return tolerations.flatMap((toleration, index) => {
    const at = `${path}[${index}]`
    const key = getString(toleration, 'key') ?? ''
    const operator = getString(toleration, 'operator') ?? ''
    const effect = getString(toleration, 'effect') ?? ''
    const errors: FieldError[] = key === '' ? [] : [...checkText(key, checkQualifiedName, `${at}.key`)]
    if (key === '' && operator !== 'Exists') {
      const detail =
        'operator must be Exists when `key` is empty, which means "match all values and all keys"'
      errors.push(invalid(`${at}.operator`, operator, detail))
    }
    if (getPath(toleration, 'tolerationSeconds') !== undefined && effect !== 'NoExecute') {
      const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
      errors.push(invalid(`${at}.effect`, effect, detail))
    }
    errors.push(...checkTolerated(toleration, operator, `${at}.operator`))
    if (effect !== '' && !EFFECTS.includes(effect)) errors.push(unsupported(`${at}.effect`, effect, EFFECTS))
    return errors
  })
}

/** Kubernetes complains of the operator where the value is wrong. */
function checkTolerated(toleration: unknown, operator: string, path: string): readonly FieldError[] {
  const value = getString(toleration, 'value') ?? ''
  switch (operator) {
    case '':
    case 'Equal': {
      const problems = checkLabelValue(value)
      return problems.length === 0 ? [] : [invalid(path, value, problems.join(';'))]
    }
    case 'Exists':
      return value === '' ? [] : [invalid(path, value, "value must be empty when `operator` is 'Exists'")]
    default:
      return [unsupported(path, operator, ['Equal', 'Exists'])]
  }
}

/** New tolerations may be added to a running pod; of the old only the seconds may change. */
export function validateAddedTolerations(
  now: readonly unknown[],
  before: readonly unknown[],
  path: string,
): readonly FieldError[] {
  const timeless = (toleration: unknown) =>
    isRecord(toleration) ? { ...toleration, tolerationSeconds: undefined } : toleration
  const isKept = before.every((old) => now.some((one) => deepEqual(timeless(one), timeless(old))))
  return isKept
    ? []
    : [forbidden(path, 'existing toleration can not be modified except its tolerationSeconds')]
}

/** Kubernetes looks for the taints of a node in its metadata, as they once were. */
export function validateTaints(taints: readonly unknown[], path: string): readonly FieldError[] {
  const seen = new Set<string>()
  return taints.flatMap((taint, index) => {
    const at = `${path}[${index}]`
    const key = getString(taint, 'key') ?? ''
    const value = getString(taint, 'value') ?? ''
    const effect = getString(taint, 'effect') ?? ''
    const problems = checkLabelValue(value)
    const errors: FieldError[] = [...checkText(key, checkQualifiedName, `${at}.key`)]
    if (problems.length > 0) errors.push(invalid(`${at}.value`, value, problems.join(';')))
    if (effect === '') errors.push(required(`${at}.effect`))
    else if (!EFFECTS.includes(effect)) errors.push(unsupported(`${at}.effect`, effect, EFFECTS))
    const unique = JSON.stringify([key, effect])
    if (seen.has(unique)) {
      const detail = 'taints must be unique by key and effect pair'
      errors.push({ ...duplicate(at, goForm(taint, 'core/v1.Taint')), detail })
    }
    seen.add(unique)
    return errors
  })
}

const UNSATISFIABLE = ['DoNotSchedule', 'ScheduleAnyway']

export function validateSpreading(constraints: readonly unknown[], path: string): readonly FieldError[] {
  const pair = (constraint: unknown) =>
    `{${getString(constraint, 'topologyKey') ?? ''}, ${getString(constraint, 'whenUnsatisfiable') ?? ''}}`
  return constraints.flatMap((constraint, index) => {
    const at = `${path}[${index}]`
    const action = getString(constraint, 'whenUnsatisfiable') ?? ''
    const domains = getNumber(constraint, 'minDomains')
    const errors: FieldError[] = [...checkPositive(getNumber(constraint, 'maxSkew') ?? 0, `${at}.maxSkew`)]
    if ((getString(constraint, 'topologyKey') ?? '') === '')
      errors.push(required(`${at}.topologyKey`, 'can not be empty'))
    if (!UNSATISFIABLE.includes(action))
      errors.push(unsupported(`${at}.whenUnsatisfiable`, action, UNSATISFIABLE))
    if (constraints.slice(index + 1).some((other) => pair(other) === pair(constraint)))
      errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair(constraint)))
    if (domains !== undefined) {
      errors.push(...checkPositive(domains, `${at}.minDomains`))
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`
      if (action !== 'DoNotSchedule') errors.push(invalid(`${at}.minDomains`, domains, detail))
    }
    return [
      ...errors,
      ...validateLabelSelector(getRecord(constraint, 'labelSelector'), `${at}.labelSelector`),
    ]
  })
}

function checkPositive(value: number, path: string): readonly FieldError[] {
  return value > 0 ? [] : [invalid(path, value, 'must be greater than 0')]
}
