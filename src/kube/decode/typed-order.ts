import { messageTypes } from '../fields/message.ts'
import type { FieldType, MessageType } from '../fields/parse.ts'
import { isRecord, setOwn } from '../json.ts'
import type { GroupVersionKind } from '../object.ts'
import { flattenFields, hasTypeMeta } from '../schema/message-schema.ts'

/** A copy of a built-in object with the members of each message in the order of its Go type, as Go writes them. */
export function typedOrder(value: unknown, gvk: GroupVersionKind): unknown {
  const message = messageTypes.ofKind(gvk)
  return message ? ofMessage(value, message) : value
}

function ofMessage(value: unknown, message: MessageType): unknown {
  if (!isRecord(value) || message.choice) return value
  const fields = flattenFields(message)
  const types = new Map(fields.map((field) => [field.name, field.type]))
  const order = [...(hasTypeMeta(message) ? ['kind', 'apiVersion'] : []), ...types.keys()]
  const known = order.filter((name) => Object.hasOwn(value, name))
  const others = Object.keys(value).filter((name) => !order.includes(name))
  const out: Record<string, unknown> = {}
  for (const name of [...known, ...others]) {
    const type = types.get(name)
    setOwn(out, name, type ? ofType(value[name], type) : value[name])
  }
  return out
}

function ofType(value: unknown, type: FieldType): unknown {
  switch (type.kind) {
    case 'scalar':
      return value
    case 'message': {
      const message = messageTypes.get(type.name)
      return message ? ofMessage(value, message) : value
    }
    case 'list':
      return Array.isArray(value) ? value.map((item) => ofType(item, type.of)) : value
    case 'map': {
      if (!isRecord(value)) return value
      const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
      return Object.fromEntries(entries.map(([key, item]) => [key, ofType(item, type.of)]))
    }
  }
}
