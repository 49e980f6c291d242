import type { KubeObject } from '../../../kube/index.ts'
import { type AnalysisContext, type Analyzer, fullName, namespaceOf } from '../context.ts'
import { type Message, createMessage, goList } from '../messages.ts'
import { field, labelsAt, listAt, textAt } from '../read.ts'

const INJECTION = 'istio-injection'
const REVISION = 'istio.io/rev'
const DATAPLANE_MODE = 'istio.io/dataplane-mode'
const POD_INJECTION = 'sidecar.istio.io/inject'

/** Namespaces that nobody decided about, and pods that should have a proxy and have none (IST0102, IST0103, IST0123). */
export const injection: Analyzer = {
  name: 'injection.Analyzer',
  analyze: (context) => [...context.of('namespace').flatMap(checkNamespace), ...checkPods(context)],
}

function checkNamespace(object: KubeObject): readonly Message[] {
  const { name } = object.metadata
  if (name === 'istio-system') return []
  const labels = labelsAt(object, 'metadata', 'labels')
  const injectionLabel = labels[INJECTION]
  const kinds = injectionLabel === undefined ? [] : [`${INJECTION}=${injectionLabel}`]
  for (const label of [REVISION, DATAPLANE_MODE]) {
    if (labels[label] !== undefined && (injectionLabel === undefined || injectionLabel === 'enabled')) {
      kinds.push(`${label}=${labels[label]}`)
    }
  }
  const messages: Message[] = kinds.length > 1 ? [createMessage('IST0123', object, goList(kinds))] : []
  const undecided = (injectionLabel ?? '') === '' && labels[REVISION] === undefined
  if (undecided && labels[DATAPLANE_MODE] !== 'ambient') messages.push(createMessage('IST0102', object, name))
  return messages
}

function checkPods(context: AnalysisContext): readonly Message[] {
  return context
    .of('pod')
    .filter((pod) => isInjected(context.find('namespace', namespaceOf(pod))))
    .filter((pod) => !isExempt(pod) && !hasProxy(field(pod, 'spec')))
    .map((pod) => createMessage('IST0103', pod, fullName(pod)))
}

/** A namespace of sidecars by its label. A revision alone says nothing of the pods that were there before it. */
export function isInjected(namespace: KubeObject | undefined): boolean {
  const labels = labelsAt(namespace, 'metadata', 'labels')
  return labels[INJECTION] === 'enabled' && labels[DATAPLANE_MODE] !== 'ambient'
}

function isExempt(pod: KubeObject): boolean {
  const decision =
    labelsAt(pod, 'metadata', 'labels')[POD_INJECTION] ??
    labelsAt(pod, 'metadata', 'annotations')[POD_INJECTION]
  return decision?.toLowerCase() === 'false' || field(pod, 'spec', 'hostNetwork') === true
}

/** The proxy is a container, or as a native sidecar an init container. */
export function hasProxy(podSpec: unknown): boolean {
  return [...listAt(podSpec, 'containers'), ...listAt(podSpec, 'initContainers')].some(
    (container) => textAt(container, 'name') === 'istio-proxy' && textAt(container, 'image') !== undefined,
  )
}
