import type { SpiffeId } from '../model/index.ts'

/** Who is at the other end of a connection, as its certificate of the mesh has proven. */
export interface PeerIdentityFacts {
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` */
  readonly principal: SpiffeId
  readonly trustDomain: string
  readonly namespace: string
  readonly serviceAccount: string
}

/** What is known of a connection before the first byte of what it carries. Worked out once for each. */
export interface ConnectionFacts {
  /** Absent: it is not in mutual TLS, or its certificate names no workload of a mesh. */
  readonly peer?: PeerIdentityFacts
  /** SNI, where there is TLS. */
  readonly serverName?: string
  /** Plain addresses; the destination is the one that the client dialled. */
  readonly sourceAddress: string
  readonly sourcePort: number
  readonly destinationAddress: string
  readonly destinationPort: number
}

const SPIFFE = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/

/** @returns undefined when the URI is not a workload's of a mesh (Istio, spiffe.ParseIdentity) */
export function parsePeerIdentity(uri: string): PeerIdentityFacts | undefined {
  const [, trustDomain, namespace, serviceAccount] = SPIFFE.exec(uri) ?? []
  if (trustDomain === undefined || namespace === undefined || serviceAccount === undefined) return undefined
  return { principal: uri as SpiffeId, trustDomain, namespace, serviceAccount }
}
