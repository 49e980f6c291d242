import { ATOMIC_MAPS, ATOMIC_MESSAGES } from './atomic.ts'
import { flattenFields, hasTypeMeta } from '../schema/message-schema.ts'
import { messageTypes } from '../fields/message.ts'
import type { Field, FieldType, MessageType, Scalar } from '../fields/parse.ts'
import type { ResourceInfo } from '../kind-info.ts'
import { formatApiVersion } from '../object.ts'
import type { StructuralSchema } from '../schema/structural.ts'
import { type OpenApiPaths, pathsOf } from './paths.ts'

/** A resource to describe. `schema` is that of a custom resource; built-in kinds are described from their field tables. */
export interface OpenApiResource extends ResourceInfo {
  readonly schema?: StructuralSchema
}

type JsonObject = Readonly<Record<string, unknown>>

export interface OpenApiDocument {
  readonly openapi: '3.0.0'
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: OpenApiPaths
  readonly components: { readonly schemas: Readonly<Record<string, JsonObject>> }
}

export interface OpenApi {
  /** the body of `/openapi/v3` */
  readonly index: {
    readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>
  }
  /** @param path `api/v1` or `apis/apps/v1`, as in the index */
  document(path: string): OpenApiDocument | undefined
}

/** OpenAPI v3 documents, one for each group and version; made when first asked for. */
export function openApiFor(resources: readonly OpenApiResource[], version = 'v1.35.0'): OpenApi {
  const byPath = Map.groupBy(resources, (resource) => {
    const groupVersion = formatApiVersion(resource)
    return resource.group === '' ? `api/${groupVersion}` : `apis/${groupVersion}`
  })
  const documents = new Map<string, OpenApiDocument>()
  const paths = [...byPath].map(([path, list]) => {
    const serverRelativeURL = `/openapi/v3/${path}?hash=${hashOf(JSON.stringify([version, list]))}`
    return [path, { serverRelativeURL }] as const
  })
  return {
    index: { paths: Object.fromEntries(paths) },
    document: (path) => {
      const list = byPath.get(path)
      if (!list) return undefined
      const document = documents.get(path) ?? documentOf(list, version)
      documents.set(path, document)
      return document
    },
  }
}

/** FNV-1a over UTF-16 units, twice with different seeds: tells documents apart, protects nothing. */
function hashOf(text: string): string {
  const run = (seed: number) => {
    let hash = seed
    for (let index = 0; index < text.length; index++)
      hash = Math.imul(hash ^ text.charCodeAt(index), 16777619)
    return (hash >>> 0).toString(16).padStart(8, '0').toUpperCase()
  }
  return run(2166136261) + run(84696351)
}

function documentOf(resources: readonly OpenApiResource[], version: string): OpenApiDocument {
  const schemas = new Map<string, JsonObject>()
  for (const resource of resources) {
    const message = messageTypes.ofKind(resource)
    if (message) addMessage(message, schemas, resource)
    else if (resource.schema) addCustom(resource, resource.schema, schemas)
  }
  for (const name of ['DeleteOptions', 'Status']) {
    const message = messageTypes.get(`meta/v1.${name}`)
    if (message) addMessage(message, schemas)
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version },
    paths: pathsOf(resources),
    components: { schemas: Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1))) },
  }
}

/** The name of a message in OpenAPI: `io.k8s.api.apps.v1.Deployment`. */
function schemaName(messageName: string): string {
  const [packageName, name] = splitName(messageName)
  const dotted = packageName.replaceAll('/', '.')
  if (packageName === 'meta/v1') return `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`
  if (packageName === 'apiextensions/v1')
    return `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.${name}`
  return `io.k8s.api.${dotted}.${name}`
}

function splitName(messageName: string): readonly [string, string] {
  const dot = messageName.lastIndexOf('.')
  return [messageName.slice(0, dot), messageName.slice(dot + 1)]
}

const TYPE_META: JsonObject = { apiVersion: { type: 'string' }, kind: { type: 'string' } }

function kindExtension(resource: ResourceInfo): JsonObject {
  const { group, version, kind } = resource
  return { 'x-kubernetes-group-version-kind': [{ group, version, kind }] }
}

function addMessage(message: MessageType, schemas: Map<string, JsonObject>, resource?: ResourceInfo): void {
  const name = schemaName(message.name)
  if (schemas.has(name)) return
  // Reserved before the fields are read: some messages contain themselves.
  schemas.set(name, {})
  if (message.choice) return
  const fields = flattenFields(message)
  const required = fields.filter((field) => field.required).map((field) => field.name)
  const properties = Object.fromEntries(
    fields.map((field) => [field.name, describeMember(message, field, schemas)]),
  )
  const isKind = hasTypeMeta(message)
  schemas.set(name, {
    type: 'object',
    ...(required.length > 0 && { required }),
    properties: { ...(isKind && TYPE_META), ...properties },
    ...(ATOMIC_MESSAGES.has(message.name) && ATOMIC),
    ...(resource && kindExtension(resource)),
  })
}

const ATOMIC: JsonObject = { 'x-kubernetes-map-type': 'atomic' }

function describeMember(message: MessageType, field: Field, schemas: Map<string, JsonObject>): JsonObject {
  const described = describeField(field, schemas)
  return ATOMIC_MAPS.has(`${message.name} ${field.name}`) ? { ...described, ...ATOMIC } : described
}

/** The choices of a list are those of its items. */
function withChoices(type: JsonObject, choices: readonly string[] | undefined): JsonObject {
  if (!choices) return type
  const { items } = type
  return typeof items === 'object' && items !== null
    ? { ...type, items: { ...items, enum: choices } }
    : { ...type, enum: choices }
}

function describeField(field: Field, schemas: Map<string, JsonObject>): JsonObject {
  const { patch } = field
  const strategy =
    patch && [patch.merge && 'merge', patch.retainKeys && 'retainKeys'].filter(Boolean).join(',')
  return {
    ...withChoices(describeType(field.type, schemas), field.enum),
    ...(field.default !== undefined &&
      field.type.kind === 'scalar' &&
      field.type.scalar === 'string' && { default: field.default }),
    ...(strategy && { 'x-kubernetes-patch-strategy': strategy }),
    ...(patch?.mergeKey && { 'x-kubernetes-patch-merge-key': patch.mergeKey }),
    ...(field.listKeys && { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': field.listKeys }),
    ...(field.set && { 'x-kubernetes-list-type': 'set' }),
  }
}

function describeType(type: FieldType, schemas: Map<string, JsonObject>): JsonObject {
  switch (type.kind) {
    case 'list':
      return { type: 'array', items: describeType(type.of, schemas) }
    case 'map':
      return { type: 'object', additionalProperties: describeType(type.of, schemas) }
    case 'message': {
      const message = messageTypes.get(type.name)
      if (message) addMessage(message, schemas)
      return { allOf: [reference(schemaName(type.name))] }
    }
    case 'scalar':
      return describeScalar(type.scalar, schemas)
  }
}

function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}

const META_PREFIX = 'io.k8s.apimachinery.pkg.'

/** Scalars that OpenAPI names: they stand among the schemas, as kubectl explain prints their names. */
const NAMED_SCALARS: Partial<Readonly<Record<Scalar, readonly [string, JsonObject]>>> = {
  quantity: [`${META_PREFIX}api.resource.Quantity`, { oneOf: [{ type: 'string' }, { type: 'number' }] }],
  time: [`${META_PREFIX}apis.meta.v1.Time`, { type: 'string', format: 'date-time' }],
  microTime: [`${META_PREFIX}apis.meta.v1.MicroTime`, { type: 'string', format: 'date-time' }],
  duration: [`${META_PREFIX}apis.meta.v1.Duration`, { type: 'string' }],
  intOrString: [
    `${META_PREFIX}util.intstr.IntOrString`,
    { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  ],
  rawExtension: [`${META_PREFIX}runtime.RawExtension`, { type: 'object' }],
  fieldsV1: [`${META_PREFIX}apis.meta.v1.FieldsV1`, { type: 'object' }],
  json: ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON', {}],
}

const PLAIN_SCALARS: Partial<Readonly<Record<Scalar, JsonObject>>> = {
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
}

function describeScalar(scalar: Scalar, schemas: Map<string, JsonObject>): JsonObject {
  const named = NAMED_SCALARS[scalar]
  if (!named) return PLAIN_SCALARS[scalar] ?? { type: 'string' }
  schemas.set(named[0], named[1])
  return { allOf: [reference(named[0])] }
}

/** `io.k8s.networking.gateway.v1.HTTPRoute` for a kind of gateway.networking.k8s.io/v1. */
function customName(resource: ResourceInfo): string {
  return [...resource.group.split('.').reverse(), resource.version, resource.kind].join('.')
}

function addCustom(resource: ResourceInfo, schema: StructuralSchema, schemas: Map<string, JsonObject>): void {
  const metadata = messageTypes.get('meta/v1.ObjectMeta')
  if (metadata) addMessage(metadata, schemas)
  schemas.set(customName(resource), {
    ...schema,
    type: 'object',
    properties: {
      ...TYPE_META,
      ...schema.properties,
      metadata: { allOf: [reference(schemaName('meta/v1.ObjectMeta'))] },
    },
    ...kindExtension(resource),
  })
}
