import type { HttpBoundsName, Origin } from './names.ts'
import type { TrafficSide } from './rate-limit.ts'
import type { OrderKey } from './route.ts'

/**
 * Bounds on the heads and times of requests, or on the heads of responses, in the place of those that a proxy has by
 * itself. Of several for one place each member has its last value.
 * @see Envoy HttpConnectionManager, HttpProtocolOptions
 */
export interface HttpBounds {
  readonly type: 'http-bounds'
  readonly key: HttpBoundsName
  /** The proxies that it is for: of the namespace when it is given, with all of the labels. */
  readonly selector: { readonly namespace?: string; readonly labels: Readonly<Record<string, string>> }
  /** Never empty. */
  readonly sides: readonly TrafficSide[]
  readonly place: HttpBoundsPlace
  readonly headBytesMax?: number
  readonly headFieldsMax?: number
  /** The times are of requests; 0: endless. */
  readonly headTimeoutMs?: number
  /** Until the whole request is there, if nothing is answered before. */
  readonly requestTimeoutMs?: number
  readonly streamIdleTimeoutMs?: number
  /** Of a client's connection without a request. */
  readonly idleTimeoutMs?: number
  readonly order: OrderKey
  readonly origin: Origin
}

export type HttpBoundsPlace =
  /** Requests, by the port that they come in at. */
  | { readonly kind: 'listener'; readonly port?: number }
  /** Responses, by the service and its port, or for what calls a workload the workload's port. */
  | { readonly kind: 'cluster'; readonly hostname?: string; readonly port?: number; readonly subset?: string }
