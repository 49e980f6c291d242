import type { ProxyConfig } from '../resources/index.ts'
import type { ProxySettings, ScopedProxyConfig } from './settings.ts'

/** @see Istio, ProxyConfig: in the root namespace it is the whole mesh's, and selects nothing */
export function scopedProxyConfigs(
  objects: readonly ProxyConfig[],
  rootNamespace: string,
): readonly ScopedProxyConfig[] {
  return objects.flatMap(({ metadata, spec = {} }) => {
    const { namespace = 'default', name, creationTimestamp: createdAt = '' } = metadata
    const { environmentVariables: environment = {}, selector } = spec
    if (Object.keys(environment).length === 0) return []
    const labels = selector?.matchLabels ?? {}
    const isOfMesh = namespace === rootNamespace
    if (isOfMesh && Object.keys(labels).length > 0) return []
    return [{ ...(!isOfMesh && { namespace }), labels, createdAt, name, environment }]
  })
}

/** The settings as they are for one pod: of the mesh, its namespace and its labels each the oldest adds to those before. */
export function settingsFor(
  settings: ProxySettings,
  pod: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): ProxySettings {
  const fitting = (settings.proxyConfigs ?? [])
    .filter(({ namespace }) => namespace === undefined || namespace === pod.namespace)
    .filter(({ labels }) => Object.entries(labels).every(([name, value]) => pod.labels[name] === value))
    .toSorted((a, b) => compare(a.createdAt, b.createdAt) || compare(a.name, b.name))
  const layers = [0, 1, 2].flatMap((narrowness) => {
    const [oldest] = fitting.filter((one) => narrownessOf(one) === narrowness)
    return oldest === undefined ? [] : [oldest.environment]
  })
  if (layers.length === 0) return settings
  const given = settings.proxyConfig['proxyMetadata']
  const proxyMetadata = Object.assign({}, given, ...layers) as Readonly<Record<string, string>>
  return { ...settings, proxyConfig: { ...settings.proxyConfig, proxyMetadata } }
}

function narrownessOf({ namespace, labels }: ScopedProxyConfig): number {
  if (namespace === undefined) return 0
  return Object.keys(labels).length === 0 ? 1 : 2
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
