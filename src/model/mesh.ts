import type { Retries } from './route.ts'
import type { ConnectionLimits, LocalityBalancing } from './service.ts'
import type { ExternalAuthorizer } from './external-authorizer.ts'
import type { LogFormat, MeshTelemetry } from './telemetry.ts'
import type { TlsDefaults } from './tls.ts'

/** Settings of the whole mesh (MeshConfig). Exactly one exists, key `mesh`. */
export interface Mesh {
  readonly type: 'mesh'
  readonly key: 'mesh'
  readonly trustDomain: string
  /**
   * PEM: what chains of the mesh's own certificates may end in, more than one root while it changes. It goes out ahead of
   * the first certificate under a new root. Absent: the control plane has said nothing yet (what came with the proxy's
   * certificate holds).
   */
  readonly trustBundle?: string
  readonly clusterDomain: string
  readonly rootNamespace: string
  readonly connectTimeoutMs: number
  readonly outbound: 'allow-any' | 'registry-only'
  /** Where a route says nothing of it; absent: Istio's default. */
  readonly retries?: Retries
  /** Where a service's policy says nothing of it. */
  readonly locality?: LocalityBalancing
  /** Member by member, where a service's policy says nothing of it. */
  readonly connections?: ConnectionLimits
  /** How long the addresses of a name hold where its answer does not say it; absent: a minute. */
  readonly dnsRefreshMs?: number
  /** How long a connection of unknown protocol may be silent before it is passed on as bytes. */
  readonly detectionTimeoutMs?: number
  /** Other names of the trust domain: identities of theirs are as good. */
  readonly trustDomainAliases?: readonly string[]
  /** What of a path is made one before it is looked at; absent: `base`. */
  readonly pathNormalization?: 'none' | 'base' | 'merge-slashes' | 'decode-and-merge-slashes'
  /** HTTP/1.0 is not refused, whatever proxies say themselves. */
  readonly acceptsHttp10?: boolean
  readonly tlsDefaults?: TlsDefaults
  /** What every proxy writes, where no Telemetry says otherwise; absent: no access log. */
  readonly accessLog?: LogFormat
  /** Absent: nothing is said. */
  readonly telemetry?: MeshTelemetry
  /** Services that policies may leave decisions to. */
  readonly authorizers?: readonly ExternalAuthorizer[]
}
