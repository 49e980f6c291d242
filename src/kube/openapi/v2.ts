import { isRecord, type JsonRecord } from '../json.ts'
import type { OpenApi, OpenApiDocument } from './openapi.ts'

/** OpenAPI 2.0, which kubectl before 1.24 validates and explains with, and newer ones fall back to. */
export interface OpenApiV2Document {
  readonly swagger: '2.0'
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, JsonRecord>>
  readonly definitions: Readonly<Record<string, JsonRecord>>
}

/** One document of everything, from those of version 3, said in what version 2 has words for. */
export function openApiV2Of(api: OpenApi): OpenApiV2Document {
  const documents = Object.keys(api.index.paths).flatMap((path) => api.document(path) ?? [])
  const sorted = <T>(entries: readonly (readonly [string, T])[]): Readonly<Record<string, T>> =>
    Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return {
    swagger: '2.0',
    info: documents[0]?.info ?? { title: 'Kubernetes', version: '' },
    paths: sorted(documents.flatMap(pathsOf)),
    definitions: sorted(definitionsOf(documents)),
  }
}

/** A message that several documents show is written once; the one that names the kinds of resources has more to say. */
function definitionsOf(documents: readonly OpenApiDocument[]): readonly (readonly [string, JsonRecord])[] {
  const found = new Map<string, JsonRecord>()
  for (const { components } of documents) {
    for (const [name, schema] of Object.entries(components.schemas)) {
      if (!found.has(name) || Object.hasOwn(schema, KINDS)) found.set(name, schema)
    }
  }
  return [...found].map(([name, schema]) => [name, schemaInV2(schema)] as const)
}

const KINDS = 'x-kubernetes-group-version-kind'

const V3_REFERENCE = '#/components/schemas/'
const V2_REFERENCE = '#/definitions/'

/** What version 2 has no words for; rules that clients do not evaluate would only make the document larger. */
const DROPPED: ReadonlySet<string> = new Set([
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'nullable',
  'x-kubernetes-validations',
])

/** kubectl reads members of nothing that may be null or holds more than its schema says. @see apiextensions-apiserver, controller/openapi/v2 */
function schemaInV2(schema: JsonRecord): JsonRecord {
  const reference = referenceOf(schema)
  if (reference !== undefined) return { ...kept(schema, new Set([...DROPPED, '$ref'])), $ref: reference }
  const isNullable = schema['nullable'] === true
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true
  const items = isNullable || isOpen ? undefined : schema['items']
  const properties = isNullable || isOpen ? undefined : schema['properties']
  const more = schema['additionalProperties']
  const isUntyped =
    isNullable ||
    (schema['type'] === 'array' && items === undefined) ||
    (isOpen && schema['type'] === 'object')
  const type = schema['type'] ?? typeOfChoice(schema)
  return {
    ...kept(schema, new Set([...DROPPED, 'type', 'items', 'properties', 'additionalProperties'])),
    ...(isUntyped || type === undefined ? {} : { type }),
    ...(isRecord(items) ? { items: schemaInV2(items) } : {}),
    ...(isRecord(properties) ? { properties: membersInV2(properties) } : {}),
    ...(isRecord(more)
      ? { additionalProperties: schemaInV2(more) }
      : more === true
        ? { additionalProperties: true }
        : {}),
  }
}

function membersInV2(properties: JsonRecord): JsonRecord {
  return Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [name, isRecord(member) ? schemaInV2(member) : {}]),
  )
}

function kept(schema: JsonRecord, dropped: ReadonlySet<string>): JsonRecord {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !dropped.has(name)))
}

/** A reference stands alone, or as the only part of `allOf` beside a default or a description. */
function referenceOf(schema: JsonRecord): string | undefined {
  const all = schema['allOf']
  const only: unknown = Array.isArray(all) && all.length === 1 ? all[0] : undefined
  const target = schema['$ref'] ?? (isRecord(only) ? only['$ref'] : undefined)
  return typeof target === 'string' && target.startsWith(V3_REFERENCE)
    ? `${V2_REFERENCE}${target.slice(V3_REFERENCE.length)}`
    : undefined
}

/** A quantity or a port is a number or a text; where only one type can be named, it is the text. */
function typeOfChoice(schema: JsonRecord): string | undefined {
  const choices = schema['oneOf']
  const hasText =
    Array.isArray(choices) && choices.some((each) => isRecord(each) && each['type'] === 'string')
  return hasText ? 'string' : undefined
}

function pathsOf({ paths }: OpenApiDocument): readonly (readonly [string, JsonRecord])[] {
  return Object.entries(paths).map(([path, item]) => [
    path,
    Object.fromEntries(
      Object.entries(item).map(([method, operation]) => [
        method,
        isRecord(operation) ? operationInV2(operation) : {},
      ]),
    ),
  ])
}

/** The body is one more parameter, and the types of bodies are said of the operation. */
function operationInV2(operation: JsonRecord): JsonRecord {
  const { requestBody, parameters, ...rest } = operation
  const query = (Array.isArray(parameters) ? parameters.filter(isRecord) : []).map(
    ({ schema, ...parameter }) => ({
      ...parameter,
      ...(isRecord(schema) ? schema : {}),
    }),
  )
  const content =
    isRecord(requestBody) && isRecord(requestBody['content']) ? requestBody['content'] : undefined
  if (!content) return { ...rest, parameters: query }
  const body = { name: 'body', in: 'body', required: true, schema: { type: 'object' } }
  return { ...rest, consumes: Object.keys(content), parameters: [body, ...query] }
}
