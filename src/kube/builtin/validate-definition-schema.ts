/** Schemas of CustomResourceDefinitions: structural, with defaults that fit and rules that compile. */
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
import { createProgramCache, type ProgramCache } from '../schema/cel/program.ts'
import { danglingReferences, isNeverBool } from '../schema/cel/references.ts'
import { compileSchema, NOT_CHECKED } from '../schema/compile.ts'
import { child, type FieldError, forbidden, invalid, required, unsupported } from '../schema/field-error.ts'
import { goForm } from '../schema/go-form.ts'
import { createPatternCache, patternProblem } from '../schema/regex.ts'
import type { StructuralSchema } from '../schema/structural.ts'

/** Deeper schemas are refused: they could only be an attack on whoever walks them. */
const SCHEMA_DEPTH_MAX = 100

interface Place {
  readonly path: string
  readonly depth: number
  /** inside of anyOf, allOf and the like a type is not asked for */
  readonly structural: boolean
  readonly isItem: boolean
}

interface Findings {
  /** what makes the schema no structural one; nothing else is looked at then */
  readonly structure: FieldError[]
  readonly defaults: FieldError[]
  readonly others: FieldError[]
  readonly rules: FieldError[]
}

export function validateSchema(schema: JsonRecord, path: string): readonly FieldError[] {
  const found: Findings = { structure: [], defaults: [], others: [], rules: [] }
  const programs = createProgramCache(createPatternCache())
  const type = getString(schema, 'type')
  if (type === undefined) found.structure.push(required(`${path}.type`, 'must not be empty at the root'))
  else if (type !== 'object')
    found.structure.push(invalid(`${path}.type`, type, 'must be object at the root'))
  if (getPath(schema, 'nullable') === true)
    found.others.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'))
  walk(schema, { path, depth: 0, structural: true, isItem: false }, found, programs)
  const { structure, defaults, others, rules } = found
  const first = structure.length > 0 ? structure : defaults
  const all = [...first, ...others]
  return all.length > 0 ? all : rules
}

function walk(schema: unknown, place: Place, found: Findings, programs: ProgramCache): void {
  const { path, depth, structural } = place
  if (!isRecord(schema)) return
  if (depth > SCHEMA_DEPTH_MAX) {
    found.structure.push(forbidden(path, `schemas may not be nested deeper than ${SCHEMA_DEPTH_MAX}`))
    return
  }
  if (structural) found.structure.push(...structuralErrors(schema, place))
  found.structure.push(...patternErrors(schema, path))
  if (structural) found.defaults.push(...defaultErrors(schema, path))
  found.others.push(...wordErrors(schema, path), ...listErrors(schema, path))
  found.rules.push(...ruleErrors(schema, path, { programs, root: depth === 0 }))
  const go = (next: unknown, at: string, change: Partial<Place>) =>
    walk(next, { path: at, depth: depth + 1, structural, isItem: false, ...change }, found, programs)
  for (const [key, property] of Object.entries(getRecord(schema, 'properties') ?? {})) {
    go(property, `${child(path, 'properties')}[${key}]`, {})
  }
  go(getPath(schema, 'items'), child(path, 'items'), { isItem: true })
  go(getPath(schema, 'additionalProperties'), child(path, 'additionalProperties'), {})
  go(getPath(schema, 'not'), child(path, 'not'), { structural: false })
  for (const key of ['allOf', 'anyOf', 'oneOf']) {
    for (const [index, part] of getList(schema, key).entries())
      go(part, `${child(path, key)}[${index}]`, { structural: false })
  }
}

/** @see CustomResourceDefinition, "Specifying a structural schema" */
function structuralErrors(schema: JsonRecord, { path, depth, isItem }: Place): readonly FieldError[] {
  const type = getString(schema, 'type')
  const flag = (name: string) => getPath(schema, name) === true
  const isFree = flag('x-kubernetes-int-or-string') || flag('x-kubernetes-preserve-unknown-fields')
  const errors: FieldError[] = []
  if (type === 'array' && !isRecord(getPath(schema, 'items')))
    errors.push(required(`${path}.items`, 'must be specified'))
  if (flag('x-kubernetes-embedded-resource') && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true'
    errors.push(type === undefined ? required(`${path}.type`, detail) : invalid(`${path}.type`, type, detail))
  } else if (depth > 0 && type === undefined && !isFree) {
    const what = isItem ? 'array items' : 'object fields'
    errors.push(required(`${path}.type`, `must not be empty for specified ${what}`))
  }
  const isOpen = getPath(schema, 'additionalProperties') !== undefined
  if (depth === 0 && isOpen)
    errors.push(forbidden(`${path}.additionalProperties`, 'must not be used at the root'))
  return errors
}

function patternErrors(schema: JsonRecord, path: string): readonly FieldError[] {
  const pattern = getString(schema, 'pattern')
  const problem = pattern === undefined ? undefined : patternProblem(pattern)
  if (problem === undefined) return []
  return [invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${problem}`)]
}

/** A default is held to what it is the default of, and may not say more than that. */
function defaultErrors(schema: JsonRecord, path: string): readonly FieldError[] {
  const value = getOwn(schema, 'default')
  if (value === undefined) return []
  const { default: _, ...rest } = schema
  const compiled = compileSchema(rest, { resource: false })
  const at = `${path}.default`
  if (!deepEqual(compiled.prune(value).value, value))
    return [invalid(at, value, 'must not have unknown fields')]
  // What is wrong with the rules is said of the rules, and that they did not run, nowhere.
  const errors = compiled
    .validate(value)
    .filter(({ detail }) => !detail.startsWith('rule compile error') && detail !== NOT_CHECKED.detail)
  return errors.map((error) => ({ ...error, path: error.path === '<nil>' ? at : `${at}.${error.path}` }))
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref']

/** Words of JSON schema that no structural schema has, or only with a certain value. */
function wordErrors(schema: JsonRecord, path: string): readonly FieldError[] {
  const type = getString(schema, 'type')
  const errors: FieldError[] = []
  if (type !== undefined && !TYPES.includes(type)) errors.push(unsupported(`${path}.type`, type, TYPES))
  for (const word of UNSUPPORTED) {
    if (getPath(schema, word) !== undefined)
      errors.push(forbidden(`${path}.${word}`, `${word} is not supported`))
  }
  if (Array.isArray(getPath(schema, 'items')))
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'))
  if (getPath(schema, 'uniqueItems') === true) {
    const detail = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'
    errors.push(forbidden(`${path}.uniqueItems`, detail))
  }
  const additional = getPath(schema, 'additionalProperties')
  const hasProperties = Object.keys(getRecord(schema, 'properties') ?? {}).length > 0
  if (hasProperties && additional !== undefined && additional !== true)
    errors.push(
      forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
    )
  if (getPath(schema, 'x-kubernetes-preserve-unknown-fields') === false)
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'))
  return errors
}

const LIST_TYPES = ['atomic', 'set', 'map']
const MAP_TYPES = ['atomic', 'granular']

function listErrors(schema: JsonRecord, path: string): readonly FieldError[] {
  const listType = getString(schema, 'x-kubernetes-list-type')
  const mapType = getString(schema, 'x-kubernetes-map-type')
  return [
    ...ofType(schema, 'x-kubernetes-map-type', 'object', path),
    ...(mapType === undefined || MAP_TYPES.includes(mapType)
      ? []
      : [unsupported(`${path}.x-kubernetes-map-type`, mapType, MAP_TYPES)]),
    ...ofType(schema, 'x-kubernetes-list-type', 'array', path),
    ...(listType === 'set' ? setErrors(getRecord(schema, 'items'), `${path}.items`) : []),
    ...(listType === undefined || LIST_TYPES.includes(listType)
      ? []
      : [unsupported(`${path}.x-kubernetes-list-type`, listType, LIST_TYPES)]),
    ...keyErrors(schema, listType, path),
  ]
}

function ofType(schema: JsonRecord, word: string, wanted: string, path: string): readonly FieldError[] {
  const type = getString(schema, 'type')
  if (getPath(schema, word) === undefined || type === wanted) return []
  const detail = `must be ${wanted} if ${word} is specified`
  return [type === undefined ? required(`${path}.type`, detail) : invalid(`${path}.type`, type, detail)]
}

/** The members of a set are compared as a whole, so nobody may own a part of one. */
function setErrors(items: JsonRecord | undefined, path: string): readonly FieldError[] {
  const type = getString(items, 'type')
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set'
  const ofList = getString(items, 'x-kubernetes-list-type')
  if (type === 'array' && ofList !== undefined && ofList !== 'atomic')
    return [invalid(`${path}.x-kubernetes-list-type`, ofList, detail)]
  if (type === 'object' && getString(items, 'x-kubernetes-map-type') !== 'atomic')
    return [invalid(`${path}.x-kubernetes-map-type`, ofList ?? null, detail)]
  return []
}

function keyErrors(schema: JsonRecord, listType: string | undefined, path: string): readonly FieldError[] {
  const keys = getList(schema, 'x-kubernetes-list-map-keys').filter((key) => typeof key === 'string')
  const at = `${path}.x-kubernetes-list-map-keys`
  const items = getRecord(schema, 'items')
  if (listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty'
    if (keys.length === 0) return []
    const where = `${path}.x-kubernetes-list-type`
    return [listType === undefined ? required(where, detail) : invalid(where, listType, detail)]
  }
  const errors: FieldError[] = []
  if (keys.length === 0) errors.push(required(at, 'must not be empty if x-kubernetes-list-type is map'))
  if (!items)
    return [...errors, required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map')]
  const type = getString(items, 'type') ?? ''
  if (type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map"
    return [...errors, invalid(`${path}.items.type`, type, detail)]
  }
  for (const [index, key] of keys.entries()) {
    const property = getRecord(items, 'properties', key)
    if (!property) errors.push(invalid(at, keys, 'entries must all be names of item properties'))
    else errors.push(...keyPropertyErrors(items, key, `${path}.items.properties[${key}]`))
    if (keys.indexOf(key) < index) errors.push(invalid(at, keys, 'must not contain duplicate entries'))
  }
  return errors
}

/** Every item has its key: it is required, or there is a default. */
function keyPropertyErrors(items: JsonRecord, key: string, path: string): readonly FieldError[] {
  const property = getRecord(items, 'properties', key)
  const type = getString(property, 'type')
  const isThere = getList(items, 'required').includes(key) || getPath(property, 'default') !== undefined
  const errors: FieldError[] = []
  if (type === 'array' || type === 'object')
    errors.push(
      invalid(
        `${path}.type`,
        'object',
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      ),
    )
  if (!isThere) {
    const detail =
      'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'
    errors.push(required(`${path}.default`, detail))
  }
  if (getPath(property, 'nullable') === true) {
    const detail = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'
    errors.push(forbidden(`${path}.nullable`, detail))
  }
  return errors
}

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']

function ruleErrors(
  schema: JsonRecord,
  path: string,
  { programs, root }: { readonly programs: ProgramCache; readonly root: boolean },
): readonly FieldError[] {
  return getList(schema, 'x-kubernetes-validations').flatMap((rule, index) => {
    const at = `${path}.x-kubernetes-validations[${index}]`
    const text = getString(rule, 'rule') ?? ''
    const message = getString(rule, 'message') ?? ''
    const reason = getString(rule, 'reason')
    if (text.trim() === '') return [required(`${at}.rule`, 'rule is not specified')]
    const errors: FieldError[] = []
    if (message !== '' && message.trim() === '')
      errors.push(invalid(`${at}.message`, message, 'must be non-empty if specified'))
    else if (message.trim().includes('\n'))
      errors.push(invalid(`${at}.message`, message, 'must not contain line breaks'))
    else if (text.trim().includes('\n') && message.trim() === '')
      errors.push(required(`${at}.message`, 'message must be specified if rule contains line breaks'))
    if (reason !== undefined && !REASONS.includes(reason))
      errors.push(unsupported(`${at}.reason`, reason, REASONS))
    const problem = expressionProblem(text, schema, { programs, root })
    if (problem !== undefined)
      errors.push(invalid(`${at}.rule`, goForm(rule, 'apiextensions/v1.ValidationRule'), problem))
    return errors
  })
}

function expressionProblem(
  text: string,
  schema: JsonRecord,
  { programs, root }: { readonly programs: ProgramCache; readonly root: boolean },
): string | undefined {
  const planned = programs.get(text)
  if (planned.kind === 'invalid') return `compilation failed: ${planned.message}`
  const self = root ? withMetadata(schema) : (schema as StructuralSchema)
  const dangling = danglingReferences(text, new Map(['self', 'oldSelf'].map((name) => [name, self] as const)))
  if (dangling !== undefined) return `compilation failed: ${dangling}`
  return isNeverBool(text) ? 'cel expression must evaluate to a bool' : undefined
}

/** What a rule of a whole resource sees beside what its schema says. */
function withMetadata(schema: JsonRecord): StructuralSchema {
  const text = { type: 'string' } as const
  const metadata = { type: 'object', properties: { name: text, generateName: text } } as const
  const own = (getRecord(schema, 'properties') ?? {}) as Readonly<Record<string, StructuralSchema>>
  return { ...(schema as StructuralSchema), properties: { ...own, apiVersion: text, kind: text, metadata } }
}

/** Whether there is a default anywhere in a schema. */
export function hasDefaults(schema: unknown): boolean {
  if (!isRecord(schema)) return false
  if (Object.hasOwn(schema, 'default')) return true
  const properties = Object.values(getRecord(schema, 'properties') ?? {})
  return [...properties, schema['items'], schema['additionalProperties']].some(hasDefaults)
}
