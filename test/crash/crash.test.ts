import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULTS } from './faults.ts'
import { runCrashRounds } from './rounds.ts'

test('kill -9 at any moment loses no acknowledged write and no event of a resuming watcher', async (t) => {
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const report = await runCrashRounds({ rounds: 10, seed, onRound: (line) => t.diagnostic(line) })
  assert.ok(report.acknowledged > 0)
  t.diagnostic(JSON.stringify(report))
})

for (const fault of FAULTS.filter((each) => each !== 'none')) {
  test(`the rounds notice a store that ${fault.replace('-', ' ')}`, async () => {
    await assert.rejects(runCrashRounds({ rounds: 10, seed: 1, fault }), /^Error: seed 1, round/)
  })
}
