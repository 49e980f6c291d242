/**
 * Measures what the project promises, on clusters of its own in a network of its own.
 *   npm run bench [-- start memory change-latency requests peers]
 * Figures of one run may be compared with each other; those of two machines may not.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { inOwnNetwork } from '../scripts/own-network.ts'
import { run } from '../scripts/run.ts'
import { setup } from '../scripts/setup.ts'
import { measureChangeLatency } from './change-latency.ts'
import { type Figure, table } from './figures.ts'
import { measureMemory } from './memory.ts'
import { measurePeers } from './peers/index.ts'
import { measureRequests } from './requests.ts'
import { createSession, type Measurement } from './session.ts'
import { measureStart } from './start.ts'

/** In this order: a cluster that was just started has the memory that the goal speaks of. */
const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  start: measureStart,
  memory: measureMemory,
  'change-latency': measureChangeLatency,
  requests: measureRequests,
  peers: measurePeers,
}
const RESULTS = join(tmpdir(), '.lateen-bench')
const INSIDE = '--inside'

const words = process.argv.slice(2)
const names = words.filter((word) => word !== INSIDE)
const unknown = names.filter((name) => !(name in MEASUREMENTS))
if (unknown.length > 0) {
  console.error(
    `There is no measurement ${unknown.join(', ')}; there are ${Object.keys(MEASUREMENTS).join(', ')}.`,
  )
  process.exitCode = 64
} else if (words.includes(INSIDE)) process.exitCode = await measure(names)
else process.exitCode = await enterOwnNetwork()

/** Ctrl-C goes to the inner process, which takes its cluster down; then the network goes. */
async function enterOwnNetwork(): Promise<number> {
  const ready = await setup({ tests: false })
  if (ready !== 0) return ready
  process.on('SIGINT', () => {})
  return inOwnNetwork(([command, ...enter]) =>
    run(command, [
      ...enter,
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      import.meta.filename,
      INSIDE,
      ...names,
    ]),
  )
}

async function measure(chosen: readonly string[]): Promise<number> {
  const abort = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => abort.abort(new Error(`ended by ${name}`)))
  }
  const session = createSession({ print: (line) => console.log(line), signal: abort.signal })
  let failures = 0
  try {
    for (const [name, measurement] of Object.entries(MEASUREMENTS)) {
      if (chosen.length > 0 && !chosen.includes(name)) continue
      abort.signal.throwIfAborted()
      console.log(`\n${name}`)
      try {
        report(name, await measurement(session))
      } catch (error) {
        failures += 1
        console.error(`✗ ${name}:`, error)
      }
    }
  } finally {
    await session.stop()
  }
  return failures === 0 ? 0 : 1
}

function report(name: string, figures: readonly Figure[]): void {
  if (figures.length === 0) return
  for (const line of table(figures)) console.log(line)
  mkdirSync(RESULTS, { recursive: true })
  const machine = { processors: cpus().length, model: cpus()[0]?.model, node: process.version }
  const path = join(RESULTS, `${name}.json`)
  writeFileSync(
    path,
    `${JSON.stringify({ name, at: new Date().toISOString(), machine, figures }, undefined, 2)}\n`,
  )
  console.log(`  → ${path}`)
}
