import type { ResourceRequirements } from '../../kube/index.ts'

/** What the pods of the mesh are given; from the ConfigMaps `istio-sidecar-injector` (values) and `istio` (mesh). */
export interface ProxySettings {
  /** `default` for an unnamed revision. */
  readonly revision: string
  readonly istioNamespace: string
  readonly clusterId: string
  readonly clusterDomain: string
  readonly trustDomain: string
  readonly proxyImage: string
  readonly initImage: string
  readonly imagePullPolicy?: 'Always' | 'Never' | 'IfNotPresent'
  readonly logLevel: string
  readonly componentLogLevel: string
  readonly resources: ResourceRequirements
  /** Probes of applications are sent to the proxy, where a pod's annotation says nothing else. */
  readonly rewritesAppProbes: boolean
  /** MeshConfig's `defaultConfig`, laid over the address of the control plane. */
  readonly proxyConfig: Readonly<Record<string, unknown>>
  /** ProxyConfigs, of which those that fit a pod are laid over it. */
  readonly proxyConfigs?: readonly ScopedProxyConfig[]
  /** Namespaces in which pods are never injected, whatever their labels say. */
  readonly ignoredNamespaces: readonly string[]
}

/** What a ProxyConfig says of the proxies of some pods. */
export interface ScopedProxyConfig {
  /** No namespace: the whole mesh. */
  readonly namespace?: string
  readonly labels: Readonly<Record<string, string>>
  /** RFC 3339. */
  readonly createdAt: string
  readonly name: string
  readonly environment: Readonly<Record<string, string>>
}

export const IGNORED_NAMESPACES: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
]

/** The name of the control plane's Service (and Deployment, and the prefix of its certificates' names). */
export function istiodName(revision: string): string {
  return revision === 'default' ? 'istiod' : `istiod-${revision}`
}

/** `istiod.istio-system.svc:15012` */
export function discoveryAddress(settings: Pick<ProxySettings, 'revision' | 'istioNamespace'>): string {
  return `${istiodName(settings.revision)}.${settings.istioNamespace}.svc:15012`
}
