import type { KubeObject } from '../../kube/index.ts'
import type { StoreKey } from '../store/index.ts'
import type { ApiRequest, RequestVerb, ResourcePath } from './request.ts'
import type { ServedResource } from './resources.ts'

/** One request for a resource, resolved. */
export interface ResourceRequest {
  readonly request: ApiRequest
  readonly verb: RequestVerb
  readonly path: ResourcePath
  readonly resource: ServedResource
}

export function keyOf(resource: ServedResource, namespace: string, name: string): StoreKey {
  return { collection: resource.collection, namespace: resource.info.namespaced ? namespace : '', name }
}

/** A stored object as the version that was asked for serves it. */
export function inVersion(object: KubeObject, resource: ServedResource): KubeObject {
  if (object.apiVersion === resource.apiVersion) return resource.complete?.(object) ?? object
  if (resource.conversion) return resource.conversion.fromStored(object)
  const versioned = { ...object, apiVersion: resource.apiVersion }
  return resource.complete?.(versioned) ?? versioned
}

/** The other way: a decoded object as it is stored. */
export function toStored(object: KubeObject, resource: ServedResource): KubeObject {
  if (resource.apiVersion === resource.storedApiVersion) return object
  if (resource.conversion) return resource.conversion.toStored(object)
  return { ...object, apiVersion: resource.storedApiVersion }
}
