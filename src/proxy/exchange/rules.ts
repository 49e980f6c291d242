import { HEAD_LIMITS, type HeadLimits } from '../http1/head-block.ts'
import { FIELD, type KnownField } from '../http1/known-fields.ts'

export type ProxyRole = 'gateway' | 'outbound' | 'inbound'

/** What becomes of `x-forwarded-client-cert`. @see Envoy, forward_client_cert_details */
export type CertificateForwarding =
  | 'sanitize'
  | 'forward-only'
  | 'append-forward'
  | 'sanitize-set'
  | 'always-forward-only'

/** What a user may set about the fields that a proxy adds, drops and believes. @see Istio, ProxyConfig */
export interface HttpSettings {
  /** Proxies before this one whose `x-forwarded-for` is believed (gatewayTopology.numTrustedProxies). */
  readonly trustedProxies: number
  /** Absent: as is usual for the side. */
  readonly clientCertificate?: CertificateForwarding
  /** Absent: Istio's. `upstream`: the server's own stays. */
  readonly server?: { readonly kind: 'named'; readonly name: string } | { readonly kind: 'upstream' }
  /** Requests without an id get one. */
  readonly requestId: boolean
  readonly attemptCount: boolean
  /** Times, timeouts and original paths for those who look for a fault (envoyDebugHeaders). */
  readonly debugFields: boolean
  readonly forwardedHost: boolean
  readonly forwardedPort: boolean
  /** Field names keep the case that they came in, between HTTP/1.1 and HTTP/1.1. */
  readonly keepsCase: boolean
  /** A client's connection without a request is closed after so long (ISTIO_META_IDLE_TIMEOUT). */
  readonly idleTimeoutMs: number
  /** HTTP/1.0 is answered like any other, and not with 426 (ISTIO_META_HTTP10). */
  readonly acceptHttp10: boolean
  readonly requestHead: HeadLimits
  readonly responseHead: HeadLimits
  /** Time for a whole request head once its first byte is there. */
  readonly headTimeoutMs: number
  /** Time for a whole request, if nothing is answered before; 0: no bound, as in Envoy. */
  readonly requestTimeoutMs: number
  /** A request is ended when nothing of it or of its answer has moved for so long; 0: never, as in Istio. */
  readonly streamIdleTimeoutMs: number
}

export const HTTP_SETTINGS: HttpSettings = {
  trustedProxies: 0,
  requestId: true,
  attemptCount: true,
  debugFields: true,
  forwardedHost: false,
  forwardedPort: false,
  keepsCase: false,
  idleTimeoutMs: 3_600_000,
  acceptHttp10: true,
  requestHead: HEAD_LIMITS,
  responseHead: HEAD_LIMITS,
  headTimeoutMs: 60_000,
  requestTimeoutMs: 0,
  streamIdleTimeoutMs: 0,
}

/** The settings as they hold for one side of a proxy, with the work done that depends on no request. */
export interface HttpRules extends HttpSettings {
  readonly clientCertificate: CertificateForwarding
  /** `server: …` with its line end, or empty. */
  readonly serverLine: string
  /** Fields that go no further, as bits of known fields. */
  readonly droppedFromRequest: number
  readonly droppedFromResponse: number
  /** These change with the mesh's settings. */
  acceptsHttp10: boolean
  normalization: PathNormalization
  requestHead: HeadLimits
  headTimeoutMs: number
  requestTimeoutMs: number
  streamIdleTimeoutMs: number
  idleTimeoutMs: number
}

/** @see Istio, MeshConfig pathNormalization */
export type PathNormalization = 'none' | 'base' | 'merge-slashes' | 'decode-and-merge-slashes'

/** Istio's outbound listeners have no server name of their own, so Envoy's default shows. */
const SERVER: Readonly<Record<ProxyRole, string>> = {
  gateway: 'istio-envoy',
  inbound: 'istio-envoy',
  outbound: 'envoy',
}

const CLIENT_CERTIFICATE: Readonly<Record<ProxyRole, CertificateForwarding>> = {
  gateway: 'sanitize-set',
  inbound: 'append-forward',
  outbound: 'sanitize',
}

export function rulesOf(role: ProxyRole, settings: HttpSettings): HttpRules {
  const { server } = settings
  const name = server?.kind === 'named' ? server.name : SERVER[role]
  const own = server?.kind !== 'upstream'
  return {
    ...settings,
    clientCertificate:
      (role === 'outbound' ? undefined : settings.clientCertificate) ?? CLIENT_CERTIFICATE[role],
    serverLine: own ? `server: ${name}\r\n` : '',
    droppedFromRequest: role === 'inbound' ? DROPPED_FROM_REQUEST : DROPPED_WHERE_COUNTED,
    droppedFromResponse: own ? DROPPED_FROM_RESPONSE : DROPPED_FROM_RESPONSE & ~(1 << FIELD.server),
    acceptsHttp10: settings.acceptHttp10,
    normalization: 'base',
  }
}

/** Fields that end at each hop (RFC 9110 7.6.1), and those that only a proxy of the mesh may set. */
const DROPPED_FROM_REQUEST = fieldMask([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
  'x-forwarded-client-cert',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-decorator-operation',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
])
/** Counted anew by the proxy that makes the attempts; the application's own proxy passes the client's count on. */
const DROPPED_WHERE_COUNTED = DROPPED_FROM_REQUEST | fieldMask(['x-envoy-attempt-count'])
const DROPPED_FROM_RESPONSE = fieldMask([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'server',
  'x-envoy-upstream-service-time',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-decorator-operation',
])

function fieldMask(names: readonly KnownField[]): number {
  let mask = 0
  for (const name of names) mask |= 1 << FIELD[name]
  return mask
}
