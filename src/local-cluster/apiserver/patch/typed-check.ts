import { goPrint, goQuote } from '../../../kube/index.ts'
import { isObject } from '../json.ts'
import { keysOf, listKindOf, memberSchema, type Schema } from './list-schema.ts'

/**
 * What in an applied configuration does not fit the schema of its kind, in the words of structured-merge-diff: an
 * apply must know what belongs to which field before it can say whose it is.
 * @returns undefined where all fits
 */
export function typedProblem(value: unknown, schema: Schema): string | undefined {
  const problems: string[] = []
  check(value, schema, '', problems)
  return problems.length > 1 ? ['errors:', ...problems.map((each) => `  ${each}`)].join('\n') : problems[0]
}

function check(value: unknown, schema: Schema, path: string, problems: string[]): void {
  if (value === null || value === undefined || schema === undefined) return
  const refuse = (what: string) => problems.push(path === '' ? what : `${path}: ${what}`)
  switch (schema.type) {
    case 'object':
      if (!isObject(value)) refuse(`expected map, got &{${goPrint(value)}}`)
      else checkMembers(value, schema, path, problems)
      return
    case 'array':
      if (!Array.isArray(value)) refuse(`expected list, got &{${goPrint(value)}}`)
      else checkItems(value, schema, path, problems)
      return
    case 'string':
      if (typeof value !== 'string')
        refuse(`expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`)
      return
    case 'integer':
    case 'number':
      if (typeof value !== 'number') refuse(`expected numeric (int or float), got ${goTypeName(value)}`)
      return
    case 'boolean':
      if (typeof value !== 'boolean') refuse(`expected boolean, got &{${goPrint(value)}}`)
      return
    case undefined:
      return
  }
}

function checkMembers(value: object, schema: NonNullable<Schema>, path: string, problems: string[]): void {
  const isOpen =
    schema['x-kubernetes-preserve-unknown-fields'] === true ||
    (schema.properties === undefined && schema.additionalProperties === undefined)
  for (const [name, member] of Object.entries(value)) {
    const inner = memberSchema(schema, name)
    const here = `${path}.${name}`
    if (inner) check(member, inner, here, problems)
    else if (!isOpen && schema.additionalProperties !== true)
      problems.push(`${here}: field not declared in schema`)
  }
}

function checkItems(
  items: readonly unknown[],
  schema: NonNullable<Schema>,
  path: string,
  problems: string[],
): void {
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    const element = elementOf(item, index, schema)
    if (!element.ok) {
      problems.push(`${path}: element ${index}: ${element.problem}`)
      return // nothing in this list has a name that could be told
    }
    if (seen.has(element.name)) problems.push(`${path}: duplicate entries for key ${element.name}`)
    seen.add(element.name)
    check(item, schema.items, `${path}${element.name}`, problems)
  }
}

type Element = { readonly ok: true; readonly name: string } | { readonly ok: false; readonly problem: string }

/** The name of an item in a path: its index, its keys, or itself. */
function elementOf(item: unknown, index: number, schema: NonNullable<Schema>): Element {
  const kind = listKindOf(schema)
  const refuse = (problem: string): Element => ({ ok: false, problem })
  switch (kind.kind) {
    case 'atomic':
      return { ok: true, name: `[${index}]` }
    case 'set':
      if (item === null) return refuse("associative list without keys has an element that's an explicit null")
      if (Array.isArray(item)) return refuse('not supported: associative list with lists as elements')
      if (isObject(item)) return refuse("associative list without keys has an element that's a map type")
      return { ok: true, name: `[=${goSyntax(item)}]` }
    case 'map': {
      if (item === null) return refuse('associative list with keys may not have a null element')
      if (!isObject(item)) return refuse('associative list with keys may not have non-map elements')
      const keys = Object.entries(keysOf(kind.keys, item, schema)).filter(([, value]) => value !== null)
      if (keys.length > 0)
        return { ok: true, name: `[${keys.map(([key, value]) => `${key}=${goSyntax(value)}`).join(',')}]` }
      const names = kind.keys.map(goQuote).join(' ')
      return refuse(
        `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
      )
    }
  }
}

function goTypeName(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}'
  if (isObject(value)) return 'map[string]interface {}'
  return typeof value === 'boolean' ? 'bool' : 'string'
}

/** As Go's `%#v` prints it. */
function goSyntax(value: unknown): string {
  if (typeof value === 'string') return goQuote(value)
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (!isObject(value)) return String(value)
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `map[string]interface {}{${members.map(([key, item]) => `${goQuote(key)}:${goSyntax(item)}`).join(', ')}}`
}
