import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom } from '../../base/index.ts'
import { createBalancer } from './balancer.ts'
import { warmth, warmUp } from './warmup.ts'

const POLICY = { durationMs: 1000, minimumPercent: 10, aggression: 1 }

test('a new host has a part of its weight that grows from the minimum to all of it', () => {
  assert.equal(warmth(POLICY, 0), 0.1)
  assert.equal(warmth(POLICY, 100), 0.1)
  assert.equal(warmth(POLICY, 500), 0.5)
  assert.equal(warmth(POLICY, 1000), 1)
})

test('with more aggression it grows faster at first', () => {
  assert.equal(warmth({ ...POLICY, aggression: 2 }, 250), 0.5)
  assert.equal(warmth({ ...POLICY, aggression: 2, minimumPercent: 0 }, 0) > 0, true)
})

for (const kind of ['round-robin', 'least-request'] as const) {
  test(`with ${kind} a new host gets its part of the requests, and all of it when it is warm`, () => {
    let time = 0
    let warm = 0
    const random = createSeededRandom(7)
    const hostOf = (address: string, joinedAt: number) => ({ address, weight: 1, active: () => 0, joinedAt })
    const hosts = [hostOf('old', Number.NEGATIVE_INFINITY), hostOf('new', 0)]
    const balancer = warmUp({
      policy: POLICY,
      hosts,
      balancer: createBalancer({ kind }, hosts, random),
      random,
      now: () => time,
      onWarm: () => warm++,
    })
    const shareAt = (now: number): number => {
      time = now
      const picks = Array.from({ length: 4000 }, () => balancer.pick())
      return picks.filter((host) => host?.address === 'new').length / picks.length
    }
    assert.ok(Math.abs(shareAt(0) - 0.1 / 1.1) < 0.03)
    assert.ok(Math.abs(shareAt(500) - 0.5 / 1.5) < 0.03)
    assert.equal(warm, 0)
    assert.ok(Math.abs(shareAt(1000) - 0.5) < 0.03)
    assert.ok(warm > 0)
  })
}
