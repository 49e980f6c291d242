import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusTable } from './proxy-sync.ts'

test('proxies are shown in istioctl’s columns, with what is not in sync', () => {
  const common = { cluster_id: 'Kubernetes', istio_version: '1.0', istiod: 'istiod-1', proxy_type: 'sidecar' }
  const table = statusTable([
    { ...common, proxy: 'web.demo', types: { route: { status: 'STALE' }, service: { status: 'SYNCED' } } },
    { ...common, proxy: 'api.demo', types: { service: { status: 'ERROR' } } },
  ])
  assert.equal(
    table,
    [
      'NAME       CLUSTER      ISTIOD     VERSION   SUBSCRIBED TYPES',
      'api.demo   Kubernetes   istiod-1   1.0       1 (service ERROR)',
      'web.demo   Kubernetes   istiod-1   1.0       2 (route STALE, service)',
      '',
    ].join('\n'),
  )
})
