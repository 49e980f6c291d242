import type { ListenerName } from '../../../model/index.ts'
import type { GatewayListener, GatewaySpec, RouteGroupKind } from '../../resources/index.ts'
import { GATEWAY_GROUP } from '../../resources/index.ts'

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
  /** False when `allowedRoutes.kinds` names a kind that the listener cannot serve; the others still may attach. */
  readonly kindsValid: boolean
}

/** Why a listener does not serve. */
export interface ListenerFault {
  readonly kind: 'unsupported-protocol' | 'protocol-conflict' | 'hostname-conflict'
  readonly message: string
}

const HTTP_ROUTE: RouteGroupKind = { group: GATEWAY_GROUP, kind: 'HTTPRoute' }

/** @param keyOf makes a listener's name in the model */
export function listenerStates(
  spec: GatewaySpec,
  keyOf: (listener: string) => ListenerName,
): readonly ListenerState[] {
  const serving: ListenerState[] = []
  return spec.listeners.map((listener) => {
    const state = listenerState(listener, keyOf, serving)
    if (state.fault === undefined) serving.push(state)
    return state
  })
}

function listenerState(
  listener: GatewayListener,
  keyOf: (listener: string) => ListenerName,
  earlier: readonly ListenerState[],
): ListenerState {
  const hostname = listener.hostname?.toLowerCase()
  const candidates = listener.protocol === 'HTTP' ? [HTTP_ROUTE] : []
  const wanted = listener.allowedRoutes?.kinds ?? []
  const supportedKinds =
    wanted.length === 0
      ? candidates
      : candidates.filter((candidate) => wanted.some((kind) => sameKind(kind, candidate)))
  return {
    key: keyOf(listener.name),
    name: listener.name,
    port: listener.port,
    protocol: listener.protocol,
    hostname: hostname === '' ? undefined : hostname,
    supportedKinds,
    allowedNamespaces: listener.allowedRoutes?.namespaces ?? { from: 'Same' },
    fault: faultOf(listener, hostname, earlier),
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
  const samePort = earlier.filter((other) => other.port === port)
  const [first] = samePort
  if (protocol !== 'HTTP') {
    return {
      kind: 'unsupported-protocol',
      message: `Protocol ${protocol} is not served yet; use HTTP`,
    }
  }
  if (first !== undefined && first.protocol !== protocol) {
    return {
      kind: 'protocol-conflict',
      message: `Port ${port} is taken by listener ${first.name} with protocol ${first.protocol}`,
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
