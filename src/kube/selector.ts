import { fail, ok, type Result } from '../base/index.ts'
import { getOwn, getPath, getString } from './json.ts'
import { checkLabelValue, checkQualifiedName } from './names.ts'
import type { LabelSelector } from './types/common.ts'

export type Labels = Readonly<Record<string, string>>

/** One requirement of a label selector's text form. */
export interface LabelRequirement {
  readonly key: string
  readonly operator: 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt'
  readonly values: readonly string[]
}

export interface LabelMatcher {
  readonly requirements: readonly LabelRequirement[]
  matches(labels: Labels | undefined): boolean
}

/** A selector may not be longer than a URL reasonably is. */
const SELECTOR_LENGTH_MAX = 64 * 1024

/** Parses `app=web,tier in (a, b),!canary,version!=v1,count>2`. Empty text matches everything. */
export function parseLabelSelector(text: string): Result<LabelMatcher, string> {
  if (text.length > SELECTOR_LENGTH_MAX)
    return fail(`label selector is longer than ${SELECTOR_LENGTH_MAX} characters`)
  const requirements: LabelRequirement[] = []
  for (const part of splitOutsideParentheses(text)) {
    if (part.trim() === '') continue
    const requirement = parseRequirement(part.trim())
    if (!requirement)
      return fail(`unable to parse requirement: ${JSON.stringify(part.trim())} is not a label requirement`)
    const problem = checkRequirement(requirement)
    if (problem !== undefined) return fail(problem)
    requirements.push(requirement)
  }
  return ok({ requirements, matches: (labels) => requirements.every((it) => meets(it, labels ?? {})) })
}

function splitOutsideParentheses(text: string): readonly string[] {
  return text.split(/,(?![^(]*\))/)
}

function parseRequirement(text: string): LabelRequirement | undefined {
  const exists = /^(!?)\s*([^\s!=<>(),]+)$/.exec(text)
  if (exists) return { key: exists[2] ?? '', operator: exists[1] === '!' ? '!' : 'exists', values: [] }
  const set = /^([^\s!=<>(),]+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text)
  if (set) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim())
    return { key: set[1] ?? '', operator: set[2] === 'in' ? 'in' : 'notin', values }
  }
  const equality = /^([^\s!=<>(),]+)\s*(==|=|!=|<|>)\s*([^\s=!<>()]*)$/.exec(text)
  if (!equality) return undefined
  const operator = ({ '!=': 'notin', '<': 'lt', '>': 'gt' } as const)[equality[2] ?? ''] ?? 'in'
  return { key: equality[1] ?? '', operator, values: [equality[3] ?? ''] }
}

function checkRequirement(requirement: LabelRequirement): string | undefined {
  const { key, operator, values } = requirement
  const keyError = checkQualifiedName(key)[0]
  if (keyError !== undefined)
    return `unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: ${keyError}`
  if (operator === 'gt' || operator === 'lt') {
    return /^-?\d+$/.test(values[0] ?? '')
      ? undefined
      : `unable to parse requirement: values[0][${key}]: Invalid value: ${JSON.stringify(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`
  }
  for (const [index, value] of values.entries()) {
    const error = checkLabelValue(value)[0]
    if (error !== undefined) {
      return `unable to parse requirement: values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${error}`
    }
  }
  return undefined
}

function meets(requirement: LabelRequirement, labels: Labels): boolean {
  const value = getOwn(labels, requirement.key)
  switch (requirement.operator) {
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'in':
      return value !== undefined && requirement.values.includes(value)
    case 'notin':
      return value === undefined || !requirement.values.includes(value)
    case 'gt':
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) > Number(requirement.values[0])
    case 'lt':
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) < Number(requirement.values[0])
  }
}

/** The object form of a selector. An absent selector matches nothing, an empty one everything. */
export function matchesLabels(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (!selector) return false
  const own = labels ?? {}
  const exact = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => getOwn(own, key) === value)
  return (
    exact && (selector.matchExpressions ?? []).every((expression) => meets(toRequirement(expression), own))
  )
}

type Expression = NonNullable<LabelSelector['matchExpressions']>[number]

function toRequirement(expression: Expression): LabelRequirement {
  const operators = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' } as const
  return { key: expression.key, operator: operators[expression.operator], values: expression.values ?? [] }
}

/** The text form of a selector, as `kubectl` prints it: `app=web,tier in (a,b)`. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  if (!selector) return '<none>'
  const exact = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const others = (selector.matchExpressions ?? []).map((expression) => {
    const values = [...(expression.values ?? [])].sort().join(',')
    switch (expression.operator) {
      case 'In':
        return `${expression.key} in (${values})`
      case 'NotIn':
        return `${expression.key} notin (${values})`
      case 'Exists':
        return expression.key
      case 'DoesNotExist':
        return `!${expression.key}`
    }
  })
  const text = [...exact.sort(), ...others].join(',')
  return text === '' ? '<none>' : text
}

export interface FieldRequirement {
  /** `metadata.name`, `spec.nodeName`, `status.phase`… */
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

export interface FieldMatcher {
  readonly requirements: readonly FieldRequirement[]
  matches(object: unknown): boolean
}

/** Fields that an object shows under a selectable name other than their path. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  source: ['source', 'component'],
  type: ['type'],
  'status.successful': ['status', 'succeeded'],
}

/** What an absent field is selected by, where that is not the empty string. */
const ABSENT: Readonly<Record<string, string>> = {
  'Job status.successful': '0',
  'Node spec.unschedulable': 'false',
  'Pod spec.hostNetwork': 'false',
  'ReplicaSet status.replicas': '0',
  'ReplicationController status.replicas': '0',
}

/** Parses `metadata.name=a,status.phase!=Running`; values may escape `,`, `=` and `\` with a backslash. */
export function parseFieldSelector(text: string): Result<FieldMatcher, string> {
  if (text.length > SELECTOR_LENGTH_MAX)
    return fail(`field selector is longer than ${SELECTOR_LENGTH_MAX} characters`)
  const requirements: FieldRequirement[] = []
  for (const part of text.split(/(?<!\\),/)) {
    if (part === '') continue
    const match = /^([^=!\\]+)(!=|==|=)(.*)$/.exec(part)
    if (!match) return fail(`invalid selector: '${text}'; can't understand '${part}'`)
    const value = (match[3] ?? '').replace(/\\([\\,=])/g, '$1')
    requirements.push({ field: (match[1] ?? '').trim(), operator: match[2] === '!=' ? '!=' : '=', value })
  }
  return ok({
    requirements,
    matches: (object) =>
      requirements.every(
        ({ field, operator, value }) => (fieldText(object, field) === value) === (operator === '='),
      ),
  })
}

function fieldText(object: unknown, field: string): string {
  const keys = (Object.hasOwn(ALIASES, field) ? ALIASES[field] : undefined) ?? field.split('.')
  const value = getPath(object, ...keys)
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return ABSENT[`${getString(object, 'kind') ?? ''} ${field}`] ?? ''
}
