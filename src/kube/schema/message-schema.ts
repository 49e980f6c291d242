import { messageTypes } from '../fields/message.ts'
import type { Field, FieldType, MessageType, Scalar } from '../fields/parse.ts'
import type { StructuralSchema } from './structural.ts'

const SCALAR_SCHEMAS: Readonly<Record<Scalar, StructuralSchema>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  quantity: { type: 'string', format: 'quantity' },
  time: { type: 'string', format: 'date-time' },
  microTime: { type: 'string', format: 'date-time' },
  duration: { type: 'string' },
  intOrString: { 'x-kubernetes-int-or-string': true },
  rawExtension: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  json: { 'x-kubernetes-preserve-unknown-fields': true },
  fieldsV1: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
}

/** Messages that contain themselves, kept whole: the schema of a custom resource is checked by code of its own. */
export const OPAQUE_MESSAGES: ReadonlySet<string> = new Set([
  'apiextensions/v1.JSONSchemaProps',
  'apiextensions/v1.JSONSchemaPropsOrBool',
  'apiextensions/v1.JSONSchemaPropsOrArray',
  'apiextensions/v1.JSONSchemaPropsOrStringArray',
])

interface MessageSchemas {
  /** @returns undefined when no message has this name */
  get(name: string): StructuralSchema | undefined
}

/** Structural schemas of built-in messages, made from their field tables at first use. */
function createMessageSchemas(): MessageSchemas {
  const cache = new Map<string, StructuralSchema>()
  const build = (name: string): StructuralSchema => {
    const known = cache.get(name)
    if (known) return known
    const message = messageTypes.get(name)
    const schema = !message || OPAQUE_MESSAGES.has(name) ? SCALAR_SCHEMAS.json : messageSchema(message, build)
    cache.set(name, schema)
    return schema
  }
  return { get: (name) => (messageTypes.get(name) ? build(name) : undefined) }
}

/** Which fields are required is not in it: to Kubernetes' own kinds an empty text is as missing as none. */
function messageSchema(message: MessageType, build: (name: string) => StructuralSchema): StructuralSchema {
  const properties = Object.fromEntries(
    flattenFields(message).map((field) => [field.name, fieldSchema(field, typeSchema(field.type, build))]),
  )
  const typeMeta = hasTypeMeta(message)
    ? { apiVersion: SCALAR_SCHEMAS.string, kind: SCALAR_SCHEMAS.string }
    : {}
  return { type: 'object', properties: { ...typeMeta, ...properties } }
}

function fieldSchema(field: Field, schema: StructuralSchema): StructuralSchema {
  if (field.enum === undefined && field.default === undefined) return schema
  // The choices of a list are those of its items.
  const choices = field.enum && { enum: field.enum }
  if (choices && schema.items) return { ...schema, items: { ...schema.items, ...choices } }
  return {
    ...schema,
    ...choices,
    ...(field.default !== undefined && { default: defaultOf(field.default, schema) }),
  }
}

function defaultOf(text: string, schema: StructuralSchema): unknown {
  if (schema.type === 'integer' || schema.type === 'number') return Number(text)
  return schema.type === 'boolean' ? text === 'true' : text
}

function typeSchema(type: FieldType, build: (name: string) => StructuralSchema): StructuralSchema {
  switch (type.kind) {
    case 'scalar':
      return SCALAR_SCHEMAS[type.scalar]
    case 'message':
      return build(type.name)
    case 'list':
      // Kubernetes itself writes null for some lists of a status that are empty.
      return { type: 'array', nullable: true, items: typeSchema(type.of, build) }
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(type.of, build) }
  }
}

/** Messages with metadata that are parts of an object, not objects. */
const TEMPLATES: ReadonlySet<string> = new Set([
  'core/v1.PodTemplateSpec',
  'core/v1.PersistentVolumeClaimTemplate',
  'batch/v1.JobTemplateSpec',
])

/** Whether a message stands alone in a request, with apiVersion and kind. */
export function hasTypeMeta(message: MessageType): boolean {
  if (message.name.startsWith('meta/v1.') && message.name.endsWith('Options')) return true
  return message.fields.some((field) => field.name === 'metadata') && !TEMPLATES.has(message.name)
}

/** The fields that a message has in JSON: those of embedded messages stand beside its own. */
export function flattenFields(message: MessageType): readonly Field[] {
  if (!message.fields.some(({ embedded }) => embedded)) return message.fields
  return message.fields.flatMap((field) => {
    if (!field.embedded || field.type.kind !== 'message') return [field]
    const inner = messageTypes.get(field.type.name)
    return inner ? flattenFields(inner) : []
  })
}

/** Constant, so one lazily filled copy serves everyone. */
export const messageSchemas: MessageSchemas = createMessageSchemas()
