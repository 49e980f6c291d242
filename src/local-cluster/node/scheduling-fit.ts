import type {
  Node,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  Taint,
  Toleration,
} from '../../kube/index.ts'

const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

/**
 * Why a pod cannot be placed on the one node, in the scheduler's words. Requests are not compared with what the
 * machine has: its processes share it as they would without a cluster.
 * @returns undefined when it can
 */
export function unfitReason(pod: Pod, node: Node): string | undefined {
  if (node.spec?.unschedulable === true && !toleratesCordon(pod))
    return '0/1 nodes are available: 1 node(s) were unschedulable.'
  const taint = (node.spec?.taints ?? []).find(
    (one) =>
      (one.effect === 'NoSchedule' || one.effect === 'NoExecute') &&
      one.key !== UNSCHEDULABLE.key &&
      !(pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, one)),
  )
  if (taint !== undefined)
    return `0/1 nodes are available: 1 node(s) had untolerated taint(s) {${taint.key}: ${taint.value ?? ''}}.`
  if (!matchesSelectors(pod, node))
    return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
  return undefined
}

/** The DaemonSet controller lets its pods onto cordoned nodes. */
function toleratesCordon(pod: Pod): boolean {
  if (pod.metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet')) return true
  return (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, UNSCHEDULABLE))
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false
  const isAnyKey = (toleration.key ?? '') === ''
  if (isAnyKey) return toleration.operator === 'Exists'
  if (toleration.key !== taint.key) return false
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '')
}

function matchesSelectors(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  const bySelector = Object.entries(pod.spec.nodeSelector ?? {}).every(
    ([key, value]) => labels[key] === value,
  )
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  return bySelector && (terms === undefined || terms.some((term) => matchesTerm(term, node)))
}

/** An empty term matches nothing. */
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
