import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSeededRandom } from '../../base/index.ts'
import type { Balancer as BalancerPolicy } from '../../model/index.ts'
import { createBalancer } from './balancer.ts'

interface TestHost {
  readonly address: string
  readonly weight: number
  load: number
  readonly active: () => number
}

function hosts(weights: readonly number[]): TestHost[] {
  return weights.map((weight, index) => {
    const host: TestHost = { address: `h${index}`, weight, load: 0, active: () => host.load }
    return host
  })
}

const KINDS = ['round-robin', 'least-request', 'random'] as const satisfies readonly BalancerPolicy['kind'][]

/** One suite for all balancers. */
for (const kind of KINDS) {
  describe(`balancer ${kind}`, () => {
    const balancer = (all: readonly TestHost[]) => createBalancer({ kind }, all, createSeededRandom(7))
    function shares(all: readonly TestHost[], picks: number): number[] {
      const one = balancer(all)
      const counts = new Map<string, number>()
      for (let i = 0; i < picks; i++) {
        const name = one.pick()?.address ?? '-'
        counts.set(name, (counts.get(name) ?? 0) + 1)
      }
      return all.map((host) => (counts.get(host.address) ?? 0) / picks)
    }

    test('has nothing to pick without hosts', () => assert.equal(balancer([]).pick(), undefined))

    test('always picks the only host', () => assert.deepEqual(shares(hosts([3]), 10), [1]))

    test('gives equal hosts equal shares', () => {
      for (const share of shares(hosts([1, 1, 1, 1]), 20_000))
        assert.ok(Math.abs(share - 0.25) < 0.02, `${share}`)
    })

    test('gives idle hosts shares by their weights', () => {
      const [one, three] = shares(hosts([1, 3]), 20_000) as [number, number]
      // Of two equally idle draws least request takes the first, so that its shares are those of one draw.
      assert.ok(Math.abs(one - 0.25) < 0.02, `${one}`)
      assert.ok(Math.abs(three - 0.75) < 0.02, `${three}`)
    })
  })
}

test('least request avoids a busy host', () => {
  const all = hosts([1, 1, 1])
  const busy = all[0] as TestHost
  busy.load = 50
  const balancer = createBalancer({ kind: 'least-request' }, all, createSeededRandom(1))
  let picked = 0
  for (let i = 0; i < 3000; i++) if (balancer.pick() === busy) picked++
  // Only when both draws are the busy one: 1 in 9.
  assert.ok(Math.abs(picked / 3000 - 1 / 9) < 0.03, `${picked}`)
})

test('round robin takes turns', () => {
  const all = hosts([1, 1, 1])
  const balancer = createBalancer({ kind: 'round-robin' }, all, createSeededRandom(1))
  const names = Array.from({ length: 6 }, () => balancer.pick()?.address)
  assert.deepEqual(names.slice(0, 3), names.slice(3))
  assert.equal(new Set(names).size, 3)
})
