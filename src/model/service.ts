import type { Origin, ServiceName } from './names.ts'

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
  /** static: workloads with addresses; dns: workloads with host names too; passthrough: the address that the client asked for. */
  readonly resolution: 'static' | 'dns' | 'passthrough'
  readonly visibility: Visibility
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
}

export interface TrafficPolicy {
  readonly balancer?: Balancer
  readonly connectTimeoutMs?: number
}

export type Balancer =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'least-request' }
  | { readonly kind: 'random' }
  | { readonly kind: 'passthrough' }
