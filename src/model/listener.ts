import type { CredentialReference } from './credential.ts'
import type { GatewayName, ListenerName, Origin } from './names.ts'
import type { ListenerTls } from './tls.ts'

/** Where a gateway listens. Proxies that the selector picks bind it. */
export interface Listener {
  readonly type: 'listener'
  readonly key: ListenerName
  readonly gateway: GatewayName
  /** The proxies that serve it: all labels must be on the proxy's workload. */
  readonly selector: { readonly namespace?: string; readonly labels: Readonly<Record<string, string>> }
  /** The port that clients dial; the proxy binds the port that its own Service maps it to, or this one. */
  readonly port: number
  /** The one address of the proxy where it is listened on (Istio's `bind`); absent: all of them. */
  readonly bind?: string
  /** `https`: HTTP inside of TLS; `tls`: TLS whose content is bytes; `tcp`: bytes; `udp`: datagrams. */
  readonly protocol: 'http' | 'https' | 'tls' | 'tcp' | 'udp'
  /** Given exactly for `https` and `tls`. */
  readonly tls?: ListenerTls
  /** Lower case: exact, `*.suffix`, or `*`; never empty. */
  readonly hostnames: readonly string[]
  /**
   * Gateway API: only the listener with the most specific matching host name serves a request (true).
   * Istio API: servers of all Gateways on one port are merged (false).
   */
  readonly isolated: boolean
  /** What the proxies show to services whose own terms (`Service.tls`) have them speak TLS. */
  readonly backendCertificate?: CredentialReference
  readonly origin: Origin
}
