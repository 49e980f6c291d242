/**
 * Runs the proxy in a world of its own: virtual time, a network in memory, clients and servers by script, faults; all
 * from one seed. Stops at the first broken law, with the smallest scenario that shows it.
 *   node scripts/simulation.ts [--seed N] [--scenarios N] [--steps N] [--down http1|http2|any] [--up http1|http2|any]
 */
import { parseArgs } from 'node:util'
import { simulate } from '../test/simulation/run.ts'
import type { Mix } from '../test/simulation/scenario.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    scenarios: { type: 'string' },
    steps: { type: 'string', default: '10' },
    down: { type: 'string', default: 'any' },
    up: { type: 'string', default: 'any' },
  },
})
const seed = Number(values.seed)
const scenarios = Number(values.scenarios ?? (process.argv.includes('--seed') ? 1 : 1000))
const mix: Mix = { down: protocolOf(values.down), up: protocolOf(values.up) }
/** Progress is said so often. */
const BATCH = 1000

for (let done = 0; done < scenarios; done += BATCH) {
  const count = Math.min(BATCH, scenarios - done)
  const started = performance.now()
  try {
    const tally = await simulate({ seed: seed + done, scenarios: count, steps: Number(values.steps), mix })
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(
      `✔ ${count} scenarios from seed ${seed + done}: ${tally.requests} requests, ${tally.answered} answered, ${seconds} s`,
    )
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
}

function protocolOf(text: string): Mix['down'] {
  if (text === 'http1' || text === 'http2' || text === 'any') return text
  console.error(`there is no protocol "${text}"; there are: http1, http2, any`)
  process.exit(2)
}
