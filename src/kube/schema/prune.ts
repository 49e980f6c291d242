import { getOwn, isRecord, type JsonRecord, setOwn } from '../json.ts'
import { child } from './field-error.ts'
import type { StructuralSchema } from './structural.ts'

/** What every embedded resource may have, whatever its schema says. */
const TYPE_META = ['apiVersion', 'kind', 'metadata'] as const

/**
 * Drops what a structural schema does not specify.
 * @returns the same reference where nothing was dropped
 * @see apiextensions, pruning: known fields under x-kubernetes-preserve-unknown-fields are still pruned inside
 */
export function pruneValue(
  schema: StructuralSchema,
  value: unknown,
  options: { readonly path: string; readonly root: boolean; readonly pruned: string[] },
): unknown {
  if (Array.isArray(value)) return pruneItems(schema, value, options)
  if (!isRecord(value)) return value
  const out = pruneFields(schema, value, options)
  return out ?? value
}

/** An array that stands where no array belongs specifies nothing of its items, so their fields are all unknown. */
const UNSPECIFIED: StructuralSchema = {}

function pruneItems(
  list: StructuralSchema,
  items: readonly unknown[],
  options: { readonly path: string; readonly pruned: string[] },
): unknown {
  const keepsUnknown = list['x-kubernetes-preserve-unknown-fields'] === true
  const schema = list.items ?? (keepsUnknown ? undefined : UNSPECIFIED)
  if (!schema) return items
  let changed = false
  const out = items.map((item, index) => {
    const path = `${options.path}[${index}]`
    const kept = pruneValue(schema, item, { path, root: false, pruned: options.pruned })
    changed ||= kept !== item
    return kept
  })
  return changed ? out : items
}

function pruneFields(
  schema: StructuralSchema,
  value: JsonRecord,
  options: { readonly path: string; readonly root: boolean; readonly pruned: string[] },
): JsonRecord | undefined {
  const { path, root, pruned } = options
  const isResource = root || schema['x-kubernetes-embedded-resource'] === true
  const keepsUnknown =
    schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true
  const kept: Record<string, unknown> = {}
  let changed = false
  for (const [key, item] of Object.entries(value)) {
    const field = fieldSchema(schema, key)
    if (isResource && (TYPE_META as readonly string[]).includes(key)) {
      setOwn(kept, key, item)
    } else if (field) {
      const next = pruneValue(field, item, { path: child(path, key), root: false, pruned })
      changed ||= next !== item
      setOwn(kept, key, next)
    } else if (keepsUnknown) {
      setOwn(kept, key, item)
    } else {
      pruned.push(child(path, key))
      changed = true
    }
  }
  return changed ? kept : undefined
}

/** The schema of one field: a property's own, or the one of additional properties. */
export function fieldSchema(schema: StructuralSchema, key: string): StructuralSchema | undefined {
  const property = schema.properties && getOwn(schema.properties, key)
  if (property) return property
  const additional = schema.additionalProperties
  return typeof additional === 'object' ? additional : undefined
}
