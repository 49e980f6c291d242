import type { KubeObject } from '../../../kube/index.ts'
import { type AnalysisContext, type Analyzer, fullName, namespaceOf } from '../context.ts'
import { type Message, createMessage, goList } from '../messages.ts'
import { field, hasLabels, labelsAt, listAt, numberAt, textAt } from '../read.ts'
import { hasProxy, isInjected } from './injection.ts'

/** Deployments of the mesh behind several Services that contradict each other (IST0116, IST0137). */
export const deploymentServices: Analyzer = {
  name: 'deployment.MultiServiceAnalyzer',
  analyze: (context) =>
    context
      .of('deployment')
      .filter((object) => isInMesh(context, object))
      .flatMap((object) => {
        const ports = portsOf(context, object)
        return [...checkProtocols(object, ports), ...checkTargetPorts(object, ports)]
      }),
}

function isInMesh(context: AnalysisContext, object: KubeObject): boolean {
  const template = field(object, 'spec', 'template')
  const labels = labelsAt(template, 'metadata', 'labels')
  const annotations = labelsAt(template, 'metadata', 'annotations')
  const isWaypoint =
    labelsAt(object, 'metadata', 'labels')['gateway.istio.io/managed'] === 'istio.io-mesh-controller'
  if (isWaypoint) return false
  if (hasProxy(field(template, 'spec'))) return true
  const decision = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject']
  return decision === undefined
    ? isInjected(context.find('namespace', namespaceOf(object)))
    : decision === 'true'
}

interface OfferedPort {
  readonly service: string
  readonly port: number
  readonly protocol: string
  readonly targetPort: string
}

function portsOf(context: AnalysisContext, object: KubeObject): readonly OfferedPort[] {
  const podLabels = labelsAt(object, 'spec', 'template', 'metadata', 'labels')
  return context
    .of('service')
    .filter((service) => namespaceOf(service) === namespaceOf(object))
    .filter((service) => {
      const selector = labelsAt(service, 'spec', 'selector')
      return Object.keys(selector).length > 0 && hasLabels(podLabels, selector)
    })
    .flatMap((service) => listAt(service, 'spec', 'ports').map((port) => readPort(service, port)))
}

function readPort(service: KubeObject, port: unknown): OfferedPort {
  const number = numberAt(port, 'port') ?? 0
  const target = textAt(port, 'targetPort') ?? String(numberAt(port, 'targetPort') ?? number)
  return {
    service: fullName(service),
    port: number,
    protocol: textAt(port, 'protocol') ?? 'TCP',
    targetPort: target,
  }
}

function checkProtocols(object: KubeObject, ports: readonly OfferedPort[]): readonly Message[] {
  return [...Map.groupBy(ports, (one) => one.port)]
    .filter(([, same]) => new Set(same.map((one) => one.protocol)).size > 1)
    .map(([port, same]) =>
      createMessage(
        'IST0116',
        object,
        object.metadata.name,
        String(port),
        goList(same.map((one) => one.service).sort()),
      ),
    )
}

function checkTargetPorts(object: KubeObject, ports: readonly OfferedPort[]): readonly Message[] {
  return [...Map.groupBy(ports, (one) => one.targetPort)].flatMap(([targetPort, same]) => {
    const services = new Map(same.map((one) => [one.port, one.service]))
    if (services.size < 2) return []
    const names = goList([...services.values()].sort())
    const numbers = goList([...services.keys()].sort((a, b) => a - b))
    return [createMessage('IST0137', object, object.metadata.name, names, targetPort, numbers)]
  })
}
