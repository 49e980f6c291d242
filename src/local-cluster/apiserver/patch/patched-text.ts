import { type KubeObject, type ResourceInfo, toGoJson, typedOrder } from '../../../kube/index.ts'
import { isObject, sameJson } from '../json.ts'

/**
 * What a JSON or merge patch has left, as Kubernetes shows it in a refusal: objects that the patch has changed have
 * their members by name, what it has not touched has them in the order of its Go type.
 */
export function patchedText(info: ResourceInfo, current: KubeObject, patched: object): string {
  return write(typedOrder(current, info), patched)
}

function write(before: unknown, after: unknown): string {
  if (before !== undefined && sameJson(before, after)) return JSON.stringify(before)
  if (!isObject(after)) return toGoJson(after)
  const inside = isObject(before) ? before : {}
  const members = Object.entries(after).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${write(inside[name], value)}`).join(',')}}`
}
