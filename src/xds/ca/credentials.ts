import type { Metadata } from '@grpc/grpc-js'

/** What a caller brings along to prove who it is. */
export interface PeerCredentials {
  /** The bearer token of its metadata. */
  readonly token?: string
  /** DER of the certificate that its connection was opened with, which leads to a root of the mesh and is its own. */
  readonly certificate?: Uint8Array
}

/** The part of a gRPC call that says what the caller brought along. */
export interface CredentialedCall {
  readonly metadata: Metadata
  readonly getAuthContext: () => { readonly sslPeerCertificate?: { readonly raw: Buffer } }
}

/** grpc-js names a peer's certificate only when TLS has led it to one of the server's roots. */
export function credentialsOf(call: CredentialedCall): PeerCredentials {
  const token = bearerOf(call.metadata)
  const certificate = call.getAuthContext().sslPeerCertificate?.raw
  return { ...(token === undefined ? {} : { token }), ...(certificate === undefined ? {} : { certificate }) }
}

function bearerOf(metadata: Metadata): string | undefined {
  const value = metadata.get('authorization')[0]
  return typeof value === 'string' && value.startsWith('Bearer ') ? value.slice('Bearer '.length) : undefined
}
