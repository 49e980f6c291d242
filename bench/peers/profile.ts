/**
 * Where the time of a request goes: samples of perf in the proxy's process while it is loaded, by what they were in, and
 * the system calls of a request, ours and Envoy's. Needs perf, strace and what `npm run bench -- peers` needs, and a
 * package that is built (`npm run build`); prints the tables of docs/performance.md.
 *   unshare -n sh -c 'ip link set lo up; node bench/peers/profile.ts [SCENARIO…]'
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Running, startContest } from './contest.ts'
import { envoyAsIstio } from './envoy.ts'
import { lateen } from './lateen.ts'
import { LOAD_CORE } from './load.ts'
import { processTree } from './process-tree.ts'
import { AREAS, areaOf } from './profile-areas.ts'
import { type Scenario, SCENARIOS } from './scenarios.ts'

const MISSED = ['http1', 'mtls', 'pair', 'http2-http1', 'http2', 'grpc-stream']
const WARM_UP_SECONDS = 8
const SECONDS = 8
const ENVOY = 'Envoy as Istio'

interface Profile {
  /** Parts of all samples. */
  readonly areas: ReadonlyMap<string, number>
  readonly ourCalls: ReadonlyMap<string, number>
  readonly envoyCalls: ReadonlyMap<string, number>
}

const profiled = {
  ...lateen,
  configure(hop: Parameters<typeof lateen.configure>[0], write: Parameters<typeof lateen.configure>[1]) {
    const command = lateen.configure(hop, write)
    return command && { ...command, args: ['--perf-basic-prof', ...command.args] }
  },
}

async function profile(scenario: Scenario, directory: string): Promise<Profile> {
  const { load } = scenario
  if (load === undefined) throw new Error(`${scenario.id} has no load`)
  const contest = await startContest({
    ...scenario,
    contestants: [
      { name: 'Lateen', peer: profiled },
      { name: ENVOY, peer: envoyAsIstio },
    ],
  })
  try {
    const find = (name: string): Running => {
      const found = contest.running.find((one) => one.name === name)
      if (found === undefined) throw new Error(`${name} does not serve: ${contest.leftOut.join('; ')}`)
      return found
    }
    const [ours, envoy] = [find('Lateen'), find(ENVOY)]
    await load(ours.target, WARM_UP_SECONDS)
    const data = join(directory, 'perf.data')
    const pids = ours.pids.flatMap(processTree).join(',')
    const recording = spawn('perf', ['record', '-q', '-g', '-F', '997', '-p', pids, '-o', data], {
      stdio: 'ignore',
    })
    await load(ours.target, SECONDS)
    recording.kill('SIGINT')
    await once(recording, 'exit')
    await load(envoy.target, 2)
    return {
      areas: areasIn(data),
      ourCalls: await callsPerRequest(ours, load),
      envoyCalls: await callsPerRequest(envoy, load),
    }
  } finally {
    contest.stop()
  }
}

function areasIn(data: string): ReadonlyMap<string, number> {
  const { stdout } = spawnSync('perf', ['script', '-i', data, '-F', 'ip,sym,dso', '--no-inline'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })
  const samples = stdout.split('\n\n').filter((text) => text.trim() !== '')
  const counts = new Map<string, number>()
  for (const sample of samples) {
    const area = areaOf(sample.split('\n').filter((line) => line !== ''))
    counts.set(area, (counts.get(area) ?? 0) + 1)
  }
  return new Map([...counts].map(([area, count]) => [area, count / samples.length]))
}

/** strace slows a process down, and so changes how much is done at once: what is counted is only near the truth. */
async function callsPerRequest(
  { pids, target }: Running,
  load: NonNullable<Scenario['load']>,
): Promise<ReadonlyMap<string, number>> {
  const words = pids.flatMap((pid) => ['-p', String(pid)])
  const tracing = spawn('taskset', ['-c', LOAD_CORE, 'strace', '-q', '-f', '-c', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  tracing.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await sleep(500)
  const { requests } = await load(target, 2)
  tracing.kill('SIGINT')
  await once(tracing, 'close')
  const rows = [...text.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z]\w+)$/gm)]
  return new Map(
    rows
      .filter(([, , name]) => name !== 'total')
      .map(([, count, name]) => [String(name), Number(count) / requests]),
  )
}

function print(profiles: ReadonlyMap<Scenario, Profile>): void {
  const all = [...profiles]
  const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`)
  line(['part of the samples', ...all.map(([{ title }]) => title)])
  line(['---', ...all.map(() => '---')])
  for (const area of AREAS) {
    line([area, ...all.map(([, { areas }]) => `${((areas.get(area) ?? 0) * 100).toFixed(0)} %`)])
  }
  console.log()
  line(['system calls per request', 'Lateen', ENVOY])
  line(['---', '---', '---'])
  for (const [{ title }, { ourCalls, envoyCalls }] of all)
    line([title, callsText(ourCalls), callsText(envoyCalls)])
}

function callsText(calls: ReadonlyMap<string, number>): string {
  const total = [...calls.values()].reduce((sum, one) => sum + one, 0)
  const named = [...calls].filter(([, count]) => count >= 0.03).sort(([, a], [, b]) => b - a)
  return `${total.toFixed(2)}: ${named.map(([name, count]) => `${name} ${count.toFixed(2)}`).join(', ')}`
}

spawnSync('taskset', ['-cp', LOAD_CORE, String(process.pid)])
const names = process.argv.slice(2)
const directory = mkdtempSync(join(tmpdir(), 'lateen-profile-'))
try {
  const profiles = new Map<Scenario, Profile>()
  for (const scenario of SCENARIOS.filter(({ id }) => (names.length === 0 ? MISSED : names).includes(id)))
    profiles.set(scenario, await profile(scenario, directory))
  print(profiles)
} finally {
  rmSync(directory, { recursive: true })
}
