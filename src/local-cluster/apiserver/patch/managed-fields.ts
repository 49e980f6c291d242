import type { StructuralSchema } from '../../../kube/index.ts'
import { isObject, sameJson } from '../json.ts'

/**
 * A set of fields in Kubernetes' FieldsV1 form: members are `f:<name>`, `k:<keys of a list entry>` or
 * `v:<value of a set>`; `.` says that the thing itself is meant, an empty object is a leaf.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet
}

const LEAF: FieldSet = {}

type Schema = StructuralSchema | undefined

/** How a list merges: its entries by key, as a set, or as a whole. */
type ListKind =
  | { readonly kind: 'map'; readonly keys: readonly string[] }
  | { readonly kind: 'set' }
  | { readonly kind: 'atomic' }

function listKindOf(schema: Schema): ListKind {
  const type = schema?.['x-kubernetes-list-type']
  const mergeKey = schema?.['x-kubernetes-patch-merge-key']
  if (type === 'map') return { kind: 'map', keys: schema?.['x-kubernetes-list-map-keys'] ?? [] }
  if (type === 'set') return { kind: 'set' }
  if (type === undefined && mergeKey !== undefined) return { kind: 'map', keys: [mergeKey] }
  if (type === undefined && schema?.['x-kubernetes-patch-strategy'] === 'merge') return { kind: 'set' }
  return { kind: 'atomic' }
}

function isAtomicMap(schema: Schema): boolean {
  return schema?.['x-kubernetes-map-type'] === 'atomic'
}

function memberSchema(schema: Schema, name: string): Schema {
  const own = schema?.properties
  if (own && Object.hasOwn(own, name)) return own[name]
  const more = schema?.additionalProperties
  return typeof more === 'object' ? more : undefined
}

function entryElement(kind: ListKind, entry: unknown, schema: Schema): string {
  if (kind.kind !== 'map') return `v:${JSON.stringify(entry)}`
  const keys: Record<string, unknown> = {}
  for (const key of kind.keys) {
    const value = isObject(entry) ? entry[key] : undefined
    keys[key] = value ?? memberSchema(schema?.items, key)?.default ?? (key === 'protocol' ? 'TCP' : null)
  }
  return `k:${JSON.stringify(keys)}`
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

/** Live state with a configuration laid over it. */
export function mergeApplied(live: unknown, applied: unknown, schema: Schema): unknown {
  if (Array.isArray(applied)) return mergeList(Array.isArray(live) ? live : [], applied, schema)
  if (!isObject(applied) || !isObject(live) || isAtomicMap(schema)) return applied
  const merged: Record<string, unknown> = { ...live }
  for (const [name, member] of Object.entries(applied)) {
    merged[name] = mergeApplied(live[name], member, memberSchema(schema, name))
  }
  return merged
}

function mergeList(
  live: readonly unknown[],
  applied: readonly unknown[],
  schema: Schema,
): readonly unknown[] {
  const kind = listKindOf(schema)
  if (kind.kind === 'atomic') return applied
  const elementOf = (entry: unknown) => entryElement(kind, entry, schema)
  const wanted = new Map(applied.map((entry) => [elementOf(entry), entry]))
  const merged = live.map((entry) => {
    const element = elementOf(entry)
    if (!wanted.has(element)) return entry
    const change = wanted.get(element)
    wanted.delete(element)
    return mergeApplied(entry, change, schema?.items)
  })
  return [...merged, ...wanted.values()]
}

/** Removes the fields that were owned, are no longer applied, and belong to nobody else. */
export function removeFields(
  value: unknown,
  owned: FieldSet,
  options: { readonly keep: readonly FieldSet[]; readonly schema: Schema },
): unknown {
  const { keep, schema } = options
  const inside = (element: string) =>
    keep.flatMap((set) => (Object.hasOwn(set, element) ? [set[element] ?? LEAF] : []))
  if (Array.isArray(value)) {
    const kind = listKindOf(schema)
    return value.flatMap((entry) => {
      const element = entryElement(kind, entry, schema)
      if (!Object.hasOwn(owned, element)) return [entry]
      const kept = inside(element)
      if (kept.length === 0) return []
      return [removeFields(entry, owned[element] ?? LEAF, { keep: kept, schema: schema?.items })]
    })
  }
  if (!isObject(value)) return value
  const left: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    const element = `f:${name}`
    if (!Object.hasOwn(owned, element)) {
      left[name] = member
      continue
    }
    const kept = inside(element)
    const ownedInside = owned[element] ?? LEAF
    const isShared = kept.length > 0
    if (!isShared && (Object.keys(ownedInside).length === 0 || !isContainer(member))) continue
    const rest = removeFields(member, ownedInside, { keep: kept, schema: memberSchema(schema, name) })
    if (isShared || !isEmpty(rest)) left[name] = rest
  }
  return left
}

function isContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isEmpty(value: unknown): boolean {
  return isContainer(value) && Object.keys(value as object).length === 0
}

/** Paths (`.spec.replicas`) that both sets hold as leaves, where live and applied values differ. */
export function conflictsOf(
  mine: FieldSet,
  theirs: FieldSet,
  values: {
    readonly live: unknown
    readonly applied: unknown
    readonly schema: Schema
    readonly path: string
  },
): readonly string[] {
  const { live, applied, schema, path } = values
  const leaves = [mine, theirs].filter((set) => Object.keys(set).length === 0).length
  // An empty map or list that merges takes nothing from what others hold inside it.
  const isMerged = leaves === 1 && isContainer(live) && isContainer(applied)
  if (isMerged) return []
  if (leaves > 0) return sameJson(live, applied) ? [] : [path]
  return Object.keys(mine).flatMap((element) => {
    if (element === '.' || !Object.hasOwn(theirs, element)) return []
    const name = element.slice(2)
    const kind = listKindOf(schema)
    const pick = (value: unknown) =>
      element.startsWith('f:')
        ? isObject(value)
          ? value[name]
          : undefined
        : (Array.isArray(value) ? value : []).find((entry) => entryElement(kind, entry, schema) === element)
    return conflictsOf(mine[element] ?? LEAF, theirs[element] ?? LEAF, {
      live: pick(live),
      applied: pick(applied),
      schema: element.startsWith('f:') ? memberSchema(schema, name) : schema?.items,
      path: element.startsWith('f:') ? `${path}.${name}` : `${path}[${keyText(name)}]`,
    })
  })
}

function keyText(json: string): string {
  const keys: unknown = JSON.parse(json)
  if (!isObject(keys)) return `=${json}`
  return Object.entries(keys)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',')
}

/** The common part removed from a set: what is left when others take their fields over by force. */
export function withoutFields(set: FieldSet, removed: FieldSet): FieldSet {
  const left: Record<string, FieldSet> = {}
  for (const [element, inside] of Object.entries(set)) {
    if (!Object.hasOwn(removed, element)) {
      left[element] = inside
      continue
    }
    if (element === '.' || Object.keys(inside).length === 0) continue
    const rest = withoutFields(inside, removed[element] ?? LEAF)
    if (Object.keys(rest).length > 0) left[element] = rest
  }
  return left
}
