import { cpus, release, totalmem } from 'node:os'
import { percentile } from '../figures.ts'
import type { Row, Sample, ScenarioResult } from './measure.ts'
import { METHOD } from './report-method.ts'
import { costOf, type Ratio, ratiosOf } from './ratios.ts'
import { OURS, type Scenario, SCENARIOS } from './scenarios.ts'

interface Kept {
  readonly scenario: Scenario
  readonly result: ScenarioResult
}

/** The text of docs/performance.md. */
export function report(all: readonly Kept[]): string {
  const missing = SCENARIOS.filter(({ id }) => !all.some(({ scenario }) => scenario.id === id))
  return `${[
    '# Performance',
    '<!-- Written by `npm run bench -- peers --write`; the next run overwrites it. Its words stand in bench/peers/report-method.ts. -->',
    METHOD.start,
    machine(all),
    '## Goals',
    goalTable(all),
    ...(missing.length > 0 ? [`Not measured: ${missing.map(({ title }) => title).join('; ')}.`] : []),
    '## Ratios',
    METHOD.ratios,
    ratioTable(all),
    '## Scenarios',
    METHOD.scenarios,
    ...all.flatMap((one) => [`### ${capital(one.scenario.title)}`, scenarioTable(one)]),
    METHOD.end,
  ].join('\n\n')}\n`
}

function machine(all: readonly Kept[]): string {
  const versions = new Map(all.flatMap(({ result }) => result.rows.map((row) => [row.name, row.version])))
  const named = [...versions].filter(([name]) => name !== 'Envoy as Istio' && !name.startsWith(`${OURS},`))
  const days = [...new Set(all.map(({ result }) => result.at.slice(0, 10)))].join(', ')
  const runs = [...new Set(all.map(({ result }) => `${result.rounds} rounds of ${result.seconds} s`))].join(
    '; ',
  )
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `Measured ${days} on ${cpus().length} virtual cores of ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${gigabytes} GiB, Linux ${release()}: ${named.map(([name, version]) => `${name} ${version}`).join(', ')}. ${runs}.`
}

function goalTable(all: readonly Kept[]): string {
  const rows = all.flatMap(({ scenario, result }) =>
    ratiosOf(scenario, result)
      .filter(({ goal }) => goal !== undefined)
      .map((ratio) => [
        scenario.title,
        `${ratio.what === 'memory' ? 'memory to ' : ''}${ratio.to}`,
        `at most ${ratio.goal}`,
        rangeOf(ratio),
        ratio.median <= (ratio.goal ?? 0) ? 'met' : '**missed**',
      ]),
  )
  return markdown(['scenario', 'beside', 'goal', 'ratio', ''], rows)
}

function ratioTable(all: readonly Kept[]): string {
  const names = ['nginx', 'HAProxy', 'Envoy', 'Envoy as Istio']
  const rows = all
    .filter(({ scenario }) => scenario.load !== undefined)
    .map(({ scenario, result }) => {
      const ratios = ratiosOf(scenario, result).filter(({ what }) => what === 'CPU')
      const to = (name: string) => ratios.find((ratio) => ratio.to === name)
      return [scenario.title, ...names.map((name) => rangeOf(to(name)))]
    })
  return markdown(['CPU of ours to that of', ...names], rows)
}

function rangeOf(ratio: Ratio | undefined): string {
  if (ratio === undefined) return '–'
  const { median, least, most } = ratio
  if (ratio.what === 'memory') return median.toFixed(2)
  return `${median.toFixed(2)} [${least.toFixed(2)}–${most.toFixed(2)}]`
}

function scenarioTable({ scenario, result }: Kept): string {
  const leftOut = result.leftOut.length > 0 ? `\n\nLeft out: ${result.leftOut.join('; ')}.` : ''
  if (scenario.load === undefined) {
    const rows = result.rows.map(({ name, idle }) => [
      name,
      whole(idle?.beforeMb ?? 0),
      whole(idle?.withMb ?? 0),
      whole((idle?.withMb ?? 0) - (idle?.beforeMb ?? 0)),
    ])
    return `${markdown(['', 'MiB before', 'MiB with them', 'more'], rows)}${leftOut}`
  }
  const heads = [
    '',
    `CPU µs per ${scenario.unit}`,
    'user',
    'system',
    `${scenario.unit.replace(/^\w+/, '$&s')}/s`,
    'p50 ms',
    'p99 ms',
    'MiB',
    'busy',
  ]
  return `${markdown(heads, result.rows.map(rowOf))}${leftOut}`
}

function rowOf({ name, samples, rssMb }: Row): readonly string[] {
  const median = (value: (sample: Sample) => number) => percentile(samples.map(value), 0.5)
  const costs = samples.map(costOf)
  return [
    name === OURS ? `**${name}**` : name,
    `${median(costOf).toFixed(1)} [${Math.min(...costs).toFixed(1)}–${Math.max(...costs).toFixed(1)}]`,
    median(({ userUs }) => userUs).toFixed(1),
    median(({ systemUs }) => systemUs).toFixed(1),
    whole(median(({ perSecond }) => perSecond)),
    median(({ p50Ms }) => p50Ms).toFixed(2),
    median(({ p99Ms }) => p99Ms).toFixed(2),
    whole(rssMb),
    `${whole(median(({ busy }) => busy) * 100)} %`,
  ]
}

function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function capital(text: string): string {
  return text.startsWith('gRPC') ? text : `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
