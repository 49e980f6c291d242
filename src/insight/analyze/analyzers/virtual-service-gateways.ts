import type { KubeObject } from '../../../kube/index.ts'
import { type AnalysisContext, type Analyzer, fullName, namespaceOf } from '../context.ts'
import { hostsOverlap } from '../hosts.ts'
import { type Message, createMessage, goList } from '../messages.ts'
import { listAt, textAt, textsAt } from '../read.ts'

/** Gateways that do not exist (IST0101), or that no host of the VirtualService can come through (IST0132). */
export const virtualServiceGateways: Analyzer = {
  name: 'virtualservice.GatewayAnalyzer',
  analyze: (context) =>
    context
      .of('virtualService')
      .flatMap((object) =>
        textsAt(object, 'spec', 'gateways').flatMap((gateway) =>
          gateway === 'mesh' ? [] : checkGateway(context, object, gateway),
        ),
      ),
}

function checkGateway(context: AnalysisContext, object: KubeObject, reference: string): readonly Message[] {
  const slash = reference.indexOf('/')
  const namespace = slash < 0 ? namespaceOf(object) : reference.slice(0, slash)
  const name = reference.slice(slash + 1)
  const istio = context.find('istioGateway', name, namespace)
  const kubernetes = istio === undefined ? context.find('gateway', name, namespace) : undefined
  const served =
    kubernetes === undefined ? istioHosts(istio, namespaceOf(object)) : kubernetesHosts(kubernetes)
  const hosts = textsAt(object, 'spec', 'hosts')
  const messages: Message[] = []
  if (istio === undefined && kubernetes === undefined) {
    messages.push(createMessage('IST0101', object, 'gateway', reference))
  }
  if (!served.some((one) => hosts.some((host) => hostsOverlap(one, host)))) {
    messages.push(createMessage('IST0132', object, goList(hosts), fullName(object), `${namespace}/${name}`))
  }
  return messages
}

/** The hosts that an Istio Gateway serves for VirtualServices of a namespace: `ns/host` limits who may use one. */
function istioHosts(gateway: KubeObject | undefined, namespace: string): readonly string[] {
  return listAt(gateway, 'spec', 'servers')
    .flatMap((server) => textsAt(server, 'hosts'))
    .flatMap((host) => {
      const slash = host.indexOf('/')
      if (slash < 0) return [host]
      const scope = host.slice(0, slash)
      const own = gateway === undefined ? '' : namespaceOf(gateway)
      return scope === '*' || (scope === '.' ? own : scope) === namespace ? [host.slice(slash + 1)] : []
    })
}

function kubernetesHosts(gateway: KubeObject): readonly string[] {
  return listAt(gateway, 'spec', 'listeners').map((listener) => textAt(listener, 'hostname') ?? '*')
}
