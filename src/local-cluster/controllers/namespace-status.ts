import type { NamespaceCondition } from '../../kube/index.ts'
import type { Remaining } from './api-resources.ts'
import { formatSeconds } from './pods.ts'

/** What is left in a namespace that is being deleted, and what holds it back, in Kubernetes' words. */
export function remainingConditions(
  remaining: readonly Remaining[],
  before: readonly NamespaceCondition[],
  nowMs: number,
): readonly NamespaceCondition[] {
  const content = remaining.map(({ kind, objects }) => {
    const resource = `${kind.plural}.${kind.group}`
    return `${resource} has ${objects.length} resource instances`
  })
  const byFinalizer = new Map<string, number>()
  for (const finalizer of remaining.flatMap(({ objects }) =>
    objects.flatMap((one) => one.metadata.finalizers ?? []),
  )) {
    byFinalizer.set(finalizer, (byFinalizer.get(finalizer) ?? 0) + 1)
  }
  const held = [...byFinalizer].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
  const wanted: readonly NamespaceCondition[] = [
    {
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${content.join(', ')}`,
    },
    held.length > 0
      ? {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${held.join(', ')}`,
        }
      : {
          type: 'NamespaceFinalizersRemaining',
          status: 'False',
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        },
  ]
  return wanted.map((condition) => {
    const known = before.find((one) => one.type === condition.type && one.status === condition.status)
    return { ...condition, lastTransitionTime: known?.lastTransitionTime ?? formatSeconds(nowMs) }
  })
}
