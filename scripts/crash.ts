/**
 * Kills an API server at random moments, again and again, and checks what it lost:
 *   node scripts/crash.ts [--rounds N | --short] [--seed N]
 */
import { parseArgs } from 'node:util'
import { runCrashRounds } from '../test/crash/rounds.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string' }, short: { type: 'boolean' }, seed: { type: 'string' } },
})
const rounds = values.short ? 4 : Number(values.rounds ?? 200)
const seed = Number(values.seed ?? Date.now() % 1_000_000)
console.log(`${rounds} rounds, seed ${seed}`)
const report = await runCrashRounds({ rounds, seed, onRound: (line) => console.log(line) })
console.log(
  `✔ no acknowledged write lost, no event missed, repeated or out of order: ${JSON.stringify(report)}`,
)
