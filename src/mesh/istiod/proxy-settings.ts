import { deepEqual, type Logger, messageOf } from '../../base/index.ts'
import { type ProxySettings, proxySettingsOf, scopedProxyConfigs } from '../injection/index.ts'
import { MESH_CONFIG_MAP, type MeshSettings, type Sources } from '../translate/index.ts'

const INJECTOR_CONFIG_MAP = 'istio-sidecar-injector'

export interface LiveProxySettings {
  readonly current: () => ProxySettings
  /** Calls back after each change of content. */
  readonly onChange: (callback: () => void) => void
}

/** The settings for proxies as the ConfigMaps have them now. What does not parse is reported and changes nothing. */
export function liveProxySettings(options: {
  readonly sources: Sources
  readonly settings: MeshSettings
  readonly revision: string
  readonly logger: Logger
}): LiveProxySettings {
  const { sources, settings, revision, logger } = options
  const suffix = revision === 'default' ? '' : `-${revision}`
  const dataOf = (name: string, key: string) =>
    sources.configMaps.get(`${settings.rootNamespace}/${name}`)?.data?.[key]
  const read = (): ProxySettings => {
    const base = {
      revision,
      istioNamespace: settings.rootNamespace,
      clusterId: settings.clusterId,
      clusterDomain: settings.clusterDomain,
      proxyConfigs: scopedProxyConfigs(sources.proxyConfigs.list(), settings.rootNamespace),
    }
    const values = dataOf(`${INJECTOR_CONFIG_MAP}${suffix}`, 'values')
    const mesh = dataOf(`${MESH_CONFIG_MAP}${suffix}`, 'mesh')
    try {
      return proxySettingsOf({ ...base, values, mesh })
    } catch (error) {
      logger.error('the injection settings do not parse, the last good ones stay', {
        error: messageOf(error),
      })
      return current ?? proxySettingsOf({ ...base, values: undefined, mesh: undefined })
    }
  }
  let current: ProxySettings | undefined
  current = read()
  const callbacks: (() => void)[] = []
  const follow = (): void => {
    const next = read()
    if (deepEqual(next, current)) return
    current = next
    for (const callback of callbacks) callback()
  }
  sources.configMaps.subscribe(follow)
  sources.proxyConfigs.subscribe(follow)
  return {
    current: () => current ?? read(),
    onChange: (callback) => callbacks.push(callback),
  }
}
