import type { KubeObject, Service as KubeService } from '../../kube/index.ts'
import { type Service, serviceName } from '../../model/index.ts'
import { namespaceOf, serviceHostname } from './names.ts'
import { protocolOf } from './protocol.ts'
import type { MeshSettings } from './settings.ts'
import { visibilityOf } from './visibility.ts'

/** Istio's labels of a Service whose clients stay with an endpoint: `<cookie>[:<path>]`, or a header. */
const SESSION_COOKIE = 'istio.io/persistent-session'
const SESSION_HEADER = 'istio.io/persistent-session-header'
/** What Istio gives these cookies. */
const SESSION_COOKIE_MS = 120_000
const EXPORT_TO = 'networking.istio.io/exportTo'

/** A Service of Kubernetes as the mesh has it, without the policies that DestinationRules lay over it. */
export function translateService(
  object: KubeService,
  settings: MeshSettings,
  exportDefault?: readonly string[],
): Service {
  const namespace = namespaceOf(object)
  const hostname = serviceHostname(object.metadata.name, namespace, settings)
  const exportTo = object.metadata.annotations?.[EXPORT_TO]
  return {
    type: 'service',
    key: serviceName(namespace, hostname),
    namespace,
    hostname,
    addresses: addressesOf(object),
    ports: (object.spec.ports ?? []).map((port) => ({
      port: port.port,
      name: port.name ?? '',
      protocol: protocolOf(port),
    })),
    resolution: object.spec.type === 'ExternalName' ? 'dns' : 'static',
    visibility: visibilityOf(
      exportTo
        ?.split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
      namespace,
      exportDefault,
    ),
    ...sessionOf(object),
    policies: [],
    origin: { kind: 'Service', namespace, name: object.metadata.name },
  }
}

export function sessionOf({ metadata: { labels = {} } }: KubeObject): Pick<Service, 'session'> {
  const [name = '', path = '/'] = (labels[SESSION_COOKIE] ?? '').split(/:(.*)/s)
  if (name !== '') return { session: { kind: 'cookie', name, path, maxAgeMs: SESSION_COOKIE_MS } }
  const header = labels[SESSION_HEADER] ?? ''
  return header === '' ? {} : { session: { kind: 'header', name: header.toLowerCase() } }
}

/** A headless Service (`clusterIP: None`) has no address of its own. */
function addressesOf(object: KubeService): readonly string[] {
  const { clusterIP, clusterIPs } = object.spec
  const all = clusterIPs !== undefined && clusterIPs.length > 0 ? clusterIPs : [clusterIP ?? '']
  return all.filter((address) => address !== '' && address !== 'None')
}

/**
 * Service port → port on a workload that is no pod: its own port of that name, or the Service's target.
 * A target that is a name is looked for among the workload's ports.
 */
export function portsOf(
  object: KubeService,
  own: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    (object.spec.ports ?? []).map(({ port, name = '', targetPort }) => {
      const target = typeof targetPort === 'string' ? own[targetPort] : targetPort
      return [String(port), own[name] ?? target ?? port]
    }),
  )
}
