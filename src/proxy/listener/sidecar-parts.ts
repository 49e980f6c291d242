import type { Logger } from '../../base/index.ts'
import type { GatewayName, Workload } from '../../model/index.ts'
import type { IstioMetrics, LogRecord } from '../../telemetry/index.ts'
import type { Runtime } from '../config/runtime.ts'
import type { ProxyRole } from '../exchange/rules.ts'
import type { Exchange, HttpContext } from '../exchange/types.ts'
import type { SocketTarget } from '../net/network.ts'
import type { UpstreamSettings } from '../upstream/pool.ts'
import type { PeerTlsDecision } from '../../policy/index.ts'
import type { ConnectionSet } from './http-listener.ts'
import type { InboundTls } from './inbound-tls.ts'

/** What a sidecar's own workload is called where gateways have names. */
export const OWN_WORKLOAD = 'workload' as GatewayName

/** What both sides of a sidecar need. */
export interface SidecarParts {
  readonly namespace: string
  /** Tells the proxy from others of the process. */
  readonly proxy: string
  readonly runtime: Runtime
  readonly upstream: UpstreamSettings
  readonly connections: ConnectionSet
  readonly metrics: IstioMetrics
  /** Of what the application calls. */
  readonly log: { readonly write: (record: LogRecord) => void }
  /** Of what calls it. */
  readonly logInbound: { readonly write: (record: LogRecord) => void }
  readonly own: () => Workload | undefined
  /** Who may call the workload is known. */
  readonly isOpen: () => boolean
  /** Absent: this proxy has no identity in a mesh. */
  readonly mutual?:
    | { readonly tls: InboundTls; readonly decide: (port: number) => PeerTlsDecision }
    | undefined
  readonly context: (
    role: ProxyRole,
    port: number,
    handle: (exchange: Exchange) => void,
    original: SocketTarget,
  ) => HttpContext
  readonly logger: Logger
  readonly inboundSource?: string | undefined
}
