import type { KubeObject } from '../../../kube/index.ts'
import type { Analyzer } from '../context.ts'
import { type Message, createMessage } from '../messages.ts'
import { field, labelsAt, listAt, numberAt, textAt } from '../read.ts'

/** Ports of Services whose names do not say their protocol (IST0118), and ExternalName's special case (IST0150). */
export const portNames: Analyzer = {
  name: 'service.PortNameAnalyzer',
  analyze: (context) =>
    context
      .of('service')
      .filter((object) => !isMeshOwn(object))
      .flatMap(checkService),
}

const MANAGED_BY = /^istio\.io-(gateway|mesh|eastwest)-controller$/

/** Parts of Istio itself, and the Services of managed gateways, which no user wrote. */
function isMeshOwn(object: KubeObject): boolean {
  const labels = labelsAt(object, 'metadata', 'labels')
  return (
    labels['istio'] !== undefined ||
    labels['release'] === 'istio' ||
    MANAGED_BY.test(labels['gateway.istio.io/managed'] ?? '')
  )
}

function checkService(object: KubeObject): readonly Message[] {
  const external = textAt(object, 'spec', 'type') === 'ExternalName'
  return listAt(object, 'spec', 'ports').flatMap((port) => {
    const name = textAt(port, 'name') ?? ''
    if (saysProtocol(port) && !(external && name === 'tcp')) return []
    if (external) return [createMessage('IST0150', object)]
    const targetPort = field(port, 'targetPort')
    const target = typeof targetPort === 'string' || typeof targetPort === 'number' ? String(targetPort) : '0'
    return [createMessage('IST0118', object, name, String(numberAt(port, 'port') ?? 0), target)]
  })
}

const PROTOCOLS: ReadonlySet<string> = new Set([
  'tcp',
  'udp',
  'grpc',
  'grpc-web',
  'http',
  'http_proxy',
  'http2',
  'https',
  'tls',
  'mongo',
  'redis',
  'mysql',
  'hbone',
])
/** Their protocols speak first on the server's side, so that TCP is meant. */
const WELL_KNOWN_TCP: ReadonlySet<number> = new Set([25, 53, 3306, 27017])
const KUBERNETES_PROTOCOLS: ReadonlySet<string> = new Set([
  'kubernetes.io/h2c',
  'kubernetes.io/ws',
  'kubernetes.io/wss',
])

/** @see Istio, explicit protocol selection: appProtocol, or else the name up to its first dash */
function saysProtocol(port: unknown): boolean {
  if (textAt(port, 'protocol') === 'UDP') return true
  const text = (textAt(port, 'appProtocol') ?? textAt(port, 'name') ?? '').toLowerCase()
  return (
    KUBERNETES_PROTOCOLS.has(text) ||
    text.startsWith('grpc-web') ||
    PROTOCOLS.has(text.split('-', 1)[0] ?? '') ||
    WELL_KNOWN_TCP.has(numberAt(port, 'port') ?? 0)
  )
}
