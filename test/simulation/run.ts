import { generateScenario, type Mix } from './scenario.ts'
import { shrink } from './shrink.ts'
import { runScenario } from './world.ts'

export interface Tally {
  scenarios: number
  requests: number
  answered: number
}

/** Runs scenarios of consecutive seeds. @throws at the first that breaks a law, made small, with its trace */
export async function simulate(options: {
  readonly seed: number
  readonly scenarios: number
  readonly steps: number
  readonly mix: Mix
}): Promise<Tally> {
  const tally: Tally = { scenarios: 0, requests: 0, answered: 0 }
  const { steps, mix } = options
  for (let seed = options.seed; seed < options.seed + options.scenarios; seed++) {
    const scenario = generateScenario(seed, steps, mix)
    const outcome = await runScenario(scenario)
    const [violation] = outcome.violations
    if (violation !== undefined) {
      const small = await shrink(scenario, violation)
      const { violations, trace } = await runScenario(small)
      throw new Error(
        `simulation, seed ${seed}: ${violation}\n` +
          `again: npm run test:simulation -- --seed ${seed} --steps ${steps} --down ${mix.down} --up ${mix.up}\n` +
          `the smallest scenario found: ${JSON.stringify(small)}\n${violations.join('\n')}\n${trace.join('\n')}`,
      )
    }
    tally.scenarios++
    tally.requests += outcome.requests
    tally.answered += outcome.answered
  }
  return tally
}
