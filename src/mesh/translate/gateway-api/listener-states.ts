import type { ListenerName } from '../../../model/index.ts'
import type { GatewayListener, RouteGroupKind } from '../../resources/index.ts'
import { GATEWAY_GROUP } from '../../resources/index.ts'
import type { CertificateContext } from './certificate-reference.ts'
import { listenerTls } from './certificates.ts'
import type { ClientValidation } from './client-validation.ts'
import { withoutConflicts } from './listener-conflicts.ts'
import { overlapsOf } from './listener-overlaps.ts'
import type { JudgedListener, ListenerFault, ListenerOwner, ListenerState } from './listener-state.ts'

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

/** The listeners of one object, as they are written. */
export interface ListenerGroup {
  readonly owner: ListenerOwner
  readonly listeners: readonly GatewayListener[]
  /** Makes a listener's name in the model. */
  readonly keyOf: (listener: string) => ListenerName
}

export interface ListenerContext extends CertificateContext {
  /** What HTTPS listeners of a port ask of their clients: the Gateway says it for all. */
  readonly clients: (port: number) => ClientValidation
}

/**
 * The listeners of a Gateway and of its ListenerSets, group by group.
 * @param groups in their order of precedence
 */
export function listenerStates(
  groups: readonly ListenerGroup[],
  context: ListenerContext,
): readonly (readonly ListenerState[])[] {
  const judged = groups.map((group) =>
    group.listeners.map((listener) => listenerState(listener, group, context)),
  )
  const states = withoutConflicts(judged)
  const overlaps = overlapsOf(states.flat().filter(({ fault }) => fault === undefined))
  return states.map((group) =>
    group.map(({ certificateNames: _names, ...state }) => ({ ...state, overlap: overlaps.get(state.key) })),
  )
}

function listenerState(
  listener: GatewayListener,
  { owner, keyOf }: ListenerGroup,
  context: ListenerContext,
): JudgedListener {
  const { name, port, protocol } = listener
  const hostname = listener.hostname?.toLowerCase()
  const candidates = kindsFor(listener)
  const wanted = listener.allowedRoutes?.kinds ?? []
  const supportedKinds =
    wanted.length === 0
      ? candidates
      : candidates.filter((candidate) => wanted.some((kind) => sameKind(kind, candidate)))
  const secured = listenerTls(listener, owner, context)
  return {
    key: keyOf(name),
    owner,
    name,
    port,
    protocol,
    hostname: hostname === '' ? undefined : hostname,
    supportedKinds,
    allowedNamespaces: listener.allowedRoutes?.namespaces ?? { from: 'Same' },
    fault: ownFault(listener, secured.missingTrust),
    tls: secured.tls,
    referenceFault: secured.fault,
    kindsValid: wanted.every((kind) => supportedKinds.some((supported) => sameKind(kind, supported))),
    certificateNames: secured.certificateNames,
  }
}

function ownFault(listener: GatewayListener, missingTrust: string | undefined): ListenerFault | undefined {
  if (kindsFor(listener).length === 0) {
    return {
      kind: 'unsupported-protocol',
      message: `Protocol ${listener.protocol} is not known; use HTTP, HTTPS, TLS, TCP or UDP`,
    }
  }
  return missingTrust === undefined
    ? undefined
    : { kind: 'no-valid-ca-certificate', message: `No client can be checked: ${missingTrust}` }
}

function sameKind(kind: RouteGroupKind, supported: RouteGroupKind): boolean {
  return kind.kind === supported.kind && (kind.group ?? GATEWAY_GROUP) === supported.group
}
