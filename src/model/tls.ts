import type { CredentialReference } from './credential.ts'

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

/** What holds for all TLS of gateways and to endpoints where nothing is said of it (MeshConfig.tlsDefaults). */
export interface TlsDefaults {
  /** OpenSSL's names, for versions up to 1.2. */
  readonly ciphers?: readonly string[]
  readonly curves?: readonly string[]
}

/** What a listener does with TLS. */
export type ListenerTls =
  /** Only the server name is read; the bytes go on as they are. */
  | { readonly kind: 'passthrough' }
  /** The server name says the service, port and subset to go to (Istio's AUTO_PASSTHROUGH); only listed hosts are. */
  | { readonly kind: 'auto-passthrough' }
  | {
      readonly kind: 'terminate'
      /** Never empty; the one that fits the client's server name and algorithms is shown. */
      readonly certificates: readonly CredentialReference[]
      readonly clients: ClientCertificates
      readonly minVersion?: TlsVersion
      readonly maxVersion?: TlsVersion
      /** OpenSSL's names, for versions up to 1.2; absent: a modern default. */
      readonly ciphers?: readonly string[]
    }

/** Whether clients show a certificate, and whom they must have it from: any of the bundles that exist. */
export type ClientCertificates =
  | { readonly kind: 'none' }
  /** Without one, or with a bad one, the handshake fails. */
  | {
      readonly kind: 'required'
      readonly trust: readonly CredentialReference[]
      readonly accepted?: AcceptedClients
    }
  /** None is fine; one that is shown has to be good. */
  | {
      readonly kind: 'optional'
      readonly trust: readonly CredentialReference[]
      readonly accepted?: AcceptedClients
    }
  /** Whatever is shown is passed on as unproven. */
  | { readonly kind: 'unverified' }

/** Which of the clients with a good certificate are let in. */
export interface AcceptedClients {
  /** One of them must be an alternative name of the certificate, of whatever kind; absent: any. */
  readonly names?: readonly string[]
  /** SHA-256 of the certificate (lower-case hex) or of its public key (base64), one of which must fit; absent: any. */
  readonly certificateHashes?: readonly string[]
  readonly keyHashes?: readonly string[]
}

/** TLS that a proxy speaks to endpoints. */
export type UpstreamTls =
  | { readonly kind: 'disabled' }
  /** The mesh's own, to every endpoint, whether it is known to speak it or not (Istio's ISTIO_MUTUAL). */
  | {
      readonly kind: 'mesh'
      /** Absent: the cluster's, as Istio's proxies name it. */
      readonly serverName?: string
      /** One of them must be the endpoint's identity; empty: the one that its workload is known to have. */
      readonly subjectAltNames: readonly SubjectAltName[]
    }
  /** What was asked for cannot be had: rather no connection than one on other terms. */
  | { readonly kind: 'refused'; readonly reason: string }
  | {
      readonly kind: 'originate'
      /** Absent: the service's host name. */
      readonly serverName?: string
      /** One of them must be in the endpoint's certificate; empty: the server name. */
      readonly subjectAltNames: readonly SubjectAltName[]
      readonly trust: ServerTrust
      readonly certificate?: CredentialReference
    }

export type SubjectAltName =
  | { readonly kind: 'dns'; readonly value: string }
  | { readonly kind: 'uri'; readonly value: string }
  /** Either; a URI also by a prefix that ends in `*`. */
  | { readonly kind: 'any'; readonly value: string }

/** Whom an endpoint's certificate must come from. */
export type ServerTrust =
  | { readonly kind: 'system' }
  /** PEM; it is public, so that it stands here. */
  | { readonly kind: 'certificates'; readonly pem: string }
  | { readonly kind: 'credential'; readonly references: readonly CredentialReference[] }
  | { readonly kind: 'anyone' }
