import { getOwn, isRecord, jsonKey } from '../json.ts'
import { child, duplicate, type FieldError } from './field-error.ts'
import { fieldSchema } from './prune.ts'
import type { StructuralSchema } from './structural.ts'
import { listMapKey } from './validate.ts'

/** Checks that lists declared as sets and maps hold no item twice. */
export function validateListTypes(
  schema: StructuralSchema,
  value: unknown,
  path: string,
): readonly FieldError[] {
  if (Array.isArray(value)) {
    const itemSchema = schema.items
    const nested = itemSchema
      ? value.flatMap((item, index) => validateListTypes(itemSchema, item, `${path}[${index}]`))
      : []
    return [...duplicatesIn(schema, value, path), ...nested]
  }
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, item]) => {
    const field = fieldSchema(schema, key)
    return field ? validateListTypes(field, item, child(path, key)) : []
  })
}

function duplicatesIn(
  schema: StructuralSchema,
  items: readonly unknown[],
  path: string,
): readonly FieldError[] {
  const type = schema['x-kubernetes-list-type']
  if (type !== 'set' && type !== 'map') return []
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const seen = new Set<string>()
  return items.flatMap((item, index) => {
    const key = type === 'set' ? jsonKey(item) : listMapKey(item, keys)
    if (!seen.has(key)) {
      seen.add(key)
      return []
    }
    return [duplicate(`${path}[${index}]`, type === 'set' ? item : keyFields(item, keys))]
  })
}

function keyFields(item: unknown, keys: readonly string[]): unknown {
  if (!isRecord(item)) return item
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = getOwn(item, key)
      return value === undefined ? [] : [[key, value]]
    }),
  )
}
