import { messageTypes } from '../fields/message.ts'
import type { FieldType, MessageType } from '../fields/parse.ts'
import { isRecord, type JsonRecord } from '../json.ts'
import { child, type FieldError, required } from './field-error.ts'
import { flattenFields, hasTypeMeta, OPAQUE_MESSAGES } from './message-schema.ts'

/** Required texts that may be empty all the same: to be there is what is asked of them. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  'core/v1.HTTPHeader.value',
  'core/v1.Sysctl.value',
  'storage/v1.TokenRequest.audience',
])

/**
 * The required texts of a built-in object that are missing or empty, which is the same to Kubernetes. A required
 * object is never missing there: its own required members are.
 */
export function missingTexts(value: JsonRecord, message: MessageType): readonly FieldError[] {
  return inMessage(value, message, '')
}

function inMessage(value: JsonRecord, message: MessageType, path: string): readonly FieldError[] {
  // Nothing in a status is asked of the controller that writes it, and metadata has rules of its own.
  const isKind = hasTypeMeta(message)
  return flattenFields(message).flatMap((field) => {
    if (isKind && (field.name === 'status' || field.name === 'metadata')) return []
    const item = value[field.name]
    const at = child(path, field.name)
    if (field.required && field.type.kind === 'scalar' && field.type.scalar === 'string') {
      const isMissing = item === undefined || item === ''
      return isMissing && !MAY_BE_EMPTY.has(`${message.name}.${field.name}`) ? [required(at)] : []
    }
    return inType(field.required && item === undefined ? {} : item, field.type, at)
  })
}

function inType(value: unknown, type: FieldType, path: string): readonly FieldError[] {
  // Maps of texts, such as labels, may have a hundred thousand of them, each of which would be given a path.
  if ((type.kind === 'list' || type.kind === 'map') && type.of.kind === 'scalar') return []
  switch (type.kind) {
    case 'scalar':
      return []
    case 'message': {
      const message = OPAQUE_MESSAGES.has(type.name) ? undefined : messageTypes.get(type.name)
      return message && isRecord(value) ? inMessage(value, message, path) : []
    }
    case 'list':
      if (!Array.isArray(value)) return []
      return value.flatMap((item, index) => inType(item, type.of, `${path}[${index}]`))
    case 'map':
      if (!isRecord(value)) return []
      return Object.entries(value).flatMap(([key, item]) => inType(item, type.of, `${path}[${key}]`))
  }
}
