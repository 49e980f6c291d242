import type { Origin, RouteName } from './names.ts'
import type { Destination, OrderKey, RouteScope } from './route.ts'

/** One rule for connections that are passed on as bytes: TLS by its server name, or plain TCP by its port. */
export interface ConnectionRoute {
  readonly type: 'connection-route'
  readonly key: RouteName
  readonly scope: RouteScope
  /** Alternatives; never empty. */
  readonly matches: readonly ConnectionMatch[]
  /** Never empty. */
  readonly destinations: readonly ConnectionDestination[]
  /** Without a byte in either direction for so long the connection is closed; absent: an hour; 0: never. */
  readonly idleTimeoutMs?: number
  readonly origin: Origin
}

/** All given conditions must hold. */
export interface ConnectionMatch {
  /** Among the matches of a connection the most specific server name goes first, then this. */
  readonly order: OrderKey
  /** Lower case: exact, `*.suffix` or `*`; never empty. Absent: what is no TLS, or TLS of any name. */
  readonly serverNames?: readonly string[]
  /** The port that the client dialled. */
  readonly port?: number
  /** In the mesh: host names of services, one of which the client dialled. */
  readonly hosts?: readonly string[]
  /** Addresses or networks, one of which the client dialled. */
  readonly destinations?: readonly string[]
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly sourceNamespace?: string
}

export interface ConnectionDestination {
  readonly weight: number
  readonly target: Destination
}
