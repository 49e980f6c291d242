/** Settings of the whole mesh (MeshConfig). Exactly one exists, key `mesh`. */
export interface Mesh {
  readonly type: 'mesh'
  readonly key: 'mesh'
  readonly trustDomain: string
  readonly clusterDomain: string
  readonly rootNamespace: string
  readonly connectTimeoutMs: number
  readonly outbound: 'allow-any' | 'registry-only'
  /** Envoy's format text; absent: no access log. */
  readonly accessLogFormat?: string
}
