import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { KubeObject } from '../../kube/index.ts'
import { compareOrderKeys } from '../../model/index.ts'
import { createHarness } from './testing/harness.ts'

const GATEWAY: KubeObject = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'gw', namespace: 'edge' },
  spec: {
    gatewayClassName: 'istio',
    listeners: [
      { name: 'tcp', port: 9000, protocol: 'TCP', allowedRoutes: { namespaces: { from: 'All' } } },
      { name: 'udp', port: 9000, protocol: 'UDP', allowedRoutes: { namespaces: { from: 'All' } } },
      {
        name: 'tls',
        port: 443,
        protocol: 'TLS',
        tls: { mode: 'Passthrough' },
        allowedRoutes: { namespaces: { from: 'All' } },
      },
    ],
  },
}

/** Namespaces of which one begins with the other: as one text they sort differently than one part after the other. */
const place = fc.record({
  namespace: fc.constantFrom('a', 'a-b', 'b'),
  name: fc.constantFrom('x', 'x-y', 'z'),
  second: fc.integer({ min: 0, max: 2 }),
})

type Place = typeof place extends fc.Arbitrary<infer T> ? T : never

function routeAt(kind: string, { namespace, name, second }: Place): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { namespace, name, creationTimestamp: `2026-01-01T00:00:0${second}Z` },
    spec: {
      parentRefs: [{ name: 'gw', namespace: 'edge' }],
      ...(kind === 'TLSRoute' && { hostnames: ['shop.example'] }),
      rules: [{ backendRefs: [{ name: 'any', port: 1 }] }],
    },
  }
}

for (const kind of ['TCPRoute', 'UDPRoute', 'TLSRoute']) {
  test(`of several ${kind}s for one connection the oldest comes first, then the first by namespace and name, whatever came first`, () => {
    const places = fc.uniqueArray(place, {
      selector: ({ namespace, name }) => `${namespace}/${name}`,
      minLength: 1,
      maxLength: 9,
    })
    fc.assert(
      fc.property(places, ([first, ...others]) => {
        const all = [first, ...others].flatMap((one) => one ?? [])
        const harness = createHarness()
        harness.set([...all.map((one) => routeAt(kind, one)), GATEWAY])
        const [winner] = harness.translation.model.connectionRoutes
          .list()
          .toSorted((a, b) => compareOrderKeys(a.matches[0]?.order ?? [], b.matches[0]?.order ?? []))
        const [expected] = all
          .map(({ namespace, name, second }) => ({ second, full: `${namespace}/${name}` }))
          .toSorted((a, b) => a.second - b.second || (a.full < b.full ? -1 : 1))
        assert.equal(`${winner?.origin.namespace}/${winner?.origin.name}`, expected?.full)
      }),
      { numRuns: 100 },
    )
  })
}
