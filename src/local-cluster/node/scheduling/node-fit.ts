import { type Node, type Pod, selectsNode, type Taint, toleratesTaint } from '../../../kube/index.ts'
import type { Allocations } from './allocations.ts'
import { podsInTheWay } from './pod-affinity.ts'
import { amounts } from './requests.ts'

const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

/** What keeps a pod from a node. */
export interface Unfit {
  /** For each reason the scheduler's words, without the number of nodes before them. */
  readonly reasons: readonly string[]
  /** With fewer other pods there would be room. */
  readonly isCrowded: boolean
}

/**
 * Why a pod cannot be placed on the one node. As the scheduler does, it stops at the first kind of reason.
 * @returns undefined when it can
 */
export function unfitness(pod: Pod, node: Node, allocations: Allocations): Unfit | undefined {
  const hard = nodeReason(pod, node)
  if (hard !== undefined) return { reasons: [hard], isCrowded: false }
  if (hasTakenPort(pod, allocations)) {
    return { reasons: ["node(s) didn't have free ports for the requested pod ports"], isCrowded: true }
  }
  const scarce = scarcity(pod, node, allocations)
  if (scarce !== undefined) return scarce
  const neighbours = podsInTheWay(pod, node, allocations.pods())
  return neighbours === undefined ? undefined : { reasons: [neighbours], isCrowded: true }
}

/** The message of the event FailedScheduling. */
export function unfitMessage({ reasons, isCrowded }: Unfit): string {
  const why = reasons
    .map((reason) => `1 ${reason}`)
    .sort()
    .join(', ')
  const preemption = isCrowded
    ? 'No preemption victims found for incoming pod'
    : 'Preemption is not helpful for scheduling'
  return `0/1 nodes are available: ${why}. no new claims to deallocate, preemption: 0/1 nodes are available: 1 ${preemption}.`
}

function nodeReason(pod: Pod, node: Node): string | undefined {
  if (node.spec?.unschedulable === true && !toleratesCordon(pod)) return 'node(s) were unschedulable'
  const taint = (node.spec?.taints ?? []).find(
    (one) =>
      (one.effect === 'NoSchedule' || one.effect === 'NoExecute') &&
      one.key !== UNSCHEDULABLE.key &&
      !(pod.spec.tolerations ?? []).some((toleration) => toleratesTaint(toleration, one)),
  )
  if (taint !== undefined) return 'node(s) had untolerated taint(s)'
  return selectsNode(pod.spec, node) ? undefined : "node(s) didn't match Pod's node affinity/selector"
}

/** Ports of the machine itself, which pods in its network have for themselves. */
function hasTakenPort(pod: Pod, allocations: Allocations): boolean {
  const wanted = hostPorts(pod)
  if (wanted.length === 0) return false
  const taken = new Set(allocations.pods().flatMap(hostPorts))
  return wanted.some((port) => taken.has(port))
}

function hostPorts({ spec }: Pod): readonly string[] {
  return spec.containers
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
    .map(({ hostPort, protocol = 'TCP' }) => `${protocol} ${hostPort}`)
}

function scarcity(pod: Pod, node: Node, allocations: Allocations): Unfit | undefined {
  const allocatable = amounts(node.status?.allocatable)
  const room = (name: string) => allocatable.get(name) ?? 0n
  const count = BigInt(allocations.count() + 1) * NANOS
  const short = [...allocations.requestsOf(pod)].filter(
    ([name, amount]) => amount > 0n && name !== 'pods' && allocations.used(name) + amount > room(name),
  )
  const reasons = [
    ...(allocatable.has('pods') && count > room('pods') ? ['Too many pods'] : []),
    ...short.map(([name]) => `Insufficient ${name}`),
  ]
  if (reasons.length === 0) return undefined
  return { reasons, isCrowded: short.every(([name, amount]) => amount <= room(name)) }
}

const NANOS = 1_000_000_000n

/** The DaemonSet controller lets its pods onto cordoned nodes. */
function toleratesCordon(pod: Pod): boolean {
  if (pod.metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet')) return true
  return (pod.spec.tolerations ?? []).some((toleration) => toleratesTaint(toleration, UNSCHEDULABLE))
}
