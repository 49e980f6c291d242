import type { DaemonSet, NodeSelectorTerm, Pod, PodSpec } from '../../kube/index.ts'
import { DAEMON_TOLERATIONS } from './node-fit.ts'
import { podFromTemplate } from './pod-control.ts'
import { REVISION_LABEL } from './revisions.ts'

const NODE_NAME_FIELD = 'metadata.name'

/** A pod for one node: the scheduler puts it there since its affinity allows no other. */
export function daemonPodFrom(
  set: DaemonSet,
  { node, hash }: { readonly node: string; readonly hash: string },
): Pod {
  const pod = podFromTemplate(set, set.spec.template, { generateName: `${set.metadata.name}-` })
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [REVISION_LABEL]: hash } },
    spec: {
      ...pod.spec,
      affinity: affinityTo(node, pod.spec),
      tolerations: [...(pod.spec.tolerations ?? []), ...missingTolerations(pod.spec)],
    },
  }
}

function missingTolerations({ tolerations = [] }: PodSpec): PodSpec['tolerations'] & {} {
  return DAEMON_TOLERATIONS.filter(
    ({ key, effect }) => !tolerations.some((one) => one.key === key && one.effect === effect),
  )
}

/** The template's own terms have been looked at already; the node's name stands for them. */
function affinityTo(node: string, { affinity }: PodSpec): PodSpec['affinity'] & {} {
  const term: NodeSelectorTerm = {
    matchFields: [{ key: NODE_NAME_FIELD, operator: 'In', values: [node] }],
  }
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    },
  }
}

/** The node where a daemon's pod is, or is meant to be. */
export function nodeOf({ spec }: Pod): string {
  if (spec.nodeName !== undefined && spec.nodeName !== '') return spec.nodeName
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  const field = terms?.flatMap((term) => term.matchFields ?? []).find((one) => one.key === NODE_NAME_FIELD)
  return field?.values?.[0] ?? ''
}
