import {
  type GatewayName,
  gatewayName,
  type Listener,
  listenerName,
  type Origin,
  type Route,
} from '../../../model/index.ts'
import { isIp } from '../../../kube/index.ts'
import type { IstioGateway, IstioServer } from '../../resources/index.ts'
import { httpsRedirectRoute } from './https-redirect.ts'
import { intersectHosts, namespaceOf } from '../names.ts'
import type { MeshSettings } from '../settings.ts'
import { translateServerTls } from './server-tls.ts'

/** An Istio Gateway, ready for VirtualServices to bind to. */
export interface IstioGatewayState {
  /** `<namespace>/<name>` */
  readonly key: string
  readonly gateway: GatewayName
  readonly namespace: string
  readonly servers: readonly ServerState[]
  /** What servers with `tls.httpsRedirect` answer for hosts that no VirtualService rules. */
  readonly redirects: readonly Route[]
  readonly origin: Origin
  readonly problems: readonly string[]
}

export interface ServerState {
  readonly listener: Listener
  /** Which VirtualServices it takes hosts from: namespace (absent: any) and host. */
  readonly hosts: readonly { readonly namespace: string | undefined; readonly host: string }[]
  readonly httpsRedirect: boolean
}

const PROTOCOLS: Readonly<Record<string, Listener['protocol']>> = {
  HTTP: 'http',
  HTTP2: 'http',
  GRPC: 'http',
  'GRPC-WEB': 'http',
  HTTPS: 'https',
  TLS: 'tls',
  TCP: 'tcp',
  MONGO: 'tcp',
  MYSQL: 'tcp',
  REDIS: 'tcp',
}

/** Which is what is listened on where nothing is said. */
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

export function translateIstioGateway(
  object: IstioGateway,
  { scopesGateways }: Pick<MeshSettings, 'scopesGateways'>,
): IstioGatewayState {
  const namespace = namespaceOf(object)
  const { name } = object.metadata
  const gateway = gatewayName('IstioGateway', namespace, name)
  const labels = object.spec.selector ?? {}
  const selector = scopesGateways === true ? { namespace, labels } : { labels }
  const problems: string[] = []
  const taken = new Set<string>()
  const servers = (object.spec.servers ?? []).flatMap((server, index) => {
    const state = translateServer(server, { index, object, gateway, selector, taken, problems })
    return state === undefined ? [] : [state]
  })
  return {
    key: `${namespace}/${name}`,
    gateway,
    namespace,
    servers,
    redirects: servers.flatMap((server) => (server.httpsRedirect ? [hostsRedirect(server, object)] : [])),
    origin: { kind: 'IstioGateway', namespace, name },
    problems,
  }
}

function translateServer(
  server: IstioServer,
  place: {
    readonly index: number
    readonly object: IstioGateway
    readonly gateway: GatewayName
    readonly selector: Listener['selector']
    readonly taken: Set<string>
    readonly problems: string[]
  },
): ServerState | undefined {
  const { index, object, problems } = place
  const namespace = namespaceOf(object)
  const path = `spec.servers[${index}]`
  const declared = PROTOCOLS[server.port.protocol.toUpperCase()]
  if (declared === undefined) {
    problems.push(
      `${path}.port.protocol ${server.port.protocol} is not served yet; use HTTP, HTTPS, TLS or TCP`,
    )
    return undefined
  }
  const isSecured = declared === 'https' || declared === 'tls'
  const tls = isSecured ? translateServerTls(server.tls, `${path}.tls`, problems) : undefined
  if (isSecured && tls === undefined) return undefined
  const { bind = '' } = server
  if (bind !== '' && !isIp(bind)) {
    problems.push(`${path}.bind ${bind} is no IP address; the server is not used`)
    return undefined
  }
  if (server.defaultEndpoint !== undefined) {
    problems.push(`${path}.defaultEndpoint has no effect, as in Istio: routes say where requests go`)
  }
  const hosts = server.hosts.map((host) => parseServerHost(host, namespace))
  return {
    hosts,
    httpsRedirect: declared === 'http' && server.tls?.httpsRedirect === true,
    listener: {
      type: 'listener',
      key: listenerName(place.gateway, uniqueName(server, index, place.taken)),
      gateway: place.gateway,
      selector: place.selector,
      port: server.port.number,
      ...(bind !== '' && !EVERY_ADDRESS.has(bind) && { bind }),
      // Istio: HTTPS that is passed through is routed by its server name like any TLS.
      protocol: tls !== undefined && tls.kind !== 'terminate' ? 'tls' : declared,
      ...(tls === undefined ? {} : { tls }),
      hostnames: [...new Set(hosts.map((entry) => entry.host))].sort(),
      isolated: false,
      origin: { kind: 'IstioGateway', namespace, name: object.metadata.name, rule: index },
    },
  }
}

function uniqueName(server: IstioServer, index: number, taken: Set<string>): string {
  const wanted = server.name ?? server.port.name
  const name = wanted === '' || taken.has(wanted) ? `server-${index}` : wanted
  taken.add(name)
  return name
}

function hostsRedirect(server: ServerState, object: IstioGateway): Route {
  const { key, hostnames, origin } = server.listener
  return httpsRedirectRoute({
    scope: { kind: 'gateway', listeners: [key] },
    domains: hostnames,
    origin,
    created: object.metadata.creationTimestamp ?? '',
    variant: 'https-redirect',
  })
}

/** `host`, `*\/host`, `.\/host` or `namespace/host`. */
function parseServerHost(text: string, own: string): ServerState['hosts'][number] {
  const slash = text.indexOf('/')
  const host = text.slice(slash + 1).toLowerCase()
  const namespace = slash < 0 ? '*' : text.slice(0, slash)
  if (namespace === '*') return { namespace: undefined, host }
  return { namespace: namespace === '.' ? own : namespace, host }
}

/** The host names under which a server takes the routes of a VirtualService's host. */
export function serverDomains(
  server: ServerState,
  hosts: readonly string[],
  namespace: string,
): readonly string[] {
  const domains = server.hosts
    .filter((entry) => entry.namespace === undefined || entry.namespace === namespace)
    .flatMap((entry) => hosts.flatMap((host) => intersectHosts(host, entry.host) ?? []))
  return [...new Set(domains)].sort()
}
