import type { KubeObject } from '../../../kube/index.ts'
import { type AnalysisContext, type Analyzer, fullName, namespaceOf } from '../context.ts'
import { type Message, createMessage } from '../messages.ts'
import { field, formatSelector, hasLabels, labelsAt, listAt, numberAt, textAt, textsAt } from '../read.ts'

/** Istio Gateways whose selector picks no pod (IST0101), or whose port no Service of these pods offers (IST0162). */
export const gatewayPorts: Analyzer = {
  name: 'gateway.IngressGatewayPortAnalyzer',
  analyze: (context) => context.of('istioGateway').flatMap((object) => checkPorts(context, object)),
}

function checkPorts(context: AnalysisContext, object: KubeObject): readonly Message[] {
  const selector = labelsAt(object, 'spec', 'selector')
  const pods = context.of('pod').filter((pod) => hasLabels(labelsAt(pod, 'metadata', 'labels'), selector))
  if (pods.length === 0) return [createMessage('IST0101', object, 'selector', formatSelector(selector))]
  const offered = new Set(pods.flatMap((pod) => portsOffered(context, pod)))
  return listAt(object, 'spec', 'servers')
    .map((server) => numberAt(server, 'port', 'number'))
    .filter((port) => port !== undefined && !offered.has(port))
    .map((port) => createMessage('IST0162', object, String(port), formatSelector(selector)))
}

/** A server may name the Service's port or the pod's: both reach it. */
function portsOffered(context: AnalysisContext, pod: KubeObject): readonly number[] {
  const labels = labelsAt(pod, 'metadata', 'labels')
  return context
    .of('service')
    .filter((service) => namespaceOf(service) === namespaceOf(pod))
    .filter((service) => hasLabels(labels, labelsAt(service, 'spec', 'selector')))
    .flatMap((service) => listAt(service, 'spec', 'ports'))
    .filter((port) => (textAt(port, 'protocol') ?? 'TCP') === 'TCP')
    .flatMap((port) => [numberAt(port, 'port'), numberAt(port, 'targetPort')])
    .filter((port) => port !== undefined)
}

/** Gateways that claim the same host on the same port of the same pods (IST0145). */
export const conflictingGateways: Analyzer = {
  name: 'gateway.ConflictingGatewayAnalyzer',
  analyze: (context) => context.of('istioGateway').flatMap((object) => checkConflicts(context, object)),
}

function checkConflicts(context: AnalysisContext, object: KubeObject): readonly Message[] {
  const others = context
    .of('istioGateway')
    .filter((other) => fullName(other) !== fullName(object) && selectSamePods(context, object, other))
  const selector = formatSelector(labelsAt(object, 'spec', 'selector'))
  return listAt(object, 'spec', 'servers').flatMap((server) => {
    const names = others
      .filter((other) => listAt(other, 'spec', 'servers').some((theirs) => serversClash(server, theirs)))
      .map(fullName)
      .sort()
    if (names.length === 0) return []
    const port = String(numberAt(server, 'port', 'number') ?? 0)
    return [
      createMessage('IST0145', object, names.join(','), selector, port, textsAt(server, 'hosts').join(',')),
    ]
  })
}

function selectSamePods(context: AnalysisContext, a: KubeObject, b: KubeObject): boolean {
  const first = labelsAt(a, 'spec', 'selector')
  const second = labelsAt(b, 'spec', 'selector')
  const texts = [formatSelector(first), formatSelector(second)] as const
  if (texts[0] === texts[1]) return true
  if (!texts[0].includes(texts[1]) && !texts[1].includes(texts[0])) return false
  return context.of('pod').some((pod) => {
    const labels = labelsAt(pod, 'metadata', 'labels')
    return hasLabels(labels, first) && hasLabels(labels, second)
  })
}

function serversClash(a: unknown, b: unknown): boolean {
  if (numberAt(a, 'port', 'number') !== numberAt(b, 'port', 'number')) return false
  if ((field(a, 'bind') ?? '') !== (field(b, 'bind') ?? '')) return false
  const hosts = textsAt(b, 'hosts')
  return textsAt(a, 'hosts').some((host) => hosts.includes(host))
}
