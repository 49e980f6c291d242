import { messageTypes } from '../fields/message.ts'
import type { ResourceInfo } from '../kind-info.ts'
import { formatApiVersion } from '../object.ts'

type JsonObject = Readonly<Record<string, unknown>>

export type OpenApiPaths = Readonly<Record<string, JsonObject>>

/** Where client tools look up which query parameters and which kinds of patch a resource takes. */
export function pathsOf(resources: readonly ResourceInfo[]): OpenApiPaths {
  return Object.fromEntries(resources.flatMap(resourcePaths))
}

function resourcePaths(resource: ResourceInfo): readonly (readonly [string, JsonObject])[] {
  const prefix = `/${resource.group === '' ? 'api' : 'apis'}/${formatApiVersion(resource)}`
  const scope = resource.namespaced ? `${prefix}/namespaces/{namespace}` : prefix
  const collection = `${scope}/${resource.plural}`
  const create = operation(resource, 'post', ['dryRun', 'fieldManager', 'fieldValidation'])
  if (!resource.stored) return [[collection, { post: create }]]
  const list = operation(resource, 'list', ['labelSelector', 'fieldSelector', 'limit', 'continue', 'watch'])
  const everywhere: readonly (readonly [string, JsonObject])[] = resource.namespaced
    ? [[`${prefix}/${resource.plural}`, { get: list }]]
    : []
  return [
    ...everywhere,
    [collection, { get: list, post: create, delete: operation(resource, 'deletecollection', ['dryRun']) }],
    [`${collection}/{name}`, itemOperations(resource)],
  ]
}

function itemOperations(resource: ResourceInfo): JsonObject {
  const writes = ['dryRun', 'fieldManager', 'fieldValidation']
  return {
    get: operation(resource, 'get', []),
    put: operation(resource, 'put', writes),
    patch: { ...operation(resource, 'patch', [...writes, 'force']), requestBody: patchBody(resource) },
    delete: operation(resource, 'delete', ['dryRun', 'gracePeriodSeconds', 'propagationPolicy']),
  }
}

/** Custom resources have no keys to merge lists by, so they take no strategic merge patch. */
function patchBody(resource: ResourceInfo): JsonObject {
  const types = [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ]
  const all = messageTypes.ofKind(resource) ? [...types, 'application/strategic-merge-patch+json'] : types
  return { content: Object.fromEntries(all.map((type) => [type, { schema: { type: 'object' } }])) }
}

function operation(resource: ResourceInfo, action: string, parameters: readonly string[]): JsonObject {
  const { group, version, kind } = resource
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
    parameters: parameters.map((name) => ({
      name,
      in: 'query',
      schema: { type: 'string', uniqueItems: true },
    })),
    responses: { 200: { description: 'OK' } },
  }
}
