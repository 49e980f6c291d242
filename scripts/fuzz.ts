/**
 * Sends mutated inputs to a parser and checks its laws:
 *   node scripts/fuzz.ts NAME|smoke [SEED [RUNS]]
 */
import { settle, TARGETS } from '../fuzz/registry.ts'
import { fuzz } from '../fuzz/run.ts'

const [name = '', seedText, runsText] = process.argv.slice(2)
const names = name === 'smoke' ? Object.keys(TARGETS).filter((each) => each !== 'canary') : [name]
const seed = Number(seedText ?? (name === 'smoke' ? 1 : Date.now() % 1_000_000))
const runs = Number(runsText ?? (name === 'smoke' ? 400 : 20_000))
for (const each of names) {
  const target = TARGETS[each]
  if (!target) {
    console.error(`there is no fuzz target "${each}"; there are: smoke, ${Object.keys(TARGETS).join(', ')}`)
    process.exit(2)
  }
  const started = performance.now()
  try {
    await fuzz({ name: each, target, seed, runs })
    await settle()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    if (error instanceof Error && error.cause instanceof Error) console.error(error.cause.stack)
    process.exit(1)
  }
  console.log(
    `✔ ${each}: ${runs} inputs, seed ${seed}, ${((performance.now() - started) / 1000).toFixed(1)} s`,
  )
}
