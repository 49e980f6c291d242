import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { ServiceEntry } from '../../resources/index.ts'
import { allocateAddresses, allocatedHosts } from './entry-address.ts'

/** Who gets an address is as istio/istio has it, pilot/pkg/networking/serviceentry and pilot/pkg/controllers/ipallocate. */
describe('an address is allocated', () => {
  const rows: readonly (readonly [
    string,
    Partial<ServiceEntry['spec']>,
    Readonly<Record<string, string>>,
    string,
  ])[] = [
    [
      'for each host that is resolved',
      { hosts: ['a.test', 'B.test'], resolution: 'DNS' },
      {},
      'a.test,b.test',
    ],
    ['for hosts with endpoints', { hosts: ['a.test'], resolution: 'STATIC' }, {}, 'a.test'],
    ['for no wildcard', { hosts: ['*.a.test', 'b.test'], resolution: 'DNS' }, {}, 'b.test'],
    [
      'where there is one already never',
      { hosts: ['a.test'], resolution: 'DNS', addresses: ['10.0.0.1'] },
      {},
      '',
    ],
    ['where nothing is resolved never', { hosts: ['a.test'], resolution: 'NONE' }, {}, ''],
    ['where nothing is said of resolution never', { hosts: ['a.test'] }, {}, ''],
    [
      'where the label says no never',
      { hosts: ['a.test'], resolution: 'DNS' },
      { 'networking.istio.io/enable-autoallocate-ip': 'False' },
      '',
    ],
  ]
  for (const [what, spec, labels, expected] of rows) {
    test(what, () => {
      const object = entry('x', spec)
      const hosts = allocatedHosts({ ...object, metadata: { ...object.metadata, labels } })
      assert.equal(hosts.join(','), expected)
    })
  }

  test('from 240.240.0.0/16 and 2001:2::/48, the same in whatever order entries come, and to one host alone', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { maxLength: 60 })
    fc.assert(
      fc.property(names, fc.infiniteStream(fc.nat()), (all, numbers) => {
        const entries = all.map((name) => entry(name, { hosts: [`${name}.test`], resolution: 'DNS' }))
        const shuffled = entries
          .map((one) => ({ one, at: numbers.next().value as number }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ one }) => one)
        const addresses = allocateAddresses(entries)
        const again = new Map(allocateAddresses(shuffled).map((one) => [one.key, one]))
        for (const one of addresses) assert.deepEqual(again.get(one.key), one)
        assert.equal(new Set(addresses.map(({ ipv4 }) => ipv4)).size, all.length)
        assert.equal(new Set(addresses.map(({ ipv6 }) => ipv6)).size, all.length)
        for (const { ipv4 } of addresses) assert.match(ipv4, /^240\.240\.(?!0\.0$)(?!255\.25[45]$)/)
      }),
      { numRuns: 50 },
    )
  })

  test('and kept as the status has it, while the older of two that claim one keeps it', () => {
    const claim = (name: string, created: string): ServiceEntry => {
      const object = entry(name, { hosts: [`${name}.test`], resolution: 'DNS' })
      const status = { addresses: [{ host: `${name}.test`, value: '240.240.0.9' }] }
      return { ...object, metadata: { ...object.metadata, creationTimestamp: created }, status }
    }
    const [older, younger] = [claim('b', '2026-01-01T00:00:00Z'), claim('a', '2026-02-01T00:00:00Z')]
    const found = new Map(allocateAddresses([younger, older]).map(({ key, ipv4 }) => [key, ipv4]))
    assert.equal(found.get('demo/b.test'), '240.240.0.9')
    assert.notEqual(found.get('demo/a.test'), '240.240.0.9')
  })
})

function entry(name: string, spec: ServiceEntry['spec']): ServiceEntry {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: 'demo' },
    spec,
  }
}
