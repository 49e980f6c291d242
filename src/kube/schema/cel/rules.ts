import type { CelInput } from '@bufbuild/cel'
import { deepEqual, isRecord, type JsonRecord } from '../../json.ts'
import { child, duplicate, type FieldError, forbidden, invalid, required } from '../field-error.ts'
import { fieldSchema } from '../prune.ts'
import type { StructuralSchema, ValidationRule } from '../structural.ts'
import { correlateItems } from '../validate.ts'
import { optionalOf } from './optional.ts'
import type { Program, ProgramCache } from './program.ts'
import { toCelValue } from './value.ts'

/** Above this many steps of nested loops a rule is refused instead of run: it would block the server. */
export const STEPS_MAX = 3_000_000

interface RuleNode {
  readonly schema: StructuralSchema
  readonly value: unknown
  readonly path: string
  readonly old: { readonly value: unknown } | undefined
  readonly root: boolean
  /** what it is a part of is as it was, so no rule of its own may refuse it: only what looks at the change may */
  readonly unchanged: boolean
}

/** Evaluates `x-kubernetes-validations` in a value and everything under it. */
interface RuleChecker {
  /** Whether there is any rule to evaluate. */
  readonly hasRules: boolean
  check(value: unknown, old: { readonly value: unknown } | undefined): readonly FieldError[]
}

export function createRuleChecker(
  schema: StructuralSchema,
  programs: ProgramCache,
  resource: boolean,
): RuleChecker {
  const anyRules = rememberSearch((rules) => rules.length > 0)
  const changeRules = rememberSearch((rules) => rules.some(looksAtChange))
  const walk = (node: RuleNode): FieldError[] => {
    if (node.value === null || node.value === undefined || !anyRules(node.schema)) return []
    const unchanged = node.unchanged || (node.old !== undefined && deepEqual(node.old.value, node.value))
    if (unchanged && !changeRules(node.schema)) return []
    const seen = unchanged === node.unchanged ? node : { ...node, unchanged }
    return [...checkNode(seen, programs), ...children(seen).flatMap(walk)]
  }
  return {
    get hasRules() {
      return anyRules(schema)
    },
    check: (value, old) => walk({ schema, value, path: '', old, root: resource, unchanged: false }),
  }
}

/** By the text alone, which needs no plan: a rule that only seems to is looked at once more. */
function looksAtChange({ rule }: ValidationRule): boolean {
  return rule.includes('oldSelf')
}

/** Whether a schema or anything under it has such rules; remembered, so that subtrees without cost nothing. */
function rememberSearch(
  wanted: (rules: readonly ValidationRule[]) => boolean,
): (schema: StructuralSchema) => boolean {
  const known = new Map<StructuralSchema, boolean>()
  const search = (schema: StructuralSchema): boolean => {
    const found = known.get(schema)
    if (found !== undefined) return found
    const additional = schema.additionalProperties
    const result =
      wanted(rulesOf(schema)) ||
      Object.values(schema.properties ?? {}).some(search) ||
      (typeof additional === 'object' && search(additional)) ||
      (schema.items !== undefined && search(schema.items))
    known.set(schema, result)
    return result
  }
  return search
}

function rulesOf(schema: StructuralSchema): readonly ValidationRule[] {
  const nested = schema.allOf?.flatMap((part) => part['x-kubernetes-validations'] ?? []) ?? []
  const own = schema['x-kubernetes-validations'] ?? []
  return nested.length === 0 ? own : [...own, ...nested]
}

function children(node: RuleNode): readonly RuleNode[] {
  const { schema, value, path, old, unchanged } = node
  if (Array.isArray(value)) {
    const itemSchema = schema.items
    if (!itemSchema) return []
    const oldOf = correlateItems(schema, old?.value)
    return value.map((item, index) => ({
      schema: itemSchema,
      value: item,
      path: `${path}[${index}]`,
      old: oldOf(item),
      root: false,
      unchanged,
    }))
  }
  return isRecord(value) ? fieldNodes(node, value) : []
}

function fieldNodes(node: RuleNode, value: JsonRecord): readonly RuleNode[] {
  const { schema, path, old, unchanged } = node
  const oldFields = isRecord(old?.value) ? old.value : undefined
  const isMap = typeof schema.additionalProperties === 'object'
  return Object.entries(value).flatMap(([key, item]) => {
    const field = fieldSchema(schema, key)
    if (!field) return []
    const oldItem = oldFields && Object.hasOwn(oldFields, key) ? { value: oldFields[key] } : undefined
    return [
      {
        schema: field,
        value: item,
        path: isMap ? `${path}[${key}]` : child(path, key),
        old: oldItem,
        root: false,
        unchanged,
      },
    ]
  })
}

function checkNode(node: RuleNode, programs: ProgramCache): readonly FieldError[] {
  const rules = rulesOf(node.schema)
  if (rules.length === 0) return []
  let values: Pick<RuleRun, 'self' | 'oldSelf'> | undefined
  return rules.flatMap((rule) => {
    const planned = programs.get(rule.rule)
    if (planned.kind === 'invalid') {
      return [invalid(node.path, node.schema.type ?? '', `rule compile error: ${planned.message}`)]
    }
    const { program } = planned
    if (node.unchanged && !program.usesOldSelf) return []
    if (program.usesOldSelf && node.old === undefined && !rule.optionalOldSelf) return []
    values ??= valuesOf(node)
    const error = checkRule({ node, rule, program, programs, ...values })
    return error ? [error] : []
  })
}

/** What rules see of a node; most of an update is unchanged and needs none of it. */
function valuesOf({ schema, value, old, root }: RuleNode): Pick<RuleRun, 'self' | 'oldSelf'> {
  const oldSelf = old === undefined ? undefined : toCelValue(schema, old.value, root)
  return { self: toCelValue(schema, value, root), oldSelf }
}

interface RuleRun {
  readonly node: RuleNode
  readonly rule: ValidationRule
  readonly program: Program
  readonly programs: ProgramCache
  readonly self: CelInput
  readonly oldSelf: CelInput | undefined
}

function checkRule(run: RuleRun): FieldError | undefined {
  const { node, rule, program } = run
  const type = node.schema.type ?? ''
  if (program.loopDepth > 1 && longest(node.value) ** program.loopDepth > STEPS_MAX) {
    return invalid(
      node.path,
      type,
      'validation failed due to running out of cost budget, no further validation rules will be run',
    )
  }
  const outcome = program.run(bindings(run))
  if (outcome.kind === 'error') {
    return invalid(
      node.path,
      type,
      `${outcome.message} evaluating rule: ${(rule.message ?? rule.rule).trim()}`,
    )
  }
  return outcome.value === true ? undefined : violation(run)
}

function bindings(run: RuleRun): { readonly self: CelInput; readonly oldSelf: CelInput } {
  const { self, oldSelf, rule } = run
  return { self, oldSelf: rule.optionalOldSelf ? optionalOf(oldSelf) : (oldSelf ?? null) }
}

function violation(run: RuleRun): FieldError {
  const { node, rule } = run
  const path = rule.fieldPath === undefined ? node.path : joinFieldPath(node.path, rule.fieldPath)
  const detail = messageFromExpression(run) ?? rule.message?.trim() ?? `failed rule: ${rule.rule.trim()}`
  const printsValue = node.schema.type !== 'object' && node.schema.type !== 'array'
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbidden(path, detail)
    case 'FieldValueRequired':
      return required(path, detail)
    case 'FieldValueDuplicate':
      return printsValue
        ? { ...duplicate(path, node.value), detail: '' }
        : { type: 'Duplicate value', path, detail: '' }
    default:
      return printsValue ? invalid(path, node.value, detail) : { type: 'Invalid value', path, detail }
  }
}

/** A messageExpression that fails, or gives no usable text, leaves the word to `message`. */
function messageFromExpression(run: RuleRun): string | undefined {
  const { rule, programs } = run
  if (rule.messageExpression === undefined) return undefined
  const planned = programs.get(rule.messageExpression)
  if (planned.kind === 'invalid') return undefined
  const outcome = planned.program.run(bindings(run))
  if (outcome.kind === 'error' || typeof outcome.value !== 'string') return undefined
  const text = outcome.value.trim()
  return text === '' || text.includes('\n') ? undefined : text
}

/** `.spec['a.b'].c` relative to the node, in the notation of field paths. */
function joinFieldPath(path: string, relative: string): string {
  const printed = relative.replace(/\['([^']*)'\]/g, '[$1]')
  return path === '' ? printed.replace(/^\./, '') : `${path}${printed.startsWith('.') ? '' : '.'}${printed}`
}

/** The greatest length of a list or map in a value. */
export function longest(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const items = Object.values(value)
  return items.reduce((best: number, item) => Math.max(best, longest(item)), items.length)
}
