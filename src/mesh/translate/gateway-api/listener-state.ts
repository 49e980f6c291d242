import type { ListenerName, ListenerTls } from '../../../model/index.ts'
import type { NamespaceChoice, RouteGroupKind } from '../../resources/index.ts'
import type { ReferenceFault, Referrer } from './certificate-reference.ts'

/** The object that has a listener. */
export interface ListenerOwner extends Referrer {
  readonly name: string
}

/** What one listener of a Gateway or ListenerSet turned out to be. */
export interface ListenerState {
  readonly key: ListenerName
  readonly owner: ListenerOwner
  readonly name: string
  readonly port: number
  readonly protocol: string
  /** Lower case; absent: every host. */
  readonly hostname: string | undefined
  readonly supportedKinds: readonly RouteGroupKind[]
  readonly allowedNamespaces: NamespaceChoice
  readonly fault: ListenerFault | undefined
  /** Of HTTPS and TLS listeners; absent when there is nothing to serve with. */
  readonly tls: ListenerTls | undefined
  readonly referenceFault: ReferenceFault | undefined
  /** False when `allowedRoutes.kinds` names a kind that the listener cannot serve; the others still may attach. */
  readonly kindsValid: boolean
  readonly overlap: TlsOverlap | undefined
}

/** Why a listener is not accepted. */
export interface ListenerFault {
  readonly kind:
    | 'unsupported-protocol'
    | 'no-valid-ca-certificate'
    | 'protocol-conflict'
    | 'hostname-conflict'
  readonly message: string
}

/** That clients may reuse a connection to one listener for requests to another. */
export interface TlsOverlap {
  readonly reason: 'OverlappingHostnames' | 'OverlappingCertificates'
  readonly message: string
}

/** A listener by itself. */
export interface JudgedListener extends Omit<ListenerState, 'overlap'> {
  /** What its certificates name. */
  readonly certificateNames: readonly string[]
}

/** Without a certificate there is nothing to serve; the listener's conditions say why there is none. */
export function isServable({ fault, protocol, tls }: ListenerState): boolean {
  return fault === undefined && (tls !== undefined || (protocol !== 'HTTPS' && protocol !== 'TLS'))
}
