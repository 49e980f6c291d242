import { type Node, type PodSpec, selectsNode, type Toleration, toleratesTaint } from '../../kube/index.ts'

/** What every daemon's pod puts up with, since it belongs to the node whatever state that is in. */
export const DAEMON_TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]

/** Whether a pod of this template belongs on the node: name, selector, required affinity, and taints that it tolerates. */
export function fitsNode(spec: PodSpec, node: Node): boolean {
  if (spec.nodeName !== undefined && spec.nodeName !== '' && spec.nodeName !== node.metadata.name)
    return false
  if (!selectsNode(spec, node)) return false
  const tolerations = [...(spec.tolerations ?? []), ...DAEMON_TOLERATIONS]
  return (node.spec?.taints ?? [])
    .filter((taint) => taint.effect !== 'PreferNoSchedule')
    .every((taint) => tolerations.some((toleration) => toleratesTaint(toleration, taint)))
}
