import type { Origin, PeerAuthenticationName } from './names.ts'

/** What the proxies of some workloads ask of connections that come in (Istio's PeerAuthentication). */
export interface PeerAuthentication {
  readonly type: 'peer-authentication'
  readonly key: PeerAuthenticationName
  /** No namespace: the whole mesh, whatever the labels. No labels: the whole namespace. */
  readonly scope: { readonly namespace?: string; readonly labels: Readonly<Record<string, string>> }
  /** RFC 3339. Among those of one scope the oldest holds. */
  readonly createdAt: string
  /** Absent: as the wider scope has it. */
  readonly mode?: PeerTlsMode
  /** By the workload's own port; absent: as `mode`. Only where there are labels. */
  readonly ports: Readonly<Record<string, PeerTlsMode>>
  readonly origin: Origin
}

/** `disable`: connections are taken as they are, and nobody speaks TLS of the mesh to it. */
export type PeerTlsMode = 'disable' | 'permissive' | 'strict'
