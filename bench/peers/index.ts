/**
 * bench/peers: the proxy beside nginx, HAProxy and Envoy, scenario by scenario, in one run. Only ratios of one run mean
 * anything. Each scenario's result is kept, so that one may be measured again alone; `--write` makes the document of them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { isInstalled, REPOSITORY, runQuietly } from '../../scripts/run.ts'
import { messageOf } from '../../src/base/index.ts'
import type { Figure } from '../figures.ts'
import type { Session } from '../session.ts'
import { LOAD_CORE } from './load.ts'
import { measureScenario, type ScenarioResult } from './measure.ts'
import { figuresOf } from './ratios.ts'
import { report } from './report.ts'
import { OURS, type Scenario, SCENARIOS } from './scenarios.ts'

/** In the clone: another one may be measured at the same time. */
const RESULTS = join(REPOSITORY, '.tools/bench/peers')
const DOCUMENT = join(REPOSITORY, 'docs/performance.md')
const TOOLS = ['nginx', 'wrk', 'h2load', 'nghttpd', 'taskset', 'openssl']
const PACKAGES = 'nginx libnginx-mod-stream haproxy wrk nghttp2-client nghttp2-server util-linux openssl'

export async function measurePeers(session: Session): Promise<readonly Figure[]> {
  const missing = TOOLS.filter((tool) => !isInstalled(tool))
  if (missing.length > 0)
    throw new Error(`not installed: ${missing.join(', ')}; on Debian:  apt-get install -y ${PACKAGES}`)
  if (availableParallelism() < 2) throw new Error('this takes a core for the proxy and one for the load')
  session.print('• building the package …')
  const built = await runQuietly(process.execPath, ['scripts/build.ts'])
  if (built.status !== 0) throw new Error(`the package cannot be built:\n${built.output}`)
  // This process is of the load's side too.
  spawnSync('taskset', ['-cp', LOAD_CORE, String(process.pid)])
  const { scenarios: names, rounds, seconds, write } = session.peers
  const chosen = SCENARIOS.filter(({ id }) => names.length === 0 || names.includes(id))
  const figures: Figure[] = []
  const failures: string[] = []
  for (const scenario of chosen) {
    session.signal.throwIfAborted()
    session.print(`• ${scenario.title}  (--scenario ${scenario.id})`)
    try {
      const { print, signal } = session
      const result = await measureScenario(scenario, { rounds, seconds, print, signal })
      if (!result.rows.some(({ name }) => name === OURS)) throw new Error('ours did not take part')
      keep(result)
      figures.push(...figuresOf(scenario, result))
    } catch (error) {
      session.print(`  ✗ ${scenario.id}: ${messageOf(error)}`)
      failures.push(scenario.id)
    }
  }
  if (write) {
    writeFileSync(DOCUMENT, report(SCENARIOS.flatMap(kept)))
    session.print(`• written: ${DOCUMENT}`)
  }
  if (failures.length > 0) throw new Error(`failed: ${failures.join(', ')}`)
  return figures
}

/** @throws naming those that there are */
export function checkScenarios(names: readonly string[]): void {
  const unknown = names.filter((name) => !SCENARIOS.some(({ id }) => id === name))
  if (unknown.length === 0) return
  const known = SCENARIOS.map(({ id }) => id).join(', ')
  throw new Error(`There is no scenario ${unknown.join(', ')}; there are ${known}.`)
}

function keep(result: ScenarioResult): void {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(join(RESULTS, `${result.id}.json`), `${JSON.stringify(result, undefined, 2)}\n`)
}

function kept(
  scenario: Scenario,
): readonly { readonly scenario: Scenario; readonly result: ScenarioResult }[] {
  try {
    const result = JSON.parse(readFileSync(join(RESULTS, `${scenario.id}.json`), 'utf8')) as ScenarioResult
    return [{ scenario, result }]
  } catch {
    return [] // not measured yet, which the document says
  }
}
