import type { Clock, Collection, Logger } from '../../base/index.ts'
import type {
  AuthorizationPolicy,
  ConnectionRoute,
  Credential,
  HttpBounds,
  Listener,
  Mesh,
  ModelObject,
  ModelType,
  PeerAuthentication,
  RateLimit,
  RequestAuthentication,
  Route,
  Service,
  Sidecar,
  Telemetry,
  Workload,
} from '../../model/index.ts'
import type { PeerCredentials } from '../ca/index.ts'
import type { ProxyNode } from '../types/index.ts'

/** What the server serves: one collection for each type of model object, keyed by the objects' keys. */
export interface ModelCollections {
  readonly mesh: Collection<Mesh>
  readonly workload: Collection<Workload>
  readonly service: Collection<Service>
  readonly credential: Collection<Credential>
  readonly listener: Collection<Listener>
  readonly route: Collection<Route>
  readonly 'connection-route': Collection<ConnectionRoute>
  readonly 'rate-limit': Collection<RateLimit>
  readonly 'http-bounds': Collection<HttpBounds>
  readonly telemetry: Collection<Telemetry>
  readonly 'peer-authentication': Collection<PeerAuthentication>
  readonly sidecar: Collection<Sidecar>
  readonly 'request-authentication': Collection<RequestAuthentication>
  readonly 'authorization-policy': Collection<AuthorizationPolicy>
}

/** Who a connection is, by its credentials. */
export interface PeerIdentity {
  readonly namespace: string
  readonly serviceAccount: string
}

/** Who is at the other end of a stream. */
export interface Peer {
  /** What it says of itself. */
  readonly node: ProxyNode
  /** What it has proven, where proof was asked for; its node says the same then. */
  readonly identity: PeerIdentity | undefined
}

export type Authentication =
  | { readonly kind: 'ok'; readonly identity: PeerIdentity }
  | { readonly kind: 'refused'; readonly reason: string }
  /** It could not be found out now; the client is to come again. */
  | { readonly kind: 'unavailable'; readonly reason: string }

export type Authenticate = (credentials: PeerCredentials) => Promise<Authentication>

/** Told of everything that happens, for metrics and logs. */
export interface XdsObserver {
  readonly connected?: (node: ProxyNode) => void
  readonly disconnected?: (node: ProxyNode) => void
  readonly pushed?: (push: XdsPush) => void
  readonly acknowledged?: (answer: {
    readonly node: ProxyNode
    readonly type: ModelType
    /** From the oldest change in the response to its acknowledgement. */
    readonly sinceChangeMs: number
  }) => void
  readonly rejected?: (rejection: Rejection & { readonly node: ProxyNode; readonly type: ModelType }) => void
}

export interface XdsPush {
  readonly node: ProxyNode
  readonly type: ModelType
  readonly resources: number
  readonly removed: number
  readonly bytes: number
  /** From the change (or the request) to the write. */
  readonly ms: number
}

export interface Rejection {
  readonly key: string
  /** The version that was refused; the proxy keeps its last good one. */
  readonly version: string
  readonly reason: string
}

/** One connected proxy, for `proxy-status`. */
export interface ProxyStatus {
  readonly node: ProxyNode
  readonly connectedAt: number
  readonly types: Readonly<Partial<Record<ModelType, TypeStatus>>>
}

export interface TypeStatus {
  readonly subscriptions: readonly string[]
  /** How many resources the proxy was given. */
  readonly resources: number
  /** Revisions of the server's state; equal when the proxy has acknowledged all that it was sent. */
  readonly sentRevision: number
  readonly ackedRevision: number
  /** Changes that wait for an acknowledgement of what was sent before. */
  readonly waiting: number
  readonly rejections: readonly Rejection[]
}

export interface XdsServerOptions {
  readonly collections: ModelCollections
  /** Says who answers (Istio: JSON with the component, the pod's name and the version). */
  readonly controlPlane: string
  readonly observer: XdsObserver
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<XdsLimits>
}

export interface XdsLimits {
  readonly streamsMax: number
  /** Subscription names of one type on one stream. */
  readonly subscriptionsMax: number
  /** Size at which a response is cut; the rest follows after its acknowledgement. */
  readonly responseBytesMax: number
}

export type Encode = (object: ModelObject) => { readonly version: string; readonly frame: Uint8Array }
