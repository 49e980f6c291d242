import { type Figure, percentile } from '../figures.ts'
import type { Row, Sample, ScenarioResult } from './measure.ts'
import { OURS, type Scenario } from './scenarios.ts'

/** Ours to another's, round by round: what disturbed one disturbed the other. */
export interface Ratio {
  readonly of: string
  readonly to: string
  readonly what: 'CPU' | 'memory'
  readonly median: number
  readonly least: number
  readonly most: number
  readonly goal: number | undefined
}

export function costOf({ userUs, systemUs }: Sample): number {
  return userUs + systemUs
}

export function ratiosOf(scenario: Scenario, { rows }: ScenarioResult): readonly Ratio[] {
  const ours = rows.find(({ name }) => name === OURS)
  if (ours === undefined) return []
  const others = rows.filter((row) => row !== ours)
  return [
    ...others
      .filter(({ samples }) => samples.length > 0)
      .map((row) => cpuRatio(ours, row, scenario.goals[row.name])),
    ...others.flatMap((row) => {
      const goal = scenario.memoryGoals?.[row.name]
      const value = ours.rssMb / row.rssMb
      const same = { median: value, least: value, most: value }
      return goal === undefined ? [] : [{ of: OURS, to: row.name, what: 'memory' as const, ...same, goal }]
    }),
  ]
}

function cpuRatio(ours: Row, other: Row, goal: number | undefined): Ratio {
  const perRound = ours.samples.flatMap((sample, round) => {
    const beside = other.samples[round]
    return beside === undefined ? [] : [costOf(sample) / costOf(beside)]
  })
  return {
    of: OURS,
    to: other.name,
    what: 'CPU',
    median: percentile(perRound, 0.5),
    least: Math.min(...perRound),
    most: Math.max(...perRound),
    goal,
  }
}

/** For the console. */
export function figuresOf(scenario: Scenario, result: ScenarioResult): readonly Figure[] {
  const costs = result.rows.flatMap((row): readonly Figure[] =>
    row.samples.length === 0
      ? [{ name: `${scenario.title}, ${row.name}, with idle connections`, value: row.rssMb, unit: 'MB' }]
      : [
          {
            name: `${scenario.title}, ${row.name}, per ${scenario.unit}`,
            value: percentile(row.samples.map(costOf), 0.5),
            unit: 'µs CPU',
          },
          { name: `${scenario.title}, ${row.name}, memory after load`, value: row.rssMb, unit: 'MB' },
        ],
  )
  const ratios = ratiosOf(scenario, result).map((ratio) => ({
    name: `${scenario.title}, ${ratio.of} to ${ratio.to}, ${ratio.what}`,
    value: ratio.median,
    unit: '',
    ...(ratio.goal !== undefined && { most: ratio.goal }),
  }))
  return [...costs, ...ratios]
}
