import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGraph } from '../../base/index.ts'
import { createMetrics } from '../push/index.ts'
import { createSources, createTranslation, DEFAULT_SETTINGS } from '../translate/index.ts'
import { debugHandler } from './debug.ts'

function testHandler() {
  const graph = createGraph()
  const translation = createTranslation(graph, createSources(graph), DEFAULT_SETTINGS)
  return debugHandler({
    version: '1',
    revision: 'default',
    podName: 'istiod-0',
    graph,
    translation,
    proxies: () => [],
    metrics: createMetrics(),
    authenticate: async ({ token = '' }) =>
      token === ''
        ? { kind: 'refused', reason: 'no token' }
        : { kind: 'ok', identity: { namespace: token, serviceAccount: 'any' } },
    rootNamespace: 'istio-system',
  })
}

// istio/istio pilot/pkg/xds/debug.go: from the pod itself, or with a token
test('debug pages are for the control plane’s own pod, and for tokens of its namespace', async () => {
  const handler = testHandler()
  const statusOf = async (path: string, isLocal: boolean, token?: string) =>
    (await handler({ method: 'GET', path, body: '', isLocal, token }))?.status
  for (const path of ['/debug', '/debug/syncz', '/debug/configz', '/debug/registryz', '/debug/adsz']) {
    assert.equal(await statusOf(path, true), 200, path)
    assert.equal(await statusOf(path, false), 401, path)
    assert.equal(await statusOf(path, false, 'demo'), 403, path)
    assert.equal(await statusOf(path, false, 'istio-system'), 200, path)
  }
  assert.equal(await statusOf('/metrics', false), 200)
  assert.equal(await statusOf('/version', false), 200)
  assert.equal(await statusOf('/debugging', false), undefined)
})
