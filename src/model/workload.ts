import type { Origin, ServiceName, SpiffeId, WorkloadUid } from './names.ts'

/**
 * A running instance with an identity: a pod, an entry of a hand-made EndpointSlice, a WorkloadEntry.
 * The endpoints of a service are the workloads that name it: one changed pod is one changed Workload, whatever leads to it.
 */
export interface Workload {
  readonly type: 'workload'
  readonly key: WorkloadUid
  readonly name: string
  readonly namespace: string
  /** IP addresses, primary first; empty only when there is a host name instead. */
  readonly addresses: readonly string[]
  /** Resolved by the proxy, in place of addresses. */
  readonly hostname?: string
  readonly labels: Readonly<Record<string, string>>
  readonly identity: SpiffeId
  readonly serviceAccount: string
  /** What Istio's telemetry calls the workload: the Deployment's name, not the pod's. */
  readonly owner: { readonly kind: string; readonly name: string }
  readonly canonicalName: string
  readonly canonicalRevision: string
  readonly cluster: string
  readonly node?: string
  readonly locality?: Locality
  /** Relative share within its service, 1..; 1 when nothing says otherwise. */
  readonly weight: number
  /** Whether a mesh proxy stands before it that accepts mutual TLS (label `security.istio.io/tlsMode=istio`). */
  readonly tlsMode: 'istio' | 'disabled'
  /** The services it belongs to. */
  readonly services: Readonly<Record<ServiceName, Membership>>
  readonly origin: Origin
}

export interface Membership {
  /** Service port → the port on the workload. */
  readonly ports: Readonly<Record<string, number>>
  /** Only ready members are chosen; Istio turns Envoy's panic mode off, so a service with none answers 503. */
  readonly ready: boolean
  /** On its way out and still serving: only for requests whose session is here. */
  readonly draining?: boolean
}

export interface Locality {
  readonly region: string
  readonly zone: string
  readonly subzone: string
}
