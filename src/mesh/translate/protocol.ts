import type { ServicePort } from '../../kube/index.ts'
import type { AppProtocol } from '../../model/index.ts'

/** The first part of a port's name, or its appProtocol, and what it stands for; servers of `grpc-web` speak gRPC. */
const BY_NAME: Readonly<Record<string, AppProtocol>> = {
  http: 'http',
  http_proxy: 'http',
  http2: 'http2',
  grpc: 'grpc',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
  udp: 'udp',
}

const KUBERNETES_APP_PROTOCOLS: Readonly<Record<string, AppProtocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
}

/** The server speaks first on these, so the first bytes of the client must not be waited for. */
const SERVER_FIRST_PORTS: ReadonlySet<number> = new Set([25, 53, 3306, 27017])

/**
 * The protocol of a Service port: its appProtocol or else the part of its name before the first dash says it.
 * @see Istio, protocol selection
 */
export function protocolOf(port: ServicePort): AppProtocol {
  if (port.protocol === 'UDP') return 'udp'
  const text = (port.appProtocol ?? port.name ?? '').toLowerCase()
  const kubernetes = Object.hasOwn(KUBERNETES_APP_PROTOCOLS, text)
    ? KUBERNETES_APP_PROTOCOLS[text]
    : undefined
  if (kubernetes !== undefined) return kubernetes
  return namedProtocol(text, port.port)
}

/** What a port's name, or the protocol of an Istio object, stands for. */
export function namedProtocol(text: string, port: number): AppProtocol {
  const name = text.toLowerCase().split('-', 1)[0] ?? ''
  const named = Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined
  return named ?? (SERVER_FIRST_PORTS.has(port) ? 'tcp' : 'auto')
}
