/**
 * Sends mutated inputs to a parser and checks its laws:
 *   node scripts/fuzz.ts NAME|smoke [SEED [RUNS]]
 *   node scripts/fuzz.ts all MINUTES [SEED]    every target in turn, for so long; goes on after a finding
 */
import { settle, TARGETS } from '../fuzz/registry.ts'
import { fuzz } from '../fuzz/run.ts'

const [name = '', ...rest] = process.argv.slice(2)
const everyName = Object.keys(TARGETS).filter((each) => each !== 'canary')
const anySeed = (): number => Date.now() % 1_000_000
/** Each target gets so much time in turn, with a seed of its own each time. */
const SLICE_MS = 10_000

process.exit(name === 'all' ? await runAll(...rest) : await runOnce(name, ...rest))

async function runOnce(wanted: string, seedText?: string, runsText?: string): Promise<number> {
  const isSmoke = wanted === 'smoke'
  const seed = Number(seedText ?? (isSmoke ? 1 : anySeed()))
  const runs = Number(runsText ?? (isSmoke ? 400 : 20_000))
  for (const each of isSmoke ? everyName : [wanted]) {
    const started = performance.now()
    const problem = await problemOf(each, seed, { runs })
    if (typeof problem !== 'number') return 1
    console.log(
      `✔ ${each}: ${runs} inputs, seed ${seed}, ${((performance.now() - started) / 1000).toFixed(1)} s`,
    )
  }
  return 0
}

async function runAll(minutesText = '60', seedText?: string): Promise<number> {
  const end = performance.now() + Number(minutesText) * 60_000
  const inputs = new Map<string, number>()
  const found = new Map<string, number>()
  for (let seed = Number(seedText ?? anySeed()); performance.now() < end; seed += 1) {
    for (const each of everyName) {
      if (performance.now() >= end) break
      const tried = await problemOf(each, seed, { runs: Infinity, ms: SLICE_MS })
      if (typeof tried === 'number') inputs.set(each, (inputs.get(each) ?? 0) + tried)
      else found.set(each, (found.get(each) ?? 0) + 1)
    }
  }
  for (const each of everyName)
    console.log(`${each}: ${inputs.get(each) ?? 0} inputs, ${found.get(each) ?? 0} findings`)
  console.log(`${[...inputs.values()].reduce((sum, count) => sum + count, 0)} inputs in all`)
  return found.size === 0 ? 0 : 1
}

/** @returns the number of inputs that kept all laws, or the finding, which was printed */
async function problemOf(
  each: string,
  seed: number,
  bounds: { readonly runs: number; readonly ms?: number },
): Promise<number | Error> {
  const target = TARGETS[each]
  if (!target) {
    console.error(
      `there is no fuzz target "${each}"; there are: all, smoke, ${Object.keys(TARGETS).join(', ')}`,
    )
    process.exit(2)
  }
  try {
    const tried = await fuzz({ name: each, target, seed, ...bounds })
    await settle()
    return tried
  } catch (error) {
    const problem = error instanceof Error ? error : new Error(String(error))
    console.error(problem.message)
    if (problem.cause instanceof Error) console.error(problem.cause.stack)
    return problem
  }
}
