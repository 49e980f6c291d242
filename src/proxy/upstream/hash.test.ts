import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { HashBalancer } from '../../model/index.ts'
import { hashText } from './hash-text.ts'
import { createHashPick } from './hash.ts'

interface TestHost {
  readonly address: string
  readonly weight: number
  readonly active: () => number
}

function hostsOf(weights: readonly number[]): readonly TestHost[] {
  return weights.map((weight, i) => ({ address: `10.0.0.${i + 1}:80`, weight, active: () => 0 }))
}

const RING: HashBalancer = { kind: 'hash', algorithm: 'ring', size: 1024, key: { kind: 'source-ip' } }
const MAGLEV: HashBalancer = { ...RING, algorithm: 'maglev', size: 65_537 }
const KEYS = Array.from({ length: 20_000 }, (_, i) => hashText(`user-${i}`))

for (const policy of [RING, MAGLEV]) {
  test(`${policy.algorithm}: shares follow the weights`, () => {
    const hosts = hostsOf([1, 2, 1])
    const pick = createHashPick(policy, hosts)
    const counts = new Map<string, number>()
    for (const key of KEYS) {
      const { address } = pick(key)
      counts.set(address, (counts.get(address) ?? 0) + 1)
    }
    const shares = hosts.map((host) => (counts.get(host.address) ?? 0) / KEYS.length)
    assert.ok(
      shares.every((share, i) => Math.abs(share - [0.25, 0.5, 0.25][i]!) < 0.06),
      shares.join(' '),
    )
  })

  test(`${policy.algorithm}: when a host goes, hardly a key moves but its own`, () => {
    const hosts = hostsOf([1, 1, 1, 1, 1])
    const before = createHashPick(policy, hosts)
    const after = createHashPick(policy, hosts.slice(1))
    const stayed = KEYS.filter((key) => before(key) !== hosts[0])
    const moved = stayed.filter((key) => before(key) !== after(key)).length
    assert.ok(moved / stayed.length < 0.05, `${moved} of ${stayed.length}`)
  })

  test(`${policy.algorithm}: any size and weights give every key a host`, () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 8 }),
        (size, weights) => {
          const hosts = hostsOf(weights)
          const pick = createHashPick({ ...policy, size }, hosts)
          for (const key of KEYS.slice(0, 50)) assert.ok(hosts.includes(pick(key)))
        },
      ),
      { numRuns: 60 },
    )
  })
}
