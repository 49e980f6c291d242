import { isObject, sameJson } from '../json.ts'
import { entryElement, isAtomicMap, listKindOf, memberSchema, type Schema } from './list-schema.ts'

/**
 * A set of fields in Kubernetes' FieldsV1 form: members are `f:<name>`, `k:<keys of a list entry>` or
 * `v:<value of a set>`; `.` says that the thing itself is meant, an empty object is a leaf.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet
}

export const LEAF: FieldSet = {}

export function isEmptySet(set: FieldSet): boolean {
  for (const _element in set) return false
  return true
}

/** The fields that a configuration names. */
export function fieldsOf(value: unknown, schema: Schema): FieldSet {
  if (Array.isArray(value)) {
    const kind = listKindOf(schema)
    if (kind.kind === 'atomic' || value.length === 0) return LEAF
    const fields: Record<string, FieldSet> = {}
    for (const entry of value) {
      const inside = kind.kind === 'map' ? { '.': LEAF, ...fieldsOf(entry, schema?.items) } : LEAF
      fields[entryElement(kind, entry, schema)] = inside
    }
    return fields
  }
  if (!isObject(value) || isAtomicMap(schema)) return LEAF
  const fields: Record<string, FieldSet> = {}
  for (const [name, member] of Object.entries(value)) {
    fields[`f:${name}`] = fieldsOf(member, memberSchema(schema, name))
  }
  return fields
}

/** What a change did: the fields that are new or have another value, and those that are gone. */
export interface FieldChange {
  readonly changed: FieldSet
  readonly removed: FieldSet
}

const NO_CHANGE: FieldChange = { changed: LEAF, removed: LEAF }

/** Compares two objects of a kind, field by field; lists and maps by what merges. */
export function compareFields(before: unknown, after: unknown, schema: Schema): FieldChange {
  if (before === after) return NO_CHANGE
  if (isObject(before) && isObject(after) && !isAtomicMap(schema)) {
    return compareMembers(objectMembers(before, schema), objectMembers(after, schema))
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const kind = listKindOf(schema)
    if (kind.kind !== 'atomic') return compareMembers(listMembers(before, schema), listMembers(after, schema))
  }
  return NO_CHANGE
}

interface Member {
  readonly value: unknown
  readonly schema: Schema
  /** its value is compared as a whole */
  readonly isWhole: boolean
}

function objectMembers(object: object, schema: Schema): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>()
  for (const [name, value] of Object.entries(object)) {
    const inner = memberSchema(schema, name)
    members.set(`f:${name}`, { value, schema: inner, isWhole: !isGranular(value, inner) })
  }
  return members
}

function listMembers(list: readonly unknown[], schema: Schema): ReadonlyMap<string, Member> {
  const kind = listKindOf(schema)
  const isWhole = kind.kind !== 'map'
  return new Map(
    list.map((value) => [entryElement(kind, value, schema), { value, schema: schema?.items, isWhole }]),
  )
}

/** Whether the parts of a value are fields of their own. */
function isGranular(value: unknown, schema: Schema): boolean {
  if (Array.isArray(value)) return listKindOf(schema).kind !== 'atomic'
  return isObject(value) && !isAtomicMap(schema)
}

function compareMembers(
  before: ReadonlyMap<string, Member>,
  after: ReadonlyMap<string, Member>,
): FieldChange {
  const changed: Record<string, FieldSet> = {}
  const removed: Record<string, FieldSet> = {}
  for (const [element, { value, schema, isWhole }] of after) {
    const old = before.get(element)
    if (!old) changed[element] = allFieldsOf(value, schema, isWhole)
    else if (old.value === value) continue
    else if (old.value === null && !isWhole)
      changed[element] = withoutItself(allFieldsOf(value, schema, isWhole))
    else if (isWhole || old.isWhole) {
      if (!sameJson(old.value, value)) changed[element] = allFieldsOf(value, schema, isWhole)
    } else {
      const inside = compareFields(old.value, value, schema)
      if (!isEmptySet(inside.changed)) changed[element] = inside.changed
      if (!isEmptySet(inside.removed)) removed[element] = inside.removed
    }
  }
  for (const [element, { value, schema, isWhole }] of before) {
    if (!after.has(element)) removed[element] = allFieldsOf(value, schema, isWhole)
  }
  return { changed, removed }
}

/** Null is there, so that what comes in its place is no new field, only its parts are. */
function withoutItself({ '.': _itself, ...parts }: FieldSet): FieldSet {
  return parts
}

/** All fields of something that was not there, the thing itself among them where it holds others. */
function allFieldsOf(value: unknown, schema: Schema, isWhole: boolean): FieldSet {
  if (isWhole || !isGranular(value, schema)) return LEAF
  const members = Array.isArray(value) ? listMembers(value, schema) : objectMembers(value as object, schema)
  if (members.size === 0) return LEAF
  const fields: Record<string, FieldSet> = { '.': LEAF }
  for (const [element, member] of members) {
    fields[element] = allFieldsOf(member.value, member.schema, member.isWhole)
  }
  return fields
}

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a
  if (isEmptySet(a)) return b
  const union: Record<string, FieldSet> = { ...a }
  for (const [element, inside] of Object.entries(b)) {
    const known = union[element]
    union[element] = known === undefined ? inside : joinInside(known, inside)
  }
  return union
}

/** A leaf beside parts of the same thing is kept as its `.`. */
function joinInside(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a) && isEmptySet(b)) return LEAF
  if (isEmptySet(a)) return { '.': LEAF, ...b }
  if (isEmptySet(b)) return { '.': LEAF, ...a }
  return unionOf(a, b)
}

/** The fields that both sets hold. */
export function commonFields(a: FieldSet, b: FieldSet): FieldSet {
  const common: Record<string, FieldSet> = {}
  for (const [element, inside] of Object.entries(a)) {
    const other = b[element]
    if (other === undefined) continue
    if (holdsItself(inside) && holdsItself(other)) common[element] = LEAF
    if (isEmptySet(inside) || isEmptySet(other)) continue
    const inner = commonFields(inside, other)
    if (!isEmptySet(inner)) common[element] = inner
  }
  return common
}

function holdsItself(set: FieldSet): boolean {
  return isEmptySet(set) || set['.'] !== undefined
}

/** What is left of a set without the fields of another. */
export function withoutFields(set: FieldSet, removed: FieldSet): FieldSet {
  if (isEmptySet(removed)) return set
  const left: Record<string, FieldSet> = {}
  for (const [element, inside] of Object.entries(set)) {
    const gone = removed[element]
    if (gone === undefined) {
      left[element] = inside
      continue
    }
    if (isEmptySet(inside)) {
      if (!holdsItself(gone)) left[element] = inside
      continue
    }
    const rest = isEmptySet(gone) ? withoutFields(inside, { '.': LEAF }) : withoutFields(inside, gone)
    if (!isEmptySet(rest)) left[element] = onlyItself(rest) ? LEAF : rest
  }
  return left
}

function onlyItself(set: FieldSet): boolean {
  const elements = Object.keys(set)
  return elements.length === 1 && elements[0] === '.'
}

/** The leaves of a set as Kubernetes writes them: `.spec.containers[name="web"].image`. */
export function pathsOf(set: FieldSet, prefix = ''): readonly string[] {
  return Object.entries(set).flatMap(([element, inside]) => {
    if (element === '.') return [prefix]
    const path = `${prefix}${pathElement(element)}`
    return isEmptySet(inside) ? [path] : pathsOf(inside, path)
  })
}

function pathElement(element: string): string {
  const text = element.slice(2)
  if (element.startsWith('f:')) return `.${text}`
  if (element.startsWith('v:')) return `[=${text}]`
  const keys = Object.entries(JSON.parse(text) as object)
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
}
