import { deepClone, getOwn, isRecord, type JsonRecord, setOwn } from '../json.ts'
import { fieldSchema } from './prune.ts'
import type { StructuralSchema } from './structural.ts'

/**
 * Fills in defaults, parents first, so that a default object gets its own nested defaults.
 * A null where the schema does not allow one counts as absent: it takes the default or disappears.
 * @returns the same reference where nothing changes
 * @see apiextensions, defaulting and nullable
 */
export function defaultValue(schema: StructuralSchema, value: unknown): unknown {
  if (Array.isArray(value)) return defaultItems(schema.items, value)
  if (isRecord(value)) return defaultFields(schema, value)
  return value
}

function defaultItems(schema: StructuralSchema | undefined, items: readonly unknown[]): unknown {
  if (!schema) return items
  let changed = false
  const out = items.map((item) => {
    const next =
      item === null && !schema.nullable && schema.default !== undefined ? deepClone(schema.default) : item
    const filled = defaultValue(schema, next)
    changed ||= filled !== item
    return filled
  })
  return changed ? out : items
}

function defaultFields(schema: StructuralSchema, value: JsonRecord): JsonRecord {
  const changes = new Map<string, unknown>()
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue
    const present = getOwn(value, key)
    if (present === undefined || (present === null && !property.nullable)) {
      changes.set(key, deepClone(property.default))
    }
  }
  const dropped = new Set<string>()
  for (const key of [...Object.keys(value), ...changes.keys()]) {
    const field = fieldSchema(schema, key)
    if (!field) continue
    const current = changes.has(key) ? changes.get(key) : getOwn(value, key)
    if (current === null && !field.nullable && isSpecified(field)) dropped.add(key)
    const filled = defaultValue(field, current)
    if (filled !== current) changes.set(key, filled)
  }
  return changes.size === 0 && dropped.size === 0 ? value : merged(value, changes, dropped)
}

/** An empty schema under preserve-unknown-fields says nothing about null, so the user's null stays. */
function isSpecified(schema: StructuralSchema): boolean {
  return schema.type !== undefined || schema['x-kubernetes-int-or-string'] === true
}

function merged(
  value: JsonRecord,
  changes: ReadonlyMap<string, unknown>,
  dropped: ReadonlySet<string>,
): JsonRecord {
  const out: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    if (!dropped.has(key) || changes.has(key)) setOwn(out, key, changes.has(key) ? changes.get(key) : item)
  }
  for (const [key, item] of changes) if (!Object.hasOwn(value, key)) setOwn(out, key, item)
  return out
}
