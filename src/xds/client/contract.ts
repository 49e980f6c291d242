import type { Clock, Logger, Random } from '../../base/index.ts'
import type { ModelType } from '../../model/index.ts'
import type { ProxyNode } from '../types/index.ts'
import type { XdsChannels } from './channels.ts'

export interface XdsClientOptions {
  /** `host:port` of the control plane; the host is also the name its certificate must carry. */
  readonly address: string
  /** Called before each connection; an IP address as host is used as it is. */
  readonly resolve: (host: string) => Promise<readonly string[]>
  /** PEM; read before each connection, so that a rotated root is taken. Undefined while it is not there yet. */
  readonly rootCertificate?: () => string | undefined
  /** ServiceAccount token; read for each connection. */
  readonly token?: () => string | undefined
  readonly plaintext?: boolean
  readonly node: ProxyNode
  /**
   * Takes one response, in the order sets then removals. It applies all that it can; what it names in its answer keeps
   * its last good version and is reported to the control plane. If it throws, the whole response counts as rejected.
   */
  readonly accept: (changes: readonly XdsChange[]) => readonly XdsRejection[]
  /** Connections shared with other clients of the process; absent: connections of its own. */
  readonly channels?: XdsChannels
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export type XdsChange =
  | {
      readonly kind: 'set'
      readonly type: ModelType
      readonly key: string
      readonly version: string
      /** Decoded JSON, unchecked. */
      readonly object: unknown
    }
  | { readonly kind: 'remove'; readonly type: ModelType; readonly key: string }

export interface XdsRejection {
  readonly type: ModelType
  readonly key: string
  readonly reason: string
}

export interface XdsClient {
  readonly start: () => void
  readonly stop: () => void
  /** Names as src/xds/types `Subscription` has them; a name that is subscribed already changes nothing. */
  readonly subscribe: (type: ModelType, names: readonly string[]) => void
  /** The server then removes what no other subscription holds. */
  readonly unsubscribe: (type: ModelType, names: readonly string[]) => void
  readonly connected: () => boolean
  /** Whether everything that the subscription stands for has arrived once; stays true across reconnects. */
  readonly synced: (type: ModelType, name: string) => boolean
  /** Called after each response that made a subscription synced; the returned function stops it. */
  readonly onSynced: (callback: () => void) => () => void
}
