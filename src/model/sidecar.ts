import type { Origin, SidecarName } from './names.ts'
import type { Destination } from './route.ts'
import type { AppProtocol, ConnectionLimits } from './service.ts'

/**
 * What the proxies of some workloads know of the mesh, and how they hand on what comes in. One holds for a proxy: the
 * one that names its labels before the one of its namespace, before the one of the whole mesh, the oldest of each.
 */
export interface Sidecar {
  readonly type: 'sidecar'
  readonly key: SidecarName
  /** No namespace: the whole mesh. */
  readonly scope: { readonly namespace?: string; readonly labels: Readonly<Record<string, string>> }
  /** RFC 3339. */
  readonly createdAt: string
  /** Never empty. A port that an entry names is that entry's alone; the others share those that name none. */
  readonly egress: readonly EgressListener[]
  /** Empty: all ports of the workload, handed on as they are dialled. */
  readonly ingress: readonly IngressListener[]
  /** Of every port that comes in, where its listener names none. Absent: as policies of the service have it. */
  readonly inboundBounds?: InboundBounds
  /** Absent: as the mesh has it. */
  readonly outbound?: 'allow-any' | 'registry-only'
  /** Where what is unknown goes, in place of where it was dialled. */
  readonly egressProxy?: Extract<Destination, { kind: 'service' }>
  readonly origin: Origin
}

export interface EgressListener {
  readonly port?: number
  /** Listened on in the pod as well, for clients that are not captured. */
  readonly bind?: { readonly address: string; readonly port: number; readonly protocol: AppProtocol }
  /** Empty: nothing is known there. */
  readonly hosts: readonly ScopedHosts[]
}

export interface ScopedHosts {
  /** `*`: every namespace; `.`: that of the client. */
  readonly namespace: string
  /** Lower case: exact, `*.suffix` or `*`. */
  readonly host: string
}

export interface IngressListener {
  readonly port: number
  readonly protocol: AppProtocol
  /** Listened on in the pod as well, for clients that are not captured. */
  readonly bind?: string
  readonly bounds?: InboundBounds
  readonly endpoint: IngressEndpoint
}

/** What the application may get at once, and how long a connection to it may take. */
export interface InboundBounds {
  readonly connections?: ConnectionLimits
  readonly connectTimeoutMs?: number
}

export type IngressEndpoint =
  /** Where it was dialled. */
  | { readonly kind: 'dialled' }
  /** No address: the workload's own. */
  | { readonly kind: 'at'; readonly address?: string; readonly port: number }
  /** What was written cannot be done, so nothing is handed on. */
  | { readonly kind: 'refused'; readonly reason: string }
