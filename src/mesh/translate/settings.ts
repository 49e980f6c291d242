/** What the control plane was started with; everything else of the mesh's settings comes from its ConfigMap. */
export interface MeshSettings {
  /** `Kubernetes` unless the installation says otherwise. */
  readonly clusterId: string
  /** `cluster.local` unless the cluster says otherwise. */
  readonly clusterDomain: string
  /** Where the control plane lives and mesh-wide objects are looked up: `istio-system`. */
  readonly rootNamespace: string
  /** Used while the mesh's ConfigMap names none. */
  readonly trustDomain: string
  /** Proxies do not refuse HTTP/1.0 (PILOT_HTTP10). */
  readonly acceptsHttp10?: boolean
  /** Istio Gateways pick proxies of their own namespace alone (PILOT_SCOPE_GATEWAY_TO_NAMESPACE). */
  readonly scopesGateways?: boolean
}

export const DEFAULT_SETTINGS: MeshSettings = {
  clusterId: 'Kubernetes',
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
}
