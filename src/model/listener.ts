import type { GatewayName, ListenerName, Origin } from './names.ts'

/** Where a gateway listens. Proxies that the selector picks bind it. */
export interface Listener {
  readonly type: 'listener'
  readonly key: ListenerName
  readonly gateway: GatewayName
  /** The proxies that serve it: all labels must be on the proxy's workload. */
  readonly selector: { readonly namespace?: string; readonly labels: Readonly<Record<string, string>> }
  /** The port that clients dial; the proxy binds the port that its own Service maps it to, or this one. */
  readonly port: number
  readonly protocol: 'http' | 'https' | 'tls' | 'tcp'
  /** Lower case: exact, `*.suffix`, or `*`; never empty. */
  readonly hostnames: readonly string[]
  /**
   * Gateway API: only the listener with the most specific matching host name serves a request (true).
   * Istio API: servers of all Gateways on one port are merged (false).
   */
  readonly isolated: boolean
  readonly origin: Origin
}
