/** What a log line can say of a request or a connection. Texts that do not apply are `-`. */
export interface LogRecord {
  /** Wall clock, milliseconds. */
  readonly startTime: number
  readonly durationMs: number
  /** Monotonic, as the points in time below; those that were not reached are 0. */
  readonly startedAt: number
  /** The last byte of the request has come. */
  readonly requestEndedAt: number
  /** The last attempt's request went upstream. */
  readonly sentAt: number
  /** The first byte of the upstream's answer has come. */
  readonly answeredAt: number
  readonly protocol: string
  readonly method: string
  readonly path: string
  readonly originalPath: string | undefined
  readonly authority: string
  readonly scheme: string
  readonly requestId: string
  readonly status: number
  /** Of gRPC, as a number in text; empty: none. */
  readonly grpcStatus: string
  readonly flags: number
  readonly details: string
  readonly terminationDetails: string
  readonly transportFailure: string
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Bytes of the request's head as it came; absent: there was none. */
  readonly head?: { readonly length: number }
  readonly responseHeadBytes: number
  /** -1: no upstream answered. */
  readonly upstreamServiceTime: number
  readonly upstreamHost: string
  readonly upstreamLocal: string
  readonly clusterName: string
  readonly routeName: string
  /** Of the TLS that the client began; absent: none was read. */
  readonly requestedServerName?: string
  readonly attempt: number
  /** The endpoints of earlier attempts. */
  readonly tried?: readonly string[] | undefined
  readonly stream: {
    readonly remoteAddress: string
    readonly remotePort: number
    readonly localAddress: string
    readonly localPort: number
  }
  /** Of the client, where a proxy before this one is believed to have seen it. */
  readonly trustedAddress?: string | undefined
  readonly header: (name: string) => string | undefined
  readonly responseFields: Readonly<Record<string, string | undefined>> | undefined
  /** Lines, each ending in CR LF. */
  readonly responseTrailers: string
  readonly trace?: TraceIds | undefined
  /** What the client's connection is secured with. */
  readonly context?: { readonly downstreamTls?: () => TlsFacts | undefined }
}

/** Hexadecimal, as in `traceparent`. */
export interface TraceIds {
  readonly traceId: string
  readonly spanId: string
}

/** What a TLS connection was agreed to be. */
export interface TlsFacts {
  /** `TLSv1.3` */
  readonly version: string
  /** OpenSSL's name, as Envoy prints it. */
  readonly cipher: string
  readonly sessionId: string
  readonly peer: CertificateFacts | undefined
  readonly local: CertificateFacts | undefined
}

export interface CertificateFacts {
  /** RFC 2253. */
  readonly subject: string
  readonly issuer: string
  /** Hexadecimal, in lower case. */
  readonly serial: string
  readonly sha1: string
  readonly sha256: string
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  readonly ips: readonly string[]
  readonly emails: readonly string[]
  readonly notBefore: number
  readonly notAfter: number
  /** PEM, percent-encoded as Envoy does it. */
  readonly pem: string
}
