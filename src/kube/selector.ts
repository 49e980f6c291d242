import { fail, ok, type Result } from '../base/index.ts'
import { getOwn, getPath, getString } from './json.ts'
import { type LabelRequirement, parseLabelRequirements } from './selector-text.ts'
import type { LabelSelector } from './types/common.ts'

export type { LabelRequirement } from './selector-text.ts'

export type Labels = Readonly<Record<string, string>>

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
  const parsed = parseLabelRequirements(text)
  if (!parsed.ok) return parsed
  const requirements = parsed.value
  return ok({ requirements, matches: (labels) => requirements.every((it) => meets(it, labels ?? {})) })
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
