import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settle, TARGETS } from './registry.ts'
import { fuzz } from './run.ts'

const SEED = 1
const RUNS = 400

test('the canary is found', async () => {
  const target = TARGETS['canary']
  assert.ok(target)
  await assert.rejects(
    () => fuzz({ name: 'canary', target, seed: SEED, runs: 20_000 }),
    /seed 1: the canary sings\ninput \(3 bytes\)/,
  )
})

for (const [name, target] of Object.entries(TARGETS)) {
  if (name === 'canary') continue
  test(`${name} keeps its laws on mutated inputs`, async () => {
    await fuzz({ name, target, seed: SEED, runs: Math.ceil(RUNS / (target.cost ?? 1)) })
    await settle()
  })
}
