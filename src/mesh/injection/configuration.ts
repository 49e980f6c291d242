import type { ResourceRequirements } from '../../kube/index.ts'
import { IGNORED_NAMESPACES, type ProxySettings, type ScopedProxyConfig } from './settings.ts'
import { parseMapping } from './yaml-mapping.ts'

export interface ProxySettingsSources {
  readonly revision: string
  readonly istioNamespace: string
  readonly clusterId: string
  readonly clusterDomain: string
  /** Key `values` of ConfigMap `istio-sidecar-injector`: JSON of the installation's values. */
  readonly values: string | undefined
  /** Key `mesh` of ConfigMap `istio`: YAML of MeshConfig. */
  readonly mesh: string | undefined
  readonly proxyConfigs?: readonly ScopedProxyConfig[]
}

const DEFAULT_PROXY_RESOURCES: ResourceRequirements = {
  requests: { cpu: '100m', memory: '128Mi' },
  limits: { cpu: '2000m', memory: '1024Mi' },
}

/** @throws Error when one of the ConfigMaps does not parse: the caller keeps the settings that it has */
export function proxySettingsOf(sources: ProxySettingsSources): ProxySettings {
  const values = parseMapping(sources.values ?? '')
  const mesh = parseMapping(sources.mesh ?? '')
  const proxy = record(values, 'global', 'proxy')
  const global = record(values, 'global')
  const pullPolicy = text(global, 'imagePullPolicy')
  return {
    revision: sources.revision,
    istioNamespace: sources.istioNamespace,
    clusterId: sources.clusterId,
    clusterDomain: sources.clusterDomain,
    trustDomain: text(mesh, 'trustDomain') ?? 'cluster.local',
    proxyImage: imageOf(global, text(proxy, 'image') ?? 'proxyv2'),
    initImage: imageOf(global, text(record(values, 'global', 'proxy_init'), 'image') ?? 'proxyv2'),
    ...(isPullPolicy(pullPolicy) ? { imagePullPolicy: pullPolicy } : {}),
    logLevel: text(proxy, 'logLevel') ?? 'warning',
    componentLogLevel: text(proxy, 'componentLogLevel') ?? 'misc:error',
    rewritesAppProbes: record(values, 'sidecarInjectorWebhook')['rewriteAppHTTPProbe'] !== false,
    resources: (proxy['resources'] as ResourceRequirements | undefined) ?? DEFAULT_PROXY_RESOURCES,
    proxyConfig: record(mesh, 'defaultConfig'),
    proxyConfigs: sources.proxyConfigs ?? [],
    ignoredNamespaces: IGNORED_NAMESPACES,
  }
}

function imageOf(global: Readonly<Record<string, unknown>>, image: string): string {
  if (image.includes('/')) return image
  return `${text(global, 'hub') ?? 'docker.io/istio'}/${image}:${text(global, 'tag') ?? 'latest'}`
}

function isPullPolicy(value: string | undefined): value is 'Always' | 'Never' | 'IfNotPresent' {
  return value === 'Always' || value === 'Never' || value === 'IfNotPresent'
}

function record(values: Readonly<Record<string, unknown>>, ...path: readonly string[]) {
  let current: Readonly<Record<string, unknown>> = values
  for (const name of path) {
    const next = Object.hasOwn(current, name) ? current[name] : undefined
    if (typeof next !== 'object' || next === null || Array.isArray(next)) return {}
    current = next as Readonly<Record<string, unknown>>
  }
  return current
}

function text(values: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}
