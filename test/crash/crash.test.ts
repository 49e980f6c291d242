import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FAULTS } from './faults.ts'
import { runCrashRounds } from './rounds.ts'

/** One for each of the conditions that servers work under, with a kill at the start. */
const ROUNDS = 4

describe('a server that is killed again and again', { concurrency: 2 }, () => {
  test('loses no acknowledged write and no event of a resuming watcher', async (t) => {
    const seed = Date.now() % 1_000_000
    t.diagnostic(`seed ${seed}`)
    const report = await runCrashRounds({ rounds: ROUNDS, seed, onRound: (line) => t.diagnostic(line) })
    assert.ok(report.acknowledged > 0)
    assert.ok(report.relists > 0, 'nobody was told that a revision is forgotten')
    t.diagnostic(JSON.stringify(report))
  })

  for (const fault of FAULTS.filter((each) => each !== 'none')) {
    test(`is noticed when its store ${fault.replace('-', ' ')}`, async () => {
      await assert.rejects(runCrashRounds({ rounds: 10, seed: 1, fault }), /^Error: seed 1, round/)
    })
  }
})
