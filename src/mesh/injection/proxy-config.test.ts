import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ProxyConfig } from '../resources/index.ts'
import { proxySettingsOf } from './configuration.ts'
import { scopedProxyConfigs, settingsFor } from './proxy-config.ts'
import type { ProxySettings } from './settings.ts'
import { reviewPod } from './webhook.ts'

/** istio.io, reference/config/networking/proxy-config; istio/istio pilot/pkg/model/proxy_config_test.go. */
describe('the variables of a ProxyConfig', () => {
  const web = { namespace: 'demo', labels: { app: 'web' } }
  const ofMesh = config('istio-system', { A: 'mesh', B: 'mesh', C: 'mesh' })
  const ofNamespace = config('demo', { B: 'namespace', C: 'namespace' })
  const ofWorkload = config('demo', { C: 'workload' }, { selector: { app: 'web' } })
  const all = [ofWorkload, ofMesh, ofNamespace]

  test('are those of the mesh, of the namespace over them, and of the workload over these', () => {
    assert.deepEqual(metadataFor(all, web), { A: 'mesh', B: 'namespace', C: 'workload', D: 'default' })
    assert.deepEqual(metadataFor(all, { ...web, labels: {} }), {
      A: 'mesh',
      B: 'namespace',
      C: 'namespace',
      D: 'default',
    })
    assert.deepEqual(metadataFor(all, { namespace: 'other', labels: {} }), {
      A: 'mesh',
      B: 'mesh',
      C: 'mesh',
      D: 'default',
    })
  })

  test('are those of the oldest of several for the same', () => {
    const newer = config('demo', { B: 'newer' }, { name: 'a', created: '2026-02-01T00:00:00Z' })
    assert.equal(metadataFor([newer, ofNamespace], web)['B'], 'namespace')
  })

  test('are variables of the container that the injector brings', () => {
    const pod = {
      metadata: { name: 'web', labels: web.labels },
      spec: { containers: [{ name: 'web', image: 'web' }] },
    }
    const request = { uid: '1', namespace: 'demo', object: pod }
    const { review, kind } = reviewPod({ kind: 'AdmissionReview', request }, settingsOf(all))
    assert.equal(kind, 'injected')
    const { patch } = (review as { readonly response: { readonly patch: string } }).response
    assert.match(Buffer.from(patch, 'base64').toString(), /"name":"C","value":"workload"/)
  })

  test('are for nobody where the root namespace has a selector', () => {
    const odd = config('istio-system', { A: 'odd' }, { selector: { app: 'web' } })
    assert.deepEqual(metadataFor([odd], web), { A: 'default', D: 'default' })
  })
})

function metadataFor(
  objects: readonly ProxyConfig[],
  pod: Parameters<typeof settingsFor>[1],
): Readonly<Record<string, string>> {
  return settingsFor(settingsOf(objects), pod).proxyConfig['proxyMetadata'] as Readonly<
    Record<string, string>
  >
}

function settingsOf(objects: readonly ProxyConfig[]): ProxySettings {
  return proxySettingsOf({
    revision: 'default',
    istioNamespace: 'istio-system',
    clusterId: 'Kubernetes',
    clusterDomain: 'cluster.local',
    values: undefined,
    mesh: 'defaultConfig: { proxyMetadata: { A: default, D: default } }',
    proxyConfigs: scopedProxyConfigs(objects, 'istio-system'),
  })
}

function config(
  namespace: string,
  environmentVariables: Readonly<Record<string, string>>,
  more: {
    readonly selector?: Readonly<Record<string, string>>
    readonly name?: string
    readonly created?: string
  } = {},
): ProxyConfig {
  const { selector, name = 'x', created = '2026-01-01T00:00:00Z' } = more
  return {
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'ProxyConfig',
    metadata: { name, namespace, creationTimestamp: created },
    spec: { environmentVariables, ...(selector && { selector: { matchLabels: selector } }) },
  }
}
