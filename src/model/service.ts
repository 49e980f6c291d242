import type { Origin, ServiceName } from './names.ts'
import type { SessionPersistence } from './session.ts'
import type { UpstreamTls } from './tls.ts'

/** An addressable name with ports, and how clients are to treat it. */
export interface Service {
  readonly type: 'service'
  readonly key: ServiceName
  readonly namespace: string
  /** Fully qualified and lower case: `backend.demo.svc.cluster.local`, or a ServiceEntry's host. */
  readonly hostname: string
  /** Virtual addresses, also networks in CIDR form; empty for a headless service. */
  readonly addresses: readonly string[]
  readonly ports: readonly ServicePort[]
  /**
   * static: workloads with addresses; dns: workloads with host names too; logical-dns: of a name's addresses one at a
   * time; passthrough: the address that the client asked for.
   */
  readonly resolution: 'static' | 'dns' | 'logical-dns' | 'passthrough'
  readonly visibility: Visibility
  /** Its endpoints are no members of the mesh: mutual TLS is spoken to them only where a policy says so. */
  readonly isExternal?: true
  /** One of these is in its servers' certificates, where TLS is spoken to them and the policy names none. */
  readonly subjectAltNames?: readonly string[]
  /** By port: TLS that gateways speak to it where no DestinationRule says otherwise (BackendTLSPolicy). */
  readonly tls?: Readonly<Record<string, UpstreamTls>>
  /** Where a route says nothing of it. */
  readonly session?: SessionPersistence
  /** From DestinationRules, in order of precedence: the first whose client namespace fits decides. */
  readonly policies: readonly ServicePolicy[]
  readonly origin: Origin
}

export interface ServicePort {
  readonly port: number
  readonly name: string
  readonly protocol: AppProtocol
}

/** `auto`: the name says nothing, so the first bytes decide (Istio's protocol selection). */
export type AppProtocol = 'http' | 'http2' | 'grpc' | 'https' | 'tls' | 'tcp' | 'udp' | 'auto'

/** Which namespaces may see an object (`exportTo`): all, or those listed. */
export type Visibility =
  | { readonly kind: 'all' }
  | { readonly kind: 'namespaces'; readonly namespaces: readonly string[] }

export interface ServicePolicy {
  /** Absent: holds for clients in every namespace. */
  readonly clientNamespace?: string
  /** Which a client must have. */
  readonly clientLabels?: Readonly<Record<string, string>>
  readonly traffic: TrafficPolicy
  /** By service port; replaces `traffic` for that port. */
  readonly ports: Readonly<Record<string, TrafficPolicy>>
  readonly subsets: readonly Subset[]
  readonly origin: Origin
}

export interface Subset {
  readonly name: string
  /** A workload belongs when it has all of these labels. */
  readonly labels: Readonly<Record<string, string>>
  /** Laid over the service's own policy, member by member. */
  readonly traffic: TrafficPolicy
  /** By service port; replaces `traffic` for that port. */
  readonly ports?: Readonly<Record<string, TrafficPolicy>>
}

export interface TrafficPolicy {
  readonly balancer?: Balancer
  readonly locality?: LocalityBalancing
  readonly connectTimeoutMs?: number
  readonly connections?: ConnectionLimits
  readonly retryBudget?: RetryBudget
  readonly outlierDetection?: OutlierDetection
  readonly healthCheck?: HealthCheck
  readonly tls?: UpstreamTls
  /** `host:port` that connections of bytes are led to through the endpoints, which are HTTP proxies (CONNECT). */
  readonly tunnel?: string
  /** Connections begin with a PROXY header that says who they are for. */
  readonly proxyProtocol?: 'v1' | 'v2'
}

/**
 * What one client may have under way at a service, over all endpoints (Envoy's circuit breakers), and how long its
 * connections live. An absent bound is the proxy's own.
 */
export interface ConnectionLimits {
  readonly connectionsMax?: number
  /** Requests that wait for a connection. */
  readonly pendingMax?: number
  /** Requests that have been given a connection. */
  readonly requestsMax?: number
  readonly retriesMax?: number
  readonly requestsPerConnectionMax?: number
  /** Requests at once on one connection of HTTP/2. */
  readonly streamsMax?: number
  /** Of a connection without a request; 0: none. */
  readonly idleTimeoutMs?: number
  /** Of a connection that carries no HTTP and no bytes; 0: none. */
  readonly tcpIdleTimeoutMs?: number
  /** The longest life of a connection. */
  readonly durationMaxMs?: number
  /** Silence before the first probe of TCP; absent: the system's own setting. */
  readonly keepAliveMs?: number
  /** Of a connection of HTTP/2: silence before a PING, and how long its answer may take. */
  readonly http2KeepAlive?: { readonly intervalMs: number; readonly timeoutMs: number }
  /** What endpoints of a port of plain HTTP are spoken to: HTTP/2, or what the client speaks. */
  readonly protocol?: 'http1' | 'http2' | 'downstream'
}

/** Retries under way at once, as a share of the requests under way; takes the place of `retriesMax`. */
export interface RetryBudget {
  readonly percent: number
  /** So many are allowed whatever the share. */
  readonly concurrencyMin: number
}

export type Balancer =
  | { readonly kind: 'round-robin'; readonly warmup?: Warmup }
  | { readonly kind: 'least-request'; readonly warmup?: Warmup }
  | { readonly kind: 'random' }
  | { readonly kind: 'passthrough' }
  | HashBalancer

/** An endpoint that has just come gets its share little by little (Envoy's slow start). */
export interface Warmup {
  readonly durationMs: number
  /** The share it begins with, of what it will have. */
  readonly minimumPercent: number
  /** 1: grows evenly; more: fast at first. */
  readonly aggression: number
}

/**
 * How the place of a client bears on where its requests go. Without it, clients whose policy watches the health of
 * endpoints use those nearby first. Places are `region/zone/subzone`, each `*` or left out for any.
 */
export interface LocalityBalancing {
  readonly enabled: boolean
  /** Shares of places, for clients in a place; the first that fits decides, and switches the rest off. */
  readonly distribute: readonly {
    readonly from: string
    readonly to: Readonly<Record<string, number>>
  }[]
  /** The region to go to, next to the client's own. */
  readonly failover: readonly { readonly from: string; readonly to: string }[]
  /** Labels that an endpoint is to share with the client, or `label=value`, the most important first. */
  readonly failoverPriority: readonly string[]
  /** Zones of the region take only what is too much for the client's own, so that all endpoints get as much. */
  readonly zoneAware?: { readonly minClusterSize: number }
}

/** Requests with the same key go to the same endpoint while it is there; one without a key goes anywhere. */
export interface HashBalancer {
  readonly kind: 'hash'
  readonly algorithm: 'ring' | 'maglev'
  /** Least number of places on the ring; number of places of Maglev's table (a prime). */
  readonly size: number
  readonly key: HashKey
}

export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'source-ip' }
  /** `ttlMs`: a client without the cookie is given one that lasts so long (0: as long as its session). */
  | {
      readonly kind: 'cookie'
      readonly name: string
      readonly path?: string
      readonly ttlMs?: number
      readonly attributes: readonly { readonly name: string; readonly value: string }[]
    }

/** When an endpoint that keeps failing is left out for a while (Envoy's outlier detection). Counts of 0: not looked at. */
export interface OutlierDetection {
  readonly consecutive5xx: number
  /** The statuses that count as 5xx, in place of those. */
  readonly errorStatuses?: readonly number[]
  /** 502, 503, 504. */
  readonly consecutiveGatewayErrors: number
  /** Connections that fail or break. They count as 5xx unless `splitLocal`. */
  readonly consecutiveLocalFailures: number
  readonly splitLocal: boolean
  readonly intervalMs: number
  /** Times the number of ejections so far. */
  readonly baseEjectionMs: number
  /** One endpoint may always be ejected. */
  readonly maxEjectionPercent: number
  /** When fewer are left, all are used again. */
  readonly minHealthPercent: number
}

/** Endpoints are asked again and again whether they are well (Envoy's active health checking). */
export interface HealthCheck {
  readonly probe:
    | {
        readonly kind: 'http'
        readonly path: string
        /** Absent: the endpoint's address. */
        readonly host?: string
        /** Those of a healthy endpoint. */
        readonly statuses: readonly { readonly from: number; readonly to: number }[]
      }
    /** A connection is enough. */
    | { readonly kind: 'tcp' }
    /** `grpc.health.v1`; of one service, or with an empty name of the whole server. */
    | { readonly kind: 'grpc'; readonly service: string }
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Successes in a row. The first of an endpoint that has just come is enough. */
  readonly healthyThreshold: number
  /** Failures in a row. What the endpoint says itself counts at once. */
  readonly unhealthyThreshold: number
}
