import { getOwn, isRecord, jsonKey } from '../json.ts'
import { child, duplicate, type FieldError, invalid } from './field-error.ts'
import { fieldSchema } from './prune.ts'
import type { StructuralSchema } from './structural.ts'
import { listMapKey } from './validate.ts'

/**
 * Checks that lists declared as sets and maps hold no item twice, and that the items of a map are objects.
 * @param old what the value replaces: of it, what is the very same is passed over
 */
export function validateListTypes(
  schema: StructuralSchema,
  value: unknown,
  path: string,
  old?: { readonly value: unknown },
): readonly FieldError[] {
  if (old && old.value === value) return []
  if (Array.isArray(value)) {
    const itemSchema = schema.items
    const nested = itemSchema
      ? value.flatMap((item, index) => validateListTypes(itemSchema, item, `${path}[${index}]`))
      : []
    const strangers = nonObjectsIn(schema, value, path)
    return [...(strangers.length > 0 ? strangers : duplicatesIn(schema, value, path)), ...nested]
  }
  if (!isRecord(value)) return []
  const before = isRecord(old?.value) ? old.value : undefined
  const errors: FieldError[] = []
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'object' || item === null) continue
    const field = fieldSchema(schema, key)
    if (!field) continue
    const oldItem = before ? { value: getOwn(before, key) } : undefined
    errors.push(...validateListTypes(field, item, child(path, key), oldItem))
  }
  return errors
}

/** Items without keys: where there are any, the keys of the others are not compared. */
function nonObjectsIn(
  schema: StructuralSchema,
  items: readonly unknown[],
  path: string,
): readonly FieldError[] {
  if (schema['x-kubernetes-list-type'] !== 'map') return []
  return items.flatMap((item, index) =>
    item === null || isRecord(item)
      ? []
      : [invalid(`${path}[${index}]`, item, 'must be an object for an array of list-type map')],
  )
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
