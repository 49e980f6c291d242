import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Contest, type Running, startContest } from './contest.ts'
import type { Load } from './load.ts'
import { cpuTime, processTree, rssMegabytes } from './process-tree.ts'
import type { Scenario } from './scenarios.ts'

/** What one run of one contestant gave. */
export interface Sample {
  readonly userUs: number
  readonly systemUs: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** how much of a processor the proxy used */
  readonly busy: number
}

export interface Row {
  readonly name: string
  readonly version: string
  /** in the order of the rounds */
  readonly samples: readonly Sample[]
  readonly rssMb: number
  /** before and with the idle connections */
  readonly idle?: { readonly beforeMb: number; readonly withMb: number }
}

export interface ScenarioResult {
  readonly id: string
  readonly at: string
  readonly rounds: number
  readonly seconds: number
  readonly rows: readonly Row[]
  readonly leftOut: readonly string[]
}

export interface MeasureOptions {
  readonly rounds: number
  readonly seconds: number
  readonly signal: AbortSignal
  readonly print: (line: string) => void
}

/** A compiler that works while the program runs is done by then; with neighbours that takes longer. */
const WARM_UP_REQUESTS = 150_000
const WARM_UP_SECONDS_MAX = 8
const WARM_UP_STEP_SECONDS = 2
const IDLE_CONNECTIONS = 1000
const SETTLE_MS = 1000
/** What reads our configuration is gone by then. */
const START_MS = 12_000

/** Each contestant alone on its core in turn, round by round, so that what the machine does meanwhile falls on all. */
export async function measureScenario(scenario: Scenario, options: MeasureOptions): Promise<ScenarioResult> {
  const contest = await startContest(scenario)
  try {
    for (const one of contest.leftOut) options.print(`  • left out: ${one}`)
    const { load } = scenario
    const rows = load === undefined ? await idleRows(contest) : await loadedRows(contest, load, options)
    const { rounds, seconds } = options
    const versions = new Map(scenario.contestants.map(({ name, peer }) => [name, peer]))
    return {
      id: scenario.id,
      at: new Date().toISOString(),
      rounds,
      seconds,
      rows: rows.map((row) => ({ ...row, version: versions.get(row.name)?.version() ?? '' })),
      leftOut: contest.leftOut,
    }
  } finally {
    contest.stop()
  }
}

type Measured = Omit<Row, 'version'>

async function loadedRows(
  contest: Contest,
  load: Load,
  options: MeasureOptions,
): Promise<readonly Measured[]> {
  const samples = new Map<Running, Sample[]>(contest.running.map((one) => [one, []]))
  for (let round = 0; round < options.rounds; round++) {
    // Another one begins each time.
    const first = round % Math.max(1, contest.running.length)
    for (const one of [...contest.running.slice(first), ...contest.running.slice(0, first)]) {
      options.signal.throwIfAborted()
      if (round === 0) await warmUp(one, load)
      samples.get(one)?.push(await sample(one, load, options.seconds))
    }
    const costs = contest.running.map((one) => {
      const last = samples.get(one)?.at(-1)
      return `${one.name} ${((last?.userUs ?? 0) + (last?.systemUs ?? 0)).toFixed(1)}`
    })
    options.print(`  • round ${round + 1} of ${options.rounds}, CPU µs: ${costs.join(', ')}`)
  }
  return contest.running.map((one) => ({
    name: one.name,
    samples: samples.get(one) ?? [],
    rssMb: rssMegabytes(treeOf(one)),
  }))
}

async function warmUp({ target }: Running, load: Load): Promise<void> {
  let served = 0
  for (let seconds = 0; served < WARM_UP_REQUESTS && seconds < WARM_UP_SECONDS_MAX;) {
    served += (await load(target, WARM_UP_STEP_SECONDS)).requests
    seconds += WARM_UP_STEP_SECONDS
  }
}

async function sample(one: Running, load: Load, seconds: number): Promise<Sample> {
  const tree = treeOf(one)
  const before = cpuTime(tree)
  const started = performance.now()
  const { requests, perSecond, p50Ms, p99Ms } = await load(one.target, seconds)
  const after = cpuTime(tree)
  const userMs = after.userMs - before.userMs
  const systemMs = after.systemMs - before.systemMs
  return {
    userUs: (userMs * 1000) / requests,
    systemUs: (systemMs * 1000) / requests,
    perSecond,
    p50Ms,
    p99Ms,
    busy: (userMs + systemMs) / (performance.now() - started),
  }
}

function treeOf({ pids }: Running): readonly number[] {
  return pids.flatMap(processTree)
}

async function idleRows(contest: Contest): Promise<readonly Measured[]> {
  const rows: Measured[] = []
  await sleep(START_MS)
  for (const one of contest.running) {
    const beforeMb = rssMegabytes(treeOf(one))
    const sockets = await openIdle(one, IDLE_CONNECTIONS)
    await sleep(SETTLE_MS)
    const withMb = rssMegabytes(treeOf(one))
    for (const socket of sockets) socket.destroy()
    rows.push({ name: one.name, samples: [], rssMb: withMb, idle: { beforeMb, withMb } })
  }
  return rows
}

/** Connections that had one request each and are kept. */
async function openIdle({ target }: Running, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: '127.0.0.1', port: target.port })
    sockets.push(socket)
    await once(socket, 'connect')
    socket.write(`GET ${target.path} HTTP/1.1\r\nHost: ${target.host}\r\n\r\n`)
    await once(socket, 'data')
    socket.resume()
  }
  return sockets
}
