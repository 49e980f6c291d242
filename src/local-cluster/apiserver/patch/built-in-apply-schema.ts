import {
  formatApiVersion,
  openApiFor,
  type ResourceInfo,
  type StructuralSchema,
} from '../../../kube/index.ts'
import { isObject, type JsonObject } from '../json.ts'

const REFERENCE = '#/components/schemas/'

/**
 * How the lists and maps of a built-in kind merge, from its OpenAPI document: the only place where the merge keys
 * of all its messages stand together. References are followed once, so the result may contain itself.
 */
export function builtInApplySchema(info: ResourceInfo): StructuralSchema | undefined {
  const path = info.group === '' ? `api/${info.version}` : `apis/${formatApiVersion(info)}`
  const components = openApiFor([info]).document(path)?.components.schemas
  if (!components) return undefined
  const resolved = new Map<string, Record<string, unknown>>()
  const resolve = (name: string): JsonObject => {
    const known = resolved.get(name)
    if (known) return known
    const made: Record<string, unknown> = {}
    resolved.set(name, made)
    Object.assign(made, expand(components[name], resolve))
    return made
  }
  const root = Object.entries(components).find(([, schema]) => isOfKind(schema, info))
  return root && resolve(root[0])
}

function isOfKind(schema: JsonObject, info: ResourceInfo): boolean {
  const kinds = schema['x-kubernetes-group-version-kind']
  return (
    Array.isArray(kinds) &&
    kinds.some(
      (each: unknown) =>
        isObject(each) &&
        each['group'] === info.group &&
        each['version'] === info.version &&
        each['kind'] === info.kind,
    )
  )
}

function expand(schema: unknown, resolve: (name: string) => JsonObject): JsonObject {
  if (!isObject(schema)) return {}
  const target = referenceOf(schema)
  if (target !== undefined) return resolve(target)
  const { properties, items, additionalProperties } = schema
  return {
    ...schema,
    ...(isObject(properties)
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, member]) => [name, expand(member, resolve)]),
          ),
        }
      : {}),
    ...(isObject(items) ? { items: expand(items, resolve) } : {}),
    ...(isObject(additionalProperties)
      ? { additionalProperties: expand(additionalProperties, resolve) }
      : {}),
  }
}

/** A reference stands alone, or as the only part of `allOf` beside a default or a description. */
function referenceOf(schema: JsonObject): string | undefined {
  const all = schema['allOf']
  const direct: unknown =
    schema['$ref'] ?? (Array.isArray(all) && all.length === 1 ? (all[0] as JsonObject)['$ref'] : undefined)
  return typeof direct === 'string' && direct.startsWith(REFERENCE)
    ? direct.slice(REFERENCE.length)
    : undefined
}
