import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from './run.ts'

/** A short form of `npm run test:simulation`. */
const SCENARIOS = 16
const STEPS = 10

for (const down of ['http1', 'http2'] as const) {
  for (const up of ['http1', 'http2'] as const) {
    test(`${SCENARIOS} scenarios with clients of ${down} and servers of ${up} break no law`, async () => {
      const tally = await simulate({ seed: 1, scenarios: SCENARIOS, steps: STEPS, mix: { down, up } })
      // A simulation in which nothing is answered would prove nothing.
      assert.ok(tally.answered > tally.requests * 0.7, `${tally.answered} of ${tally.requests} answered`)
    })
  }
}
