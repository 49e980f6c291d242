import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { KubeObject } from '../../kube/index.ts'
import { narrowConfigMap, narrowSecret } from './narrow.ts'

function secret(members: object): KubeObject {
  const metadata = { name: 's', namespace: 'demo', annotations: { note: 'long' } }
  return { apiVersion: 'v1', kind: 'Secret', metadata, ...members }
}

describe('what istiod keeps of a Secret', () => {
  test('is what TLS needs, under either set of names', () => {
    for (const [certificate, key] of [
      ['tls.crt', 'tls.key'],
      ['cert', 'key'],
    ] as const) {
      const data = { [certificate]: 'Yw==', [key]: 'aw==', 'ca.crt': 'YQ==', password: 'cA==' }
      const kept = narrowSecret(secret({ data })) as { data?: object; metadata: object } | undefined
      assert.deepEqual(kept?.data, { [certificate]: 'Yw==', [key]: 'aw==', 'ca.crt': 'YQ==' })
      assert.deepEqual(kept.metadata, { name: 's', namespace: 'demo' })
    }
  })

  test('is nothing where there is no TLS', () => {
    assert.equal(narrowSecret(secret({ data: { password: 'cA==' } })), undefined)
    assert.equal(narrowSecret(secret({ data: { key: 'a2V5' } })), undefined)
    assert.equal(narrowSecret(secret({ type: 'kubernetes.io/dockerconfigjson', data: {} })), undefined)
  })

  test('is a TLS Secret even when it is empty, so that its user is told what is missing', () => {
    assert.ok(narrowSecret(secret({ type: 'kubernetes.io/tls' })))
  })

  test('takes what files say in plain text', () => {
    const kept = narrowSecret(secret({ stringData: { 'tls.crt': 'c', 'tls.key': 'k' } })) as { data?: object }
    assert.deepEqual(kept.data, { 'tls.crt': 'Yw==', 'tls.key': 'aw==' })
  })
})

test('of ConfigMaps the mesh’s settings, bundles of certificates and parameters of Gateways are kept', () => {
  const configMap = (data: object): KubeObject => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'demo' }, data }
    return object
  }
  const settings = configMap({ mesh: '' })
  assert.equal(narrowConfigMap(settings), settings)
  assert.equal(narrowConfigMap(configMap({ 'nginx.conf': 'server {}' })), undefined)
  const bundle = narrowConfigMap(configMap({ 'ca.crt': 'pem', other: 'long' })) as { data?: object }
  assert.deepEqual(bundle.data, { 'ca.crt': 'pem' })
  const parameters = narrowConfigMap(configMap({ deployment: 'spec: {}', other: 'long' })) as {
    data?: object
  }
  assert.deepEqual(parameters.data, { deployment: 'spec: {}' })
})
