import { stringify } from 'yaml'
import type { ConfigMap, KubeObject } from '../../kube/index.ts'
import { discoveryAddress } from '../injection/index.ts'
import { MESH_CONFIG_MAP } from '../translate/index.ts'
import { type Installation, revisioned } from './installation.ts'
import { ownerLabels } from './labels.ts'
import { mergeTrees, plainSettings, settingsBelow, type SettingTree } from './settings.ts'

/** The ConfigMaps that the control plane is configured by, under Istio's names. */
export function configurationObjects(installation: Installation): readonly KubeObject[] {
  const values = JSON.stringify(plainSettings(valuesOf(installation)))
  return [
    configMap(installation, revisioned(MESH_CONFIG_MAP, installation), {
      mesh: stringify(plainSettings(meshConfigOf(installation))),
      meshNetworks: 'networks: {}\n',
    }),
    configMap(installation, revisioned('istio-sidecar-injector', installation), {
      config: stringify({ policy: 'enabled', defaultTemplates: ['sidecar'] }),
      values,
    }),
    configMap(installation, revisioned('values', installation), { 'merged-values': values }),
  ]
}

function configMap(
  installation: Installation,
  name: string,
  data: Readonly<Record<string, string>>,
): ConfigMap {
  const metadata = { name, namespace: installation.namespace, labels: ownerLabels(installation, 'pilot') }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
}

function meshConfigOf(installation: Installation): SettingTree {
  const { namespace, revision, trustDomain } = installation
  const base: SettingTree = {
    defaultConfig: { discoveryAddress: discoveryAddress({ istioNamespace: namespace, revision }) },
    enablePrometheusMerge: true,
    rootNamespace: namespace,
    trustDomain,
  }
  const own = mergeTrees(
    settingsBelow(installation.settings, 'values.meshConfig'),
    settingsBelow(installation.settings, 'meshConfig'),
  )
  return mergeTrees(base, own)
}

/** The values that injection and the gateways' deployment read back. */
function valuesOf(installation: Installation): SettingTree {
  const { hub, tag, clusterDomain, clusterId, namespace, revision } = installation
  const base: SettingTree = {
    revision: revision === 'default' ? '' : revision,
    global: {
      hub,
      tag,
      istioNamespace: namespace,
      multiCluster: { clusterName: clusterId },
      proxy: { image: 'proxyv2', clusterDomain, logLevel: 'warning', componentLogLevel: 'misc:error' },
      proxy_init: { image: 'proxyv2' },
    },
  }
  return mergeTrees(base, settingsBelow(installation.settings, 'values'))
}
