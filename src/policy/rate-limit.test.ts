import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createSeededRandom } from '../base/index.ts'
import { createRateDecider, createTokenBucket } from './index.ts'

const bucketSpec = fc.record({
  maxTokens: fc.integer({ min: 1, max: 50 }),
  tokensPerFill: fc.integer({ min: 1, max: 50 }),
  fillIntervalMs: fc.integer({ min: 1, max: 5_000 }),
})
const gaps = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 200 })
const start = fc.integer({ min: 0, max: 2 ** 40 })

describe('a bucket of tokens', () => {
  test('never gives more than it holds and what has come back in any stretch of time', () => {
    fc.assert(
      fc.property(bucketSpec, start, gaps, (spec, from, waits) => {
        const bucket = createTokenBucket(spec, from)
        const taken: number[] = []
        let now = from
        for (const wait of waits) {
          now += wait
          if (bucket.take(now)) taken.push(now)
        }
        const perMs = spec.tokensPerFill / spec.fillIntervalMs
        for (let i = 0; i < taken.length; i++) {
          for (let j = i; j < taken.length; j++) {
            const passed = (taken[j] as number) - (taken[i] as number)
            assert.ok(j - i + 1 <= spec.maxTokens + passed * perMs + 1e-3)
          }
        }
      }),
    )
  })

  test('never refuses who asks no more often than tokens come back', () => {
    fc.assert(
      fc.property(bucketSpec, start, fc.nat(200), (spec, from, count) => {
        const bucket = createTokenBucket(spec, from)
        const everyMs = spec.fillIntervalMs / spec.tokensPerFill + 1e-3
        for (let i = 0; i < count; i++) assert.ok(bucket.take(from + i * everyMs))
      }),
    )
  })

  test('says truly what remains and when there is more', () => {
    fc.assert(
      fc.property(bucketSpec, start, gaps, (spec, from, waits) => {
        const bucket = createTokenBucket(spec, from)
        let now = from
        for (const wait of waits) {
          now += wait
          const remaining = bucket.remaining(now)
          assert.ok(remaining >= 0 && remaining <= spec.maxTokens)
          if (remaining > 0) assert.equal(bucket.waitMs(now), 0)
          assert.equal(bucket.take(now), remaining > 0)
          if (remaining > 0) continue
          now += bucket.waitMs(now) + 1e-3
          assert.ok(bucket.take(now))
        }
      }),
    )
  })

  test('starts full and fills up again', () => {
    const bucket = createTokenBucket({ maxTokens: 2, tokensPerFill: 1, fillIntervalMs: 1000 }, 0)
    assert.deepEqual([0, 0, 0].map(bucket.take), [true, true, false])
    assert.equal(bucket.waitMs(250), 750)
    assert.deepEqual([1000, 1000].map(bucket.take), [true, false])
    assert.equal(bucket.remaining(60_000), 2)
  })
})

describe('a decision on the rate', () => {
  const spec = { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1000 }

  test('counts and refuses the shares that were asked for', () => {
    const decider = createRateDecider(
      { enabledPercent: 50, enforcedPercent: 20 },
      createTokenBucket(spec, 0),
      createSeededRandom(7),
    )
    const decisions = Array.from({ length: 4000 }, () => decider.decide(0))
    const share = (kind: string) => decisions.filter((one) => one === kind).length / decisions.length
    // Five standard deviations.
    assert.ok(Math.abs(share('uncounted') - 0.5) < 0.04)
    assert.ok(Math.abs(share('refused') - 0.1) < 0.024)
    assert.ok(Math.abs(share('tolerated') - 0.4) < 0.04)
    assert.equal(decisions.filter((one) => one === 'allowed').length, 1)
  })

  test('of nobody refuses nobody', () => {
    const decider = createRateDecider(
      { enabledPercent: 0, enforcedPercent: 100 },
      createTokenBucket(spec, 0),
      createSeededRandom(7),
    )
    assert.deepEqual([...new Set(Array.from({ length: 50 }, () => decider.decide(0)))], ['uncounted'])
  })
})
