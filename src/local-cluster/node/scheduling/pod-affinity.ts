import { matchesLabels, type Node, type Pod, type PodAffinityTerm } from '../../../kube/index.ts'

/**
 * Whether the pods that are on the one node keep a pod away from it, in the scheduler's words. Only required rules count;
 * selectors of namespaces other than "all" are taken for "all", since they choose among what is on this machine anyway.
 * @param others what is on the node
 */
export function podsInTheWay(pod: Pod, node: Node, others: readonly Pod[]): string | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {}
  const isTopology = (term: PodAffinityTerm) => node.metadata.labels?.[term.topologyKey] !== undefined
  const wanted = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const isMet = (term: PodAffinityTerm) => others.some((other) => matchesTerm(term, pod, other))
  // The first of a group that wants to be together has nobody to join but itself.
  const startsGroup = wanted.every((term) => matchesTerm(term, pod, pod)) && !wanted.some(isMet)
  if (wanted.some((term) => !isTopology(term) || (!isMet(term) && !startsGroup)))
    return "node(s) didn't match pod affinity rules"
  const avoided = (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).filter(isTopology)
  if (avoided.some((term) => others.some((other) => matchesTerm(term, pod, other))))
    return "node(s) didn't match pod anti-affinity rules"
  const isAvoided = others.some((other) =>
    (other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [])
      .filter(isTopology)
      .some((term) => matchesTerm(term, other, pod)),
  )
  return isAvoided ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined
}

/** @param owner whose rule it is: without namespaces a rule is about the owner's own */
function matchesTerm(term: PodAffinityTerm, owner: Pod, subject: Pod): boolean {
  const { namespace } = subject.metadata
  const named = term.namespaces ?? []
  const isNamespace =
    term.namespaceSelector !== undefined ||
    (named.length === 0 ? namespace === owner.metadata.namespace : named.includes(namespace ?? ''))
  return (
    isNamespace &&
    subject.metadata.deletionTimestamp === undefined &&
    matchesLabels(term.labelSelector, subject.metadata.labels)
  )
}
