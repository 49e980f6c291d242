import type { ListenerName, ListenerTls } from '../../../model/index.ts'
import type { GatewayListener, GatewaySpec, RouteGroupKind } from '../../resources/index.ts'
import { GATEWAY_GROUP } from '../../resources/index.ts'
import { type CertificateContext, type CertificateFault, listenerTls } from './certificates.ts'

/** What one listener of a Gateway turned out to be. */
export interface ListenerState {
  readonly key: ListenerName
  readonly name: string
  readonly port: number
  readonly protocol: string
  /** Lower case; absent: every host. */
  readonly hostname: string | undefined
  readonly supportedKinds: readonly RouteGroupKind[]
  readonly allowedNamespaces: NonNullable<NonNullable<GatewayListener['allowedRoutes']>['namespaces']>
  readonly fault: ListenerFault | undefined
  /** Of HTTPS and TLS listeners; absent when there is no certificate to serve with. */
  readonly tls: ListenerTls | undefined
  readonly certificateFault: CertificateFault | undefined
  /** False when `allowedRoutes.kinds` names a kind that the listener cannot serve; the others still may attach. */
  readonly kindsValid: boolean
}

/** Why a listener does not serve. */
export interface ListenerFault {
  readonly kind: 'unsupported-protocol' | 'protocol-conflict' | 'hostname-conflict'
  readonly message: string
}

const HTTP_ROUTE: RouteGroupKind = { group: GATEWAY_GROUP, kind: 'HTTPRoute' }
const GRPC_ROUTE: RouteGroupKind = { group: GATEWAY_GROUP, kind: 'GRPCRoute' }
const TLS_ROUTE: RouteGroupKind = { group: GATEWAY_GROUP, kind: 'TLSRoute' }
const TCP_ROUTE: RouteGroupKind = { group: GATEWAY_GROUP, kind: 'TCPRoute' }
const UDP_ROUTE: RouteGroupKind = { group: GATEWAY_GROUP, kind: 'UDPRoute' }

/** The kinds of routes that a listener can take, by its protocol; TLS that is terminated leaves plain bytes. */
function kindsFor({ protocol, tls }: GatewayListener): readonly RouteGroupKind[] {
  switch (protocol) {
    case 'HTTP':
    case 'HTTPS':
      return [HTTP_ROUTE, GRPC_ROUTE]
    case 'TLS':
      return tls?.mode === 'Passthrough' ? [TLS_ROUTE] : [TLS_ROUTE, TCP_ROUTE]
    case 'TCP':
      return [TCP_ROUTE]
    case 'UDP':
      return [UDP_ROUTE]
    default:
      return []
  }
}

export interface ListenerContext {
  /** Of the Gateway. */
  readonly namespace: string
  /** Makes a listener's name in the model. */
  readonly keyOf: (listener: string) => ListenerName
  readonly certificates: CertificateContext
}

export function listenerStates(spec: GatewaySpec, context: ListenerContext): readonly ListenerState[] {
  const serving: ListenerState[] = []
  return spec.listeners.map((listener) => {
    const state = listenerState(listener, context, serving)
    if (state.fault === undefined) serving.push(state)
    return state
  })
}

function listenerState(
  listener: GatewayListener,
  context: ListenerContext,
  earlier: readonly ListenerState[],
): ListenerState {
  const hostname = listener.hostname?.toLowerCase()
  const candidates = kindsFor(listener)
  const wanted = listener.allowedRoutes?.kinds ?? []
  const supportedKinds =
    wanted.length === 0
      ? candidates
      : candidates.filter((candidate) => wanted.some((kind) => sameKind(kind, candidate)))
  const secured = listenerTls(listener, context.namespace, context.certificates)
  return {
    key: context.keyOf(listener.name),
    name: listener.name,
    port: listener.port,
    protocol: listener.protocol,
    hostname: hostname === '' ? undefined : hostname,
    supportedKinds,
    allowedNamespaces: listener.allowedRoutes?.namespaces ?? { from: 'Same' },
    fault: faultOf(listener, hostname, earlier),
    tls: secured.tls,
    certificateFault: secured.fault,
    kindsValid: wanted.every((kind) => supportedKinds.some((supported) => sameKind(kind, supported))),
  }
}

/** Gateway API, listener precedence: of listeners that clash, the first in the list serves. */
function faultOf(
  listener: GatewayListener,
  hostname: string | undefined,
  earlier: readonly ListenerState[],
): ListenerFault | undefined {
  const { protocol, port } = listener
  // Ports of UDP and of TCP are different ports.
  const samePort = earlier.filter(
    (other) => other.port === port && (other.protocol === 'UDP') === (protocol === 'UDP'),
  )
  const [first] = samePort
  if (kindsFor(listener).length === 0) {
    return {
      kind: 'unsupported-protocol',
      message: `Protocol ${protocol} is not served yet; use HTTP, HTTPS, TLS, TCP or UDP`,
    }
  }
  if (first !== undefined && first.protocol !== protocol) {
    return {
      kind: 'protocol-conflict',
      message: `Port ${port} is taken by listener ${first.name} with protocol ${first.protocol}`,
    }
  }
  if (first !== undefined && (protocol === 'TCP' || protocol === 'UDP')) {
    return {
      kind: 'protocol-conflict',
      message: `Port ${port} is taken by listener ${first.name}, and ${protocol} has nothing to tell them apart by`,
    }
  }
  const twin = samePort.find((other) => (other.hostname ?? '') === (hostname ?? ''))
  if (twin !== undefined) {
    return {
      kind: 'hostname-conflict',
      message: `Host name ${hostname ?? '*'} on port ${port} is taken by listener ${twin.name}`,
    }
  }
  return undefined
}

function sameKind(kind: RouteGroupKind, supported: RouteGroupKind): boolean {
  return kind.kind === supported.kind && (kind.group ?? GATEWAY_GROUP) === supported.group
}
