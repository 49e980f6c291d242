import type { Result } from '../../../base/index.ts'
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  type KubeObject,
} from '../../../kube/index.ts'
import type { PatchType } from '../decode.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { ServedResource } from '../resources.ts'
import { badRequest, failure, unsupportedMediaType } from '../status-error.ts'

/** @throws StatusError when the patch is malformed or does not fit the object */
export function applyPatch(
  resource: ServedResource,
  current: KubeObject,
  type: Exclude<PatchType, 'apply'>,
  patch: unknown,
): JsonObject {
  const patched = unwrap(patchedBy(resource, current, type, patch), type)
  if (!isObject(patched)) throw badRequest('the patch does not leave an object')
  return patched
}

function patchedBy(
  resource: ServedResource,
  current: KubeObject,
  type: Exclude<PatchType, 'apply'>,
  patch: unknown,
): Result<unknown, string> {
  switch (type) {
    case 'json':
      return applyJsonPatch(current, patch)
    case 'merge':
      return applyMergePatch(current, patch)
    case 'strategic':
      // Strategic merge needs the merge keys of Go types, which custom resources do not have.
      if (resource.isCustom) {
        throw unsupportedMediaType([
          'application/json-patch+json',
          'application/merge-patch+json',
          'application/apply-patch+yaml',
        ])
      }
      return applyStrategicMergePatch(current, patch, resource.info)
  }
}

function unwrap(result: Result<unknown, string>, type: PatchType): unknown {
  if (result.ok) return result.value
  if (type === 'json' && result.error.startsWith('error decoding patch')) throw badRequest(result.error)
  if (type === 'json' && /^(?:The allowed maximum|Unable to complete)/.test(result.error)) {
    throw failure(413, 'RequestEntityTooLarge', `Request entity too large: ${result.error}`)
  }
  // A JSON patch that is well formed but does not apply is the object's fault, not the request's.
  if (type === 'json')
    throw failure(
      422,
      'Invalid',
      `the server rejected our request due to an error in our request: ${result.error}`,
    )
  throw badRequest(result.error)
}
