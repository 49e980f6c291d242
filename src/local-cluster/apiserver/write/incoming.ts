import type { KubeObject } from '../../../kube/index.ts'
import type { ResourceRequest } from '../resource-request.ts'
import { isObject, type JsonObject, show, withMembers } from '../json.ts'
import type { ServedResource } from '../resources.ts'
import { badRequest } from '../status-error.ts'

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

/** Collects what the client should be told beside the answer (`Warning` headers). */
export type Warn = (message: string) => void

export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') ?? ''
  if (value === '') return 'Warn'
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value
  throw badRequest(
    `fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "Ignore", "Strict", "Warn"`,
  )
}

/**
 * Takes a request's body as an object of the resource: right kind, right namespace.
 * A body may leave `apiVersion`, `kind` and `metadata` out; the path says the rest.
 * @throws StatusError 400
 */
export function toKubeObject(asked: ResourceRequest, body: JsonObject): KubeObject {
  const { resource, path } = asked
  const { info } = resource
  const apiVersion = body['apiVersion'] ?? resource.apiVersion
  const kind = body['kind'] ?? info.kind
  if (apiVersion !== resource.apiVersion) {
    throw badRequest(
      `the API version in the data (${show(apiVersion)}) does not match the expected API version (${resource.apiVersion})`,
    )
  }
  if (kind !== info.kind) {
    throw badRequest(
      `${show(kind)} in version "${info.version}" cannot be handled as a ${info.kind}: the kind in the data does not match the expected kind`,
    )
  }
  const metadata = toMetadata(asked, body['metadata'] ?? {})
  if (info.namespaced && path.namespace !== '') {
    const given = metadata['namespace'] ?? ''
    if (given !== '' && given !== path.namespace) {
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      )
    }
  }
  const namespace = info.namespaced ? path.namespace : undefined
  return {
    ...body,
    apiVersion: resource.apiVersion,
    kind: info.kind,
    metadata: withMembers(metadata, { namespace }),
  } as unknown as KubeObject
}

const TEXT_MEMBERS = ['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'selfLink'] as const
const TEXT_MAPS = ['labels', 'annotations'] as const

/** Refuses metadata whose members have the wrong JSON type, in the wording of Kubernetes' decoder. */
function toMetadata({ resource }: ResourceRequest, metadata: unknown): JsonObject {
  const refuse = (path: string, got: unknown, type: string) =>
    badRequest(
      `${resource.info.kind} in version "${resource.info.version}" cannot be handled as a ${resource.info.kind}: json: cannot unmarshal ${jsonTypeOf(got)} into Go struct field ObjectMeta.${path} of type ${type}`,
    )
  if (!isObject(metadata)) throw refuse('metadata', metadata, 'v1.ObjectMeta')
  const nulls: Record<string, undefined> = {}
  for (const [key, value] of Object.entries(metadata)) if (value === null) nulls[key] = undefined
  for (const key of TEXT_MEMBERS) {
    const value = metadata[key] ?? undefined
    if (value !== undefined && typeof value !== 'string') throw refuse(`metadata.${key}`, value, 'string')
  }
  for (const key of TEXT_MAPS) {
    const value = metadata[key] ?? undefined
    if (value === undefined) continue
    if (!isObject(value)) throw refuse(`metadata.${key}`, value, 'map[string]string')
    for (const text of Object.values(value)) {
      if (typeof text !== 'string') throw refuse(`metadata.${key}`, text, 'string')
    }
  }
  for (const key of ['finalizers', 'ownerReferences'] as const) {
    const value = metadata[key] ?? undefined
    if (value !== undefined && !Array.isArray(value)) throw refuse(`metadata.${key}`, value, '[]string')
  }
  return withMembers(metadata, nulls)
}

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return value === null ? 'null' : typeof value
}

/**
 * Drops unknown fields and fills in defaults.
 * @throws StatusError 400 for unknown fields under strict field validation
 */
export function pruneAndDefault(
  resource: ServedResource,
  object: KubeObject,
  options: { readonly fieldValidation: FieldValidation; readonly warn: Warn },
): KubeObject {
  const schema = resource.schema()
  if (!schema) return object
  const { value, pruned } = schema.prune(object)
  if (pruned.length > 0) reportUnknown(resource, pruned, options)
  return schema.applyDefaults(value) as KubeObject
}

function reportUnknown(
  resource: ServedResource,
  pruned: readonly string[],
  { fieldValidation, warn }: { readonly fieldValidation: FieldValidation; readonly warn: Warn },
): void {
  const messages = pruned.map((path) => `unknown field "${path}"`)
  if (fieldValidation === 'Strict') {
    const { kind, version } = resource.info
    throw badRequest(
      `${kind} in version "${version}" cannot be handled as a ${kind}: strict decoding error: ${messages.join(', ')}`,
    )
  }
  if (fieldValidation === 'Warn') for (const message of messages) warn(message)
}
