import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inClusterConfig } from './kubeconfig.ts'

test('a pod’s token is read from its file again, but not for each request', () => {
  let now = 0
  let token = 'first'
  let reads = 0
  const readFile = (path: string): string => {
    if (!path.endsWith('/token')) return 'text'
    reads += 1
    return `${token}\n`
  }
  const environment = { KUBERNETES_SERVICE_HOST: '10.43.0.1', KUBERNETES_SERVICE_PORT: '443' }
  const config = inClusterConfig(readFile, environment, { monotonic: () => now })
  assert.ok(config?.token)
  assert.equal(config.token(), 'first')
  token = 'second'
  now = 9_999
  assert.equal(config.token(), 'first')
  assert.equal(reads, 1)
  now = 10_000
  assert.equal(config.token(), 'second')
})
