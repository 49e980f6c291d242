import {
  type FieldError,
  formatFieldErrors,
  type KubeObject,
  type StructuralSchema,
} from '../../../src/kube/index.ts'
import type { Definition } from './definitions.ts'

export interface Judgement {
  /** the object without unknown fields, with defaults */
  readonly value: unknown
  readonly pruned: readonly string[]
  readonly fieldErrors: readonly FieldError[]
  readonly errors: readonly string[]
}

const NOT_CHECKED = 'some validation rules were not checked'

/** What the API server does to an object that is created, or that replaces another. */
export function judge(definition: Definition, object: KubeObject, old?: KubeObject): Judgement {
  const { compiled } = definition
  const admitted = (given: KubeObject) => compiled.applyDefaults(compiled.prune(given).value)
  const value = admitted(object)
  const fieldErrors = compiled.validate(value, old === undefined ? undefined : admitted(old))
  return {
    value,
    pruned: compiled.prune(object).pruned,
    fieldErrors,
    errors: fieldErrors.map((error) => formatFieldErrors([error])),
  }
}

/** The errors without the note that rules were left out because of other errors. */
export function ownErrors(judgement: Judgement): readonly string[] {
  return judgement.errors.filter((error) => !error.includes(NOT_CHECKED))
}

function wereRulesChecked(judgement: Judgement): boolean {
  return !judgement.fieldErrors.some((error) => error.detail.startsWith(NOT_CHECKED))
}

/** A rule where it stands in a schema. */
export interface RuleSite {
  /** the schema's path; `[]` stands for items, `{}` for values of a map */
  readonly path: string
  readonly message: string
  readonly rule: string
}

export function siteKey(site: RuleSite): string {
  return `${site.path || '.'}: ${site.message}`
}

export function ruleSites(schema: StructuralSchema, path = ''): readonly RuleSite[] {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ rule, message }) => ({
    path,
    rule,
    message: message ?? rule,
  }))
  const additional = schema.additionalProperties
  return [
    ...own,
    ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
      ruleSites(member, `${path}/${name}`),
    ),
    ...(schema.items === undefined ? [] : ruleSites(schema.items, `${path}[]`)),
    ...(typeof additional === 'object' ? ruleSites(additional, `${path}{}`) : []),
  ]
}

/** How the rules of an object came out, by site: an object that was not evaluated gives nothing. */
export function outcomes(
  definition: Definition,
  object: KubeObject,
  old?: KubeObject,
): readonly { readonly site: RuleSite; readonly holds: boolean }[] {
  const judgement = judge(definition, object, old)
  if (!wereRulesChecked(judgement)) return []
  const found: { readonly site: RuleSite; readonly holds: boolean }[] = []
  const visit = (schema: StructuralSchema, value: unknown, path: string, field: string): void => {
    if (value === undefined || value === null) return
    for (const site of ownSites(schema, path)) {
      if (site.rule.includes('oldSelf') && old === undefined) continue
      const about = judgement.fieldErrors.filter((error) => error.path === field)
      if (about.some((error) => error.detail.endsWith(`evaluating rule: ${site.message}`))) continue
      found.push({ site, holds: !about.some((error) => error.detail === site.message) })
    }
    for (const [next, member, nextPath, nextField] of membersOf(schema, value, path, field)) {
      visit(next, member, nextPath, nextField)
    }
  }
  visit(definition.schema, judgement.value, '', '')
  return found
}

function ownSites(schema: StructuralSchema, path: string): readonly RuleSite[] {
  const rules = schema['x-kubernetes-validations'] ?? []
  return rules.map(({ rule, message }) => ({ path, rule, message: message ?? rule }))
}

function* membersOf(
  schema: StructuralSchema,
  value: unknown,
  path: string,
  field: string,
): Generator<readonly [StructuralSchema, unknown, string, string]> {
  if (Array.isArray(value)) {
    if (schema.items === undefined) return
    for (const [index, item] of value.entries()) {
      yield [schema.items, item, `${path}[]`, `${field}[${index}]`]
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      const property = schema.properties?.[name]
      const additional = schema.additionalProperties
      if (property !== undefined) {
        yield [property, member, `${path}/${name}`, field === '' ? name : `${field}.${name}`]
      } else if (typeof additional === 'object') {
        yield [additional, member, `${path}{}`, `${field}[${name}]`]
      }
    }
  }
}
