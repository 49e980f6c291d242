import type { KubeObject } from '../../../kube/index.ts'
import { type Analyzer, namespaceOf } from '../context.ts'
import { createMessage, goList, type Message } from '../messages.ts'
import { formatSelector, hasLabels, labelsAt } from '../read.ts'

/** Sidecars that pick no pod (IST0101), or the same as others (IST0110, IST0111): one alone holds. */
export const sidecars: Analyzer = {
  name: 'sidecar.SelectorAnalyzer',
  analyze(context) {
    const all = context.of('sidecar')
    const selecting = all.filter((one) => Object.keys(selectorOf(one)).length > 0)
    const plain = all.filter((one) => !selecting.includes(one))
    const picked = new Map<KubeObject, KubeObject[]>()
    const messages: Message[] = []
    for (const sidecar of selecting) {
      const pods = context
        .of('pod')
        .filter((pod) => namespaceOf(pod) === namespaceOf(sidecar))
        .filter((pod) => hasLabels(labelsAt(pod, 'metadata', 'labels'), selectorOf(sidecar)))
      for (const pod of pods) picked.set(pod, [...(picked.get(pod) ?? []), sidecar])
      if (pods.length === 0)
        messages.push(createMessage('IST0101', sidecar, 'selector', formatSelector(selectorOf(sidecar))))
    }
    for (const [pod, several] of picked) {
      if (several.length < 2) continue
      const { name } = pod.metadata
      for (const sidecar of several)
        messages.push(createMessage('IST0110', sidecar, namesOf(several), namespaceOf(pod), name))
    }
    for (const several of Map.groupBy(plain, namespaceOf).values()) {
      if (several.length < 2) continue
      for (const sidecar of several)
        messages.push(createMessage('IST0111', sidecar, namesOf(several), namespaceOf(sidecar)))
    }
    return messages
  },
}

function selectorOf(sidecar: KubeObject): Readonly<Record<string, string>> {
  return labelsAt(sidecar, 'spec', 'workloadSelector', 'labels')
}

function namesOf(objects: readonly KubeObject[]): string {
  return goList(objects.map(({ metadata }) => metadata.name).sort())
}
