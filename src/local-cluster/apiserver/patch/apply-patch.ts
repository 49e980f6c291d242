import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  goPrint,
  goTypeProblem,
  type KubeObject,
  OPERATIONS_MAX,
  type ResourceInfo,
  type StrategicPatchProblem,
  withoutSpentDirectives,
} from '../../../kube/index.ts'
import { CUSTOM_PATCHES, jsonTypeOf, type PatchBody, type PatchType } from '../decode.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { ServedResource } from '../resources.ts'
import {
  badRequest,
  failure,
  invalid,
  type StatusError,
  unexplained,
  unsupportedMediaType,
} from '../status-error.ts'
import { patchedText } from './patched-text.ts'

export interface PlainPatch extends PatchBody {
  readonly type: Exclude<PatchType, 'apply'>
}

export interface Patched {
  readonly object: JsonObject
  /** words a problem with what the patch has left: of the whole object, or of the patch */
  readonly refuse: (problem: string) => StatusError
}

/** @throws StatusError when the patch is malformed, does not apply, or leaves what does not fit the types of the kind */
export function applyPatch(resource: ServedResource, current: KubeObject, patch: PlainPatch): Patched {
  const { info } = resource
  const object = patchedBy(resource, current, patch)
  const refuse = (problem: string) =>
    refuseLeft(
      patch.type === 'strategic'
        ? goPrint(withoutSpentDirectives(patch.value))
        : patchedText(info, current, object),
      problem,
    )
  const words = patch.type === 'strategic' ? 'converter' : 'decoder'
  const problem = goTypeProblem(object, info, { words })
  if (problem !== undefined) throw refuse(problem)
  return { object, refuse }
}

/** Kubernetes shows what the patch has left, or the patch, under a kind that has no name. */
function refuseLeft(shown: string, problem: string): StatusError {
  return invalid({ group: '', kind: '' }, '', [
    { type: 'Invalid value', path: 'patch', value: shown, detail: problem },
  ])
}

function patchedBy(resource: ServedResource, current: KubeObject, patch: PlainPatch): JsonObject {
  switch (patch.type) {
    case 'json':
      return applyOperations(current, patch.value)
    case 'merge':
      return merge(current, patch.value)
    case 'strategic':
      // Strategic merge needs the merge keys of Go types, which custom resources do not have.
      if (resource.isCustom) throw unsupportedMediaType(CUSTOM_PATCHES)
      return mergeStrategically(resource.info, current, patch.value)
  }
}

/** What a patch to a `scale` may do. @throws StatusError */
export function applyOperations(current: unknown, operations: unknown): JsonObject {
  checkOperations(operations)
  const patched = applyJsonPatch(current, operations)
  if (patched.ok && isObject(patched.value)) return patched.value
  // Which operation does not apply, and why, Kubernetes does not tell.
  throw failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
}

function checkOperations(operations: unknown): void {
  const refuse = (value: unknown, into: string) =>
    badRequest(`error decoding patch: json: cannot unmarshal ${jsonTypeOf(value)} into Go ${into}`)
  if (!Array.isArray(operations)) throw refuse(operations, 'value of type []handlers.jsonPatchOp')
  if (operations.length > OPERATIONS_MAX) {
    const text = `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`
    throw failure(413, 'RequestEntityTooLarge', `Request entity too large: ${text}`)
  }
  for (const operation of operations as readonly unknown[]) {
    if (!isObject(operation)) throw refuse(operation, 'value of type handlers.jsonPatchOp')
    for (const name of ['op', 'path', 'from']) {
      const member = operation[name] ?? ''
      if (typeof member !== 'string') throw refuse(member, `struct field jsonPatchOp.${name} of type string`)
    }
  }
}

const GO_MAP = 'Go value of type map[string]interface {}'

/** @throws StatusError 400 */
export function merge(current: unknown, patch: unknown): JsonObject {
  if (!isObject(patch))
    throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonTypeOf(patch)} into ${GO_MAP}`)
  const patched = applyMergePatch(current, patch)
  if (patched.ok && isObject(patched.value)) return patched.value
  throw badRequest(patched.ok ? 'the patch does not leave an object' : patched.error)
}

function mergeStrategically(info: ResourceInfo, current: KubeObject, patch: unknown): JsonObject {
  if (!isObject(patch)) throw badRequest(`json: cannot unmarshal ${jsonTypeOf(patch)} into ${GO_MAP}`)
  const patched = applyStrategicMergePatch(current, patch, info)
  if (!patched.ok) throw refuseStrategic(patched.error)
  if (isObject(patched.value)) return patched.value
  throw badRequest('the patch does not leave an object')
}

function refuseStrategic({ kind, message }: StrategicPatchProblem): StatusError {
  switch (kind) {
    case 'malformed':
      return badRequest(message)
    case 'unfitting':
      return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
    case 'broken':
      return unexplained(message)
  }
}
