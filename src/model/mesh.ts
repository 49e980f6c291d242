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
  /** What of a path is made one before it is looked at; absent: `base`. */
  readonly pathNormalization?: 'none' | 'base' | 'merge-slashes' | 'decode-and-merge-slashes'
  /** HTTP/1.0 is not refused, whatever proxies say themselves. */
  readonly acceptsHttp10?: boolean
  readonly tlsDefaults?: TlsDefaults
  /** What every proxy writes, where no Telemetry says otherwise; absent: no access log. */
  readonly accessLog?: LogFormat
  /** Absent: nothing is said. */
  readonly telemetry?: MeshTelemetry
}
