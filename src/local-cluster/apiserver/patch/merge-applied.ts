import { isObject } from '../json.ts'
import { type FieldSet, LEAF } from './field-set.ts'
import { entryElement, isAtomicMap, listKindOf, memberSchema, type Schema } from './list-schema.ts'

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
  const present = new Map(live.map((entry) => [elementOf(entry), entry]))
  const wanted = new Set(applied.map(elementOf))
  const waiting = applied.map((entry) => ({ element: elementOf(entry), entry }))
  const merged: unknown[] = []
  const takeNext = () => {
    const next = waiting.shift()
    if (!next) return undefined
    const isShared = present.has(next.element)
    merged.push(isShared ? mergeApplied(present.get(next.element), next.entry, schema?.items) : next.entry)
    return next.element
  }
  // Entries of both come in the order of the configuration, and entries that only the object has keep their place.
  for (const entry of live) {
    const element = elementOf(entry)
    if (!wanted.has(element)) merged.push(entry)
    else if (waiting.find((each) => present.has(each.element))?.element === element)
      while (takeNext() !== element);
  }
  while (waiting.length > 0) takeNext()
  return merged
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
