import { type JsonObject } from '../json.ts'
import { inVersion } from '../resource-request.ts'
import type { ServedResource } from '../resources.ts'
import type { AdmissionRequest } from './types.ts'

/** A request as webhooks are sent it, and as expressions see it, save for the objects. */
export function describeRequest(
  uid: string,
  resource: ServedResource,
  request: AdmissionRequest,
): JsonObject {
  const { asked, operation, object, sent, dryRun } = request
  const { user } = asked.request
  const { subresource } = asked.path
  return {
    uid,
    kind: sent?.kind ?? kindOf(resource),
    resource: resourceOf(resource),
    ...(subresource === '' ? {} : { subResource: subresource, requestSubResource: subresource }),
    requestKind: sent?.kind ?? kindOf(asked.resource),
    requestResource: resourceOf(asked.resource),
    name: object?.metadata.name ?? asked.path.name,
    ...(asked.path.namespace === '' ? {} : { namespace: asked.path.namespace }),
    operation,
    userInfo: {
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      groups: user.groups,
      ...(user.extra ? { extra: user.extra } : {}),
    },
    dryRun,
    options: { kind: OPTIONS_KIND[operation], apiVersion: 'meta.k8s.io/v1' },
  }
}

/** The object and what it was, in the version that is wanted. */
export function objectsOf(resource: ServedResource, { object, old, sent }: AdmissionRequest) {
  return {
    object: sent?.object ?? (object ? inVersion(object, resource) : null),
    oldObject: old ? inVersion(old, resource) : null,
  }
}

function kindOf({ info: { group, version, kind } }: ServedResource) {
  return { group, version, kind }
}

function resourceOf({ info: { group, version, plural } }: ServedResource) {
  return { group, version, resource: plural }
}

const OPTIONS_KIND = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
  CONNECT: 'ConnectOptions',
} as const
