import { messageTypes } from '../fields/message.ts'
import type { Field, FieldType, MessageType } from '../fields/parse.ts'
import { getOwn, isRecord, type MutableRecord, setOwn } from '../json.ts'
import { canonicalQuantity } from '../quantity.ts'
import { flattenFields } from '../schema/message-schema.ts'

/**
 * Gives a built-in object the form it would have after a round trip through the API server's own types: no nulls,
 * no empty values where empty means absent, quantities as canonical text. Always a copy, which defaulting then fills.
 */
export function normalizeMessage(value: unknown, message: MessageType): unknown {
  if (!isRecord(value)) return value
  const fields = new Map(flattenFields(message).map((field) => [field.name, field]))
  const out: MutableRecord = {}
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) continue
    const field = fields.get(key)
    if (field && isAbsent(item, field)) continue
    setOwn(out, key, field ? normalizeValue(item, field.type) : item)
  }
  return out
}

function isAbsent(value: unknown, field: Field): boolean {
  if (field.required || field.zeroMatters) return false
  if (field.type.kind === 'list') return Array.isArray(value) && value.length === 0
  if (field.type.kind === 'map') return isRecord(value) && Object.keys(value).length === 0
  return (
    field.type.kind === 'scalar' &&
    field.type.scalar !== 'json' &&
    (value === '' || value === 0 || value === false)
  )
}

function normalizeValue(value: unknown, type: FieldType): unknown {
  switch (type.kind) {
    case 'scalar':
      return type.scalar === 'quantity' ? toQuantityText(value) : value
    case 'message': {
      const message = getOwn(KEPT_WHOLE, type.name) ? undefined : messageTypes.get(type.name)
      return message ? normalizeMessage(value, message) : value
    }
    case 'list':
      return Array.isArray(value) ? value.map((item) => normalizeValue(item, type.of)) : value
    case 'map':
      return isRecord(value) ? normalizeMap(value, type.of) : value
  }
}

/** Go keeps the key of a null, with the zero of the type, where that has one. */
function normalizeMap(map: Readonly<Record<string, unknown>>, type: FieldType): MutableRecord {
  const out: MutableRecord = {}
  for (const [key, item] of Object.entries(map)) {
    const value = item === null ? zeroOf(type) : item
    if (value !== undefined) setOwn(out, key, normalizeValue(value, type))
  }
  return out
}

function zeroOf(type: FieldType): unknown {
  if (type.kind === 'message') return {}
  if (type.kind === 'list') return []
  if (type.kind !== 'scalar') return undefined
  if (type.scalar === 'quantity') return '0'
  return type.scalar === 'string' || type.scalar === 'bytes' ? '' : undefined
}

/** The schema of a custom resource is kept as it was written: `default: null` in it has a meaning. */
const KEPT_WHOLE: Readonly<Record<string, true>> = {
  'apiextensions/v1.JSONSchemaProps': true,
  'apiextensions/v1.JSONSchemaPropsOrBool': true,
}

function toQuantityText(value: unknown): unknown {
  if (typeof value === 'number') return canonicalQuantity(String(value))
  return typeof value === 'string' ? canonicalQuantity(value) : value
}
