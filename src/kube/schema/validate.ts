import { deepEqual, getOwn, isRecord, jsonKey, type JsonRecord } from '../json.ts'
import {
  child,
  type FieldError,
  invalid,
  invalidType,
  required,
  tooLong,
  tooMany,
  unsupported,
} from './field-error.ts'
import { isOfFormat } from './formats.ts'
import { fieldSchema } from './prune.ts'
import { goQuote } from './go-quote.ts'
import type { PatternCache } from './regex.ts'
import type { StructuralSchema } from './structural.ts'

/** One node under validation. `old` is the value it replaces, where one can be told. */
interface ValidationNode {
  readonly schema: StructuralSchema
  readonly value: unknown
  readonly path: string
  readonly old?: { readonly value: unknown } | undefined
}

/**
 * Checks types, requiredness and value constraints, with the wording of the API server's OpenAPI validator.
 * A node equal to the one it replaces is not looked at again (ratcheting).
 */
export function validateValue(node: ValidationNode, patterns: PatternCache): readonly FieldError[] {
  const { schema, value, path } = node
  if (node.old && deepEqual(node.old.value, value)) return []
  if (value === null && schema.nullable) return []
  const type = checkType(schema, value, path)
  if (value === null) return [...type, ...checkEnum(schema, value, path)]
  // A value of the wrong type is held to all that is said of its own type, or of any.
  return [
    ...type,
    ...checkEnum(schema, value, path),
    ...checkScalar(schema, value, path, patterns),
    ...checkCombinations(schema, value, path, patterns),
    ...(Array.isArray(value) ? checkItems(node, value, patterns) : []),
    ...(isRecord(value) ? checkFields(node, value, patterns) : []),
  ]
}

function checkType(schema: StructuralSchema, value: unknown, path: string): readonly FieldError[] {
  const actual = typeName(value)
  if (schema['x-kubernetes-int-or-string']) {
    return actual === 'integer' || actual === 'string' ? [] : [wrongType(path, 'integer,string', actual)]
  }
  const { type, format } = schema
  if (type === undefined || type === actual || (type === 'number' && actual === 'integer')) return []
  const byType = format === undefined || actual === 'null' || actual === 'string' || actual === 'array'
  // The API server compares formats where there is one, save for texts and lists.
  return [byType ? wrongType(path, type, actual) : wrongType(path, format, formatName(actual))]
}

/** The format that a JSON value itself has, as the API server reads it. */
function formatName(type: string): string {
  if (type === 'integer') return 'int64'
  return type === 'number' ? 'float64' : ''
}

function wrongType(path: string, expected: string, actual: string): FieldError {
  return invalidType(path, actual, `${path} in body must be of type ${expected}: ${goQuote(actual)}`)
}

/** The JSON type's name in OpenAPI; a number without a fraction is an integer. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function checkEnum(schema: StructuralSchema, value: unknown, path: string): readonly FieldError[] {
  const choices = schema.enum
  if (!choices || choices.some((choice) => deepEqual(choice, value))) return []
  return [
    unsupported(
      path,
      value,
      choices.map((choice) => (typeof choice === 'string' ? choice : jsonKey(choice))),
    ),
  ]
}

function checkScalar(
  schema: StructuralSchema,
  value: unknown,
  path: string,
  patterns: PatternCache,
): readonly FieldError[] {
  if (typeof value === 'string') return checkString(schema, value, path, patterns)
  if (typeof value === 'number') return checkNumber(schema, value, path)
  return []
}

function checkString(
  schema: StructuralSchema,
  text: string,
  path: string,
  patterns: PatternCache,
): readonly FieldError[] {
  const constraint = checkLength(schema, text, path) ?? checkPattern(schema, text, path, patterns)
  const errors = constraint ? [constraint] : []
  const { format } = schema
  if (format !== undefined && !isOfFormat(format, text)) {
    errors.push(invalidType(path, text, `${path} in body must be of type ${format}: ${goQuote(text)}`))
  }
  return errors
}

/** The API server stops at the first of maxLength, minLength and pattern that fails. */
function checkLength(schema: StructuralSchema, text: string, path: string): FieldError | undefined {
  const { minLength, maxLength } = schema
  if (maxLength !== undefined && text.length > maxLength && runeCount(text) > maxLength) {
    return tooLong(path, maxLength)
  }
  if (minLength !== undefined && runeCount(text) < minLength) {
    return invalid(path, text, `${path} in body should be at least ${minLength} chars long`)
  }
  return undefined
}

function checkPattern(
  { pattern }: StructuralSchema,
  text: string,
  path: string,
  patterns: PatternCache,
): FieldError | undefined {
  if (pattern === undefined) return undefined
  const compiled = patterns.get(pattern)
  if (!compiled)
    return invalid(path, text, `${path} in body should match '${pattern}, but pattern is invalid'`)
  return compiled.test(text) ? undefined : invalid(path, text, `${path} in body should match '${pattern}'`)
}

/** Length in Unicode code points, as Go counts runes. */
function runeCount(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

function checkNumber(schema: StructuralSchema, value: number, path: string): readonly FieldError[] {
  const errors: FieldError[] = [...checkRange(schema, value, path)]
  const say = (what: string) => errors.push(invalid(path, value, `${path} in body should be ${what}`))
  const { minimum, maximum, multipleOf } = schema
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum ? value <= minimum : value < minimum) {
      say(schema.exclusiveMinimum ? `greater than ${minimum}` : `greater than or equal to ${minimum}`)
    }
  }
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum ? value >= maximum : value > maximum) {
      say(schema.exclusiveMaximum ? `less than ${maximum}` : `less than or equal to ${maximum}`)
    }
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) say(`a multiple of ${multipleOf}`)
  return errors
}

/** What the integers of a format are less than; those of other formats, and of none, are of 64 bits. */
const INT32_END = 2 ** 31
const INT64_END = 2 ** 63

/** The message names the field, the error does not: that is how the API server has it. */
function checkRange(schema: StructuralSchema, value: number, path: string): readonly FieldError[] {
  const { format } = schema
  if (schema.type !== 'integer' && !schema['x-kubernetes-int-or-string']) return []
  const end = format === 'int32' ? INT32_END : INT64_END
  if (Number.isInteger(value) && value < end && value >= -end) return []
  const what = format === undefined ? '(default format)' : `with format ${format}`
  return [invalid('', '', `Checked value must be of type integer ${what} in ${path}`)]
}

function checkCombinations(
  schema: StructuralSchema,
  value: unknown,
  path: string,
  patterns: PatternCache,
): readonly FieldError[] {
  const errors: FieldError[] = []
  const check = (part: StructuralSchema) => validateValue({ schema: part, value, path }, patterns)
  const say = (what: string) => errors.push(invalid('', '', `${goQuote(path)} must ${what}`))
  if (schema.allOf) {
    const results = schema.allOf.map(check)
    errors.push(...results.flat())
    const failed = results.filter((result) => result.length > 0).length
    if (failed > 0)
      say(`validate all the schemas (allOf)${failed === results.length ? '. None validated' : ''}`)
  }
  if (schema.anyOf) {
    const results = schema.anyOf.map(check)
    if (!results.some((result) => result.length === 0)) {
      say('validate at least one schema (anyOf)')
      errors.push(...(results[0] ?? []))
    }
  }
  if (schema.oneOf) {
    const results = schema.oneOf.map(check)
    const valid = results.filter((result) => result.length === 0).length
    const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`
    if (valid !== 1) say(`validate one and only one schema (oneOf). ${found}`)
    if (valid === 0) errors.push(...(results[0] ?? []))
  }
  if (schema.not && check(schema.not).length === 0) say('not validate the schema (not)')
  return errors
}

function checkItems(
  node: ValidationNode,
  items: readonly unknown[],
  patterns: PatternCache,
): readonly FieldError[] {
  const { schema, path } = node
  const errors: FieldError[] = []
  const { minItems, maxItems } = schema
  if (maxItems !== undefined && items.length > maxItems) errors.push(tooMany(path, items.length, maxItems))
  if (minItems !== undefined && items.length < minItems) {
    errors.push(invalid(path, items.length, `${path} in body should have at least ${minItems} items`))
  }
  if (schema.uniqueItems && new Set(items.map(jsonKey)).size < items.length) {
    errors.push(invalid(path, '', `${path} in body shouldn't contain duplicates`))
  }
  const itemSchema = schema.items
  if (itemSchema) {
    const oldOf = correlateItems(schema, node.old?.value)
    for (const [index, value] of items.entries()) {
      errors.push(
        ...validateValue(
          { schema: itemSchema, value, path: `${path}[${index}]`, old: oldOf(value) },
          patterns,
        ),
      )
    }
  }
  return errors
}

/** Items of a list-type map correspond by their keys; items of other lists to none. */
export function correlateItems(
  schema: StructuralSchema,
  old: unknown,
): (item: unknown) => { readonly value: unknown } | undefined {
  const keys = schema['x-kubernetes-list-map-keys']
  if (schema['x-kubernetes-list-type'] !== 'map' || !keys || !Array.isArray(old)) return () => undefined
  const byKey = new Map(old.map((item) => [listMapKey(item, keys), item]))
  return (item) => {
    const key = listMapKey(item, keys)
    return byKey.has(key) ? { value: byKey.get(key) } : undefined
  }
}

export function listMapKey(item: unknown, keys: readonly string[]): string {
  return jsonKey(keys.map((key) => (isRecord(item) ? getOwn(item, key) : undefined)))
}

function checkFields(node: ValidationNode, value: JsonRecord, patterns: PatternCache): readonly FieldError[] {
  const { schema, path } = node
  const errors: FieldError[] = []
  const count = Object.keys(value).length
  const { minProperties, maxProperties } = schema
  if (minProperties !== undefined && count < minProperties) {
    errors.push(invalid(path, count, `${path} in body should have at least ${minProperties} properties`))
  }
  if (maxProperties !== undefined && count > maxProperties) errors.push(tooMany(path, count, maxProperties))
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) errors.push(required(child(path, key)))
  }
  const oldFields = isRecord(node.old?.value) ? node.old.value : undefined
  for (const [key, item] of Object.entries(value)) {
    const field = fieldSchema(schema, key)
    if (!field) continue
    const old = oldFields && Object.hasOwn(oldFields, key) ? { value: oldFields[key] } : undefined
    errors.push(...validateValue({ schema: field, value: item, path: child(path, key), old }, patterns))
  }
  return errors
}
