import type { Node, Taint } from './types/core.ts'
import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Toleration } from './types/pod.ts'

/** Whether a pod's `nodeSelector` and its required node affinity pick the node. */
export function selectsNode(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  return terms === undefined || terms.some((term) => matchesTerm(term, node))
}

/** @see NodeSelectorTerm: a term without requirements matches nothing */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  const labels = node.metadata.labels ?? {}
  return (
    matchExpressions.every((one) => matchesValue(one, labels[one.key])) &&
    matchFields.every((one) =>
      matchesValue(one, one.key === 'metadata.name' ? node.metadata.name : undefined),
    )
  )
}

function matchesValue(
  { operator, values = [] }: NodeSelectorRequirement,
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0])
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0])
  }
}

/** @see Toleration: without an effect it holds for every effect, without a key for every key */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  const { effect, key, operator, value = '' } = toleration
  if (effect !== undefined && effect !== taint.effect) return false
  if (key !== undefined && key !== '' && key !== taint.key) return false
  return operator === 'Exists' || value === (taint.value ?? '')
}
