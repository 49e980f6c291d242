import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { isRecord, type JsonRecord } from '../json.ts'
import type { OpenApiV2Document } from './v2.ts'

/** The content type of the document below. Clients ask for it with an `@`, which no media type may hold. */
export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/**
 * The document as gnostic's message `openapi.v2.Document`. What a schema or an operation here never has, has no line.
 * @see https://github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto, for the numbers of fields
 */
export function encodeOpenApiV2(document: OpenApiV2Document): Uint8Array {
  const writer = new BinaryWriter()
  text(writer, 1, document.swagger)
  message(writer, 2, () => {
    text(writer, 1, document.info.title)
    text(writer, 2, document.info.version)
  })
  message(writer, 8, () => {
    for (const [path, item] of Object.entries(document.paths))
      named(writer, 2, path, () => writePathItem(writer, item))
  })
  message(writer, 9, () => writeNamedSchemas(writer, document.definitions))
  return writer.finish()
}

function text(writer: BinaryWriter, field: number, value: unknown): void {
  if (typeof value === 'string' && value !== '') writer.tag(field, WireType.LengthDelimited).string(value)
}

function texts(writer: BinaryWriter, field: number, values: unknown): void {
  // An empty text is a value like any other in a list.
  for (const value of Array.isArray(values) ? values : [])
    writer.tag(field, WireType.LengthDelimited).string(String(value))
}

function flag(writer: BinaryWriter, field: number, value: unknown): void {
  if (value === true) writer.tag(field, WireType.Varint).bool(true)
}

function count(writer: BinaryWriter, field: number, value: unknown): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value !== 0)
    writer.tag(field, WireType.Varint).int64(value)
}

function double(writer: BinaryWriter, field: number, value: unknown): void {
  if (typeof value === 'number' && value !== 0) writer.tag(field, WireType.Bit64).double(value)
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork()
  write()
  writer.join()
}

/** An entry of a map: its name, and its value as a message. */
function named(writer: BinaryWriter, field: number, name: string, write: () => void): void {
  message(writer, field, () => {
    writer.tag(1, WireType.LengthDelimited).string(name)
    message(writer, 2, write)
  })
}

/** Any value is YAML to gnostic, and JSON is YAML. */
function anything(writer: BinaryWriter, field: number, value: unknown): void {
  if (value !== undefined) message(writer, field, () => text(writer, 2, JSON.stringify(value)))
}

function writeExtensions(writer: BinaryWriter, field: number, record: JsonRecord): void {
  for (const [name, value] of Object.entries(record)) {
    if (name.startsWith('x-')) named(writer, field, name, () => text(writer, 2, JSON.stringify(value)))
  }
}

const METHODS: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 }

function writePathItem(writer: BinaryWriter, item: JsonRecord): void {
  for (const [method, field] of Object.entries(METHODS)) {
    const operation = item[method]
    if (isRecord(operation)) message(writer, field, () => writeOperation(writer, operation))
  }
}

function writeOperation(writer: BinaryWriter, operation: JsonRecord): void {
  texts(writer, 7, operation['consumes'])
  const parameters = operation['parameters']
  for (const parameter of Array.isArray(parameters) ? parameters.filter(isRecord) : [])
    message(writer, 8, () => message(writer, 1, () => writeParameter(writer, parameter)))
  const responses = operation['responses']
  if (isRecord(responses)) message(writer, 9, () => writeResponses(writer, responses))
  writeExtensions(writer, 13, operation)
}

/** In a body, or in the query: others are not used. */
function writeParameter(writer: BinaryWriter, parameter: JsonRecord): void {
  const { schema } = parameter
  if (parameter['in'] === 'body') {
    message(writer, 1, () => {
      text(writer, 2, parameter['name'])
      text(writer, 3, 'body')
      flag(writer, 4, parameter['required'])
      if (isRecord(schema)) message(writer, 5, () => writeSchema(writer, schema))
    })
    return
  }
  message(writer, 2, () =>
    message(writer, 3, () => {
      text(writer, 2, 'query')
      text(writer, 4, parameter['name'])
      text(writer, 6, parameter['type'])
      flag(writer, 20, parameter['uniqueItems'])
    }),
  )
}

function writeResponses(writer: BinaryWriter, responses: JsonRecord): void {
  for (const [code, response] of Object.entries(responses)) {
    const description = isRecord(response) ? response['description'] : undefined
    named(writer, 1, code, () => message(writer, 1, () => text(writer, 1, description)))
  }
}

function writeNamedSchemas(writer: BinaryWriter, schemas: JsonRecord): void {
  for (const [name, schema] of Object.entries(schemas))
    named(writer, 1, name, () => writeSchema(writer, isRecord(schema) ? schema : {}))
}

function writeSchema(writer: BinaryWriter, schema: JsonRecord): void {
  text(writer, 1, schema['$ref'])
  text(writer, 2, schema['format'])
  text(writer, 3, schema['title'])
  text(writer, 4, schema['description'])
  anything(writer, 5, schema['default'])
  double(writer, 6, schema['multipleOf'])
  double(writer, 7, schema['maximum'])
  flag(writer, 8, schema['exclusiveMaximum'])
  double(writer, 9, schema['minimum'])
  flag(writer, 10, schema['exclusiveMinimum'])
  count(writer, 11, schema['maxLength'])
  count(writer, 12, schema['minLength'])
  text(writer, 13, schema['pattern'])
  count(writer, 14, schema['maxItems'])
  count(writer, 15, schema['minItems'])
  flag(writer, 16, schema['uniqueItems'])
  count(writer, 17, schema['maxProperties'])
  count(writer, 18, schema['minProperties'])
  texts(writer, 19, schema['required'])
  const choices = schema['enum']
  for (const choice of Array.isArray(choices) ? choices : []) anything(writer, 20, choice)
  writeAdditional(writer, schema['additionalProperties'])
  const { type, items, properties } = schema
  if (typeof type === 'string') message(writer, 22, () => text(writer, 1, type))
  if (isRecord(items)) message(writer, 23, () => message(writer, 1, () => writeSchema(writer, items)))
  if (isRecord(properties)) message(writer, 25, () => writeNamedSchemas(writer, properties))
  writeExtensions(writer, 31, schema)
}

function writeAdditional(writer: BinaryWriter, more: unknown): void {
  if (isRecord(more)) message(writer, 21, () => message(writer, 1, () => writeSchema(writer, more)))
  if (more === true) message(writer, 21, () => flag(writer, 2, true))
}
