import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePeerIdentity } from './connection.ts'

test('a workload’s identity has a trust domain, a namespace and a service account', () => {
  const principal = 'spiffe://cluster.local/ns/demo/sa/web'
  assert.deepEqual(parsePeerIdentity(principal), {
    principal,
    trustDomain: 'cluster.local',
    namespace: 'demo',
    serviceAccount: 'web',
  })
})

test('other URIs are no identities of workloads', () => {
  for (const uri of [
    'https://cluster.local/ns/demo/sa/web',
    'spiffe://cluster.local/ns/demo/sa/web/more',
    'spiffe://cluster.local/ns//sa/web',
    'spiffe://cluster.local/sa/web',
    'spiffe:///ns/demo/sa/web',
  ])
    assert.equal(parsePeerIdentity(uri), undefined, uri)
})
