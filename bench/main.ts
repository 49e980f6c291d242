/**
 * Measures what the project promises, on clusters of its own in a network of its own.
 *   npm run bench [-- start memory control-plane requests peers]
 *   npm run bench -- peers [--scenario NAME]… [--rounds N] [--seconds N] [--write]
 * Figures of one run may be compared with each other; those of two machines may not.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { inOwnNetwork } from '../scripts/own-network.ts'
import { run } from '../scripts/run.ts'
import { setup } from '../scripts/setup.ts'
import { messageOf, type Result } from '../src/base/index.ts'
import { measureControlPlane } from './control-plane.ts'
import { type Figure, table } from './figures.ts'
import { measureMemory } from './memory.ts'
import { checkScenarios, measurePeers } from './peers/index.ts'
import { measureRequests } from './requests.ts'
import { createSession, type Measurement, type PeerOptions } from './session.ts'
import { measureStart } from './start.ts'

/** In this order: a cluster that was just started has the memory that the goal speaks of. */
const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  start: measureStart,
  memory: measureMemory,
  'control-plane': measureControlPlane,
  requests: measureRequests,
  peers: measurePeers,
}
const RESULTS = join(tmpdir(), '.lateen-bench')
const OPTIONS = {
  inside: { type: 'boolean', default: false },
  scenario: { type: 'string', multiple: true, default: [] as string[] },
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '2' },
  write: { type: 'boolean', default: false },
} as const

const words = process.argv.slice(2)
const request = readWords()
if (!request.ok) {
  console.error(request.error)
  process.exitCode = 64
} else if (request.value.isInside) {
  process.exitCode = await measure(request.value.names, request.value.peers)
} else process.exitCode = await enterOwnNetwork()

interface Request {
  readonly names: readonly string[]
  readonly peers: PeerOptions
  readonly isInside: boolean
}

function readWords(): Result<Request, string> {
  try {
    return { ok: true, value: parseWords() }
  } catch (error) {
    return { ok: false, error: messageOf(error) }
  }
}

/** @throws what is wrong with the words */
function parseWords(): Request {
  const { values, positionals: names } = parseArgs({ args: words, options: OPTIONS, allowPositionals: true })
  const unknown = names.filter((name) => !(name in MEASUREMENTS))
  if (unknown.length > 0) {
    const known = Object.keys(MEASUREMENTS).join(', ')
    throw new Error(`There is no measurement ${unknown.join(', ')}; there are ${known}.`)
  }
  checkScenarios(values.scenario)
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  if (![rounds, seconds].every((value) => Number.isInteger(value) && value > 0))
    throw new Error('--rounds and --seconds are whole numbers above 0')
  return {
    names,
    peers: { scenarios: values.scenario, rounds, seconds, write: values.write },
    isInside: values.inside,
  }
}

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
      '--inside',
      ...words,
    ]),
  )
}

async function measure(chosen: readonly string[], peers: PeerOptions): Promise<number> {
  const abort = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => abort.abort(new Error(`ended by ${name}`)))
  }
  const session = createSession({ print: (line) => console.log(line), peers, signal: abort.signal })
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
