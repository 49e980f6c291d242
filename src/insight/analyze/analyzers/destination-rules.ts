import type { KubeObject } from '../../../kube/index.ts'
import { type AnalysisContext, type Analyzer, namespaceOf } from '../context.ts'
import { type KnownHost, collectHosts, findHost } from '../hosts.ts'
import { createMessage } from '../messages.ts'
import { hasLabels, labelsAt, listAt, textAt, textsAt } from '../read.ts'

/**
 * DestinationRules for hosts that nobody serves (IST0174), and subsets without a pod (IST0173). Only the pods of the
 * host's own Service count: another application's `version: v2` serves nobody here.
 */
export const destinationRules: Analyzer = {
  name: 'destinationrule.SubsetSelectPodAnalyzer',
  analyze(context) {
    const hosts = collectHosts(context)
    return context.of('destinationRule').flatMap((object) => {
      const host = textAt(object, 'spec', 'host') ?? ''
      const from = { namespace: namespaceOf(object), exportTo: textsAt(object, 'spec', 'exportTo') }
      const known = findHost(hosts, host, from)
      if (known === undefined) return [createMessage('IST0174', object, host)]
      const candidates = membersOf(context, known)
      return listAt(object, 'spec', 'subsets')
        .filter((subset) => !candidates.some((labels) => hasLabels(labels, labelsAt(subset, 'labels'))))
        .map((subset) => createMessage('IST0173', object, textAt(subset, 'name') ?? ''))
    })
  },
}

type Labels = Readonly<Record<string, string>>

/** The labels of everything that the host can lead to. */
function membersOf(context: AnalysisContext, known: KnownHost): readonly Labels[] {
  const { object } = known
  const isService = object.kind === 'Service'
  const selector = isService
    ? labelsAt(object, 'spec', 'selector')
    : labelsAt(object, 'spec', 'workloadSelector', 'labels')
  const endpoints = listAt(object, 'spec', 'endpoints').map((endpoint) => labelsAt(endpoint, 'labels'))
  // A Service without selector has endpoints that are written by hand: any pod may be one of them.
  const pods = context
    .of('pod')
    .filter((pod) => namespaceOf(pod) === namespaceOf(object))
    .map((pod) => labelsWithLocality(context, pod))
    .filter((labels) => hasLabels(labels, selector))
  return [...endpoints, ...pods]
}

const LOCALITY_LABELS = [
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
] as const

/** Istio adds its node's place to a pod's labels, so that subsets can select by it. */
function labelsWithLocality(context: AnalysisContext, pod: KubeObject): Labels {
  const nodeName = textAt(pod, 'spec', 'nodeName')
  const labels = labelsAt(pod, 'metadata', 'labels')
  if (nodeName === undefined) return labels
  const node = labelsAt(context.find('node', nodeName), 'metadata', 'labels')
  const locality = LOCALITY_LABELS.flatMap((name) => (node[name] === undefined ? [] : [[name, node[name]]]))
  return { ...Object.fromEntries(locality), 'kubernetes.io/hostname': nodeName, ...labels }
}
