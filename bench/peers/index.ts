/**
 * bench/peers: the proxy beside nginx, HAProxy and Envoy, in one run: each alone on a core in turn, several rounds, so
 * that what the machine does meanwhile falls on all. Only ratios of one run mean anything.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { isInstalled } from '../../scripts/run.ts'
import { runCommand } from '../../test/support/command.ts'
import { type Figure, percentile } from '../figures.ts'
import { cpuMilliseconds } from '../processes.ts'
import type { Session } from '../session.ts'
import { type Proxy, startPeers } from './proxies.ts'

const ROUNDS = 4
const WARM_UP_SECONDS = 1
const SECONDS = 4
const MORE_ROUTES = 5000
const LOAD = ['taskset', '-c', '1'] as const

interface Scenario {
  readonly name: string
  readonly load: (proxy: Proxy, seconds: number) => Promise<number>
  readonly applies: (proxy: Proxy) => boolean
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'HTTP/1.1', load: wrk, applies: () => true },
  { name: 'HTTP/2 to HTTP/1.1', load: h2load, applies: (proxy) => !proxy.name.includes('more') },
]

export async function measurePeers(session: Session): Promise<readonly Figure[]> {
  for (const tool of ['nginx', 'wrk', 'h2load', 'taskset']) {
    if (isInstalled(tool)) continue
    session.print(
      `• ${tool} is not installed; on Debian:  apt-get install -y nginx wrk nghttp2-client util-linux`,
    )
    return []
  }
  const peers = await startPeers(MORE_ROUTES)
  try {
    for (const one of peers.missing) session.print(`• not measured: ${one}`)
    const figures: Figure[] = []
    for (const scenario of SCENARIOS) {
      const proxies = peers.proxies.filter(scenario.applies)
      figures.push(...(await measureScenario(scenario, proxies, session)))
    }
    return [...figures, ...peers.proxies.map(({ name, pid }) => rss(name, pid))]
  } finally {
    peers.stop()
  }
}

async function measureScenario(
  scenario: Scenario,
  proxies: readonly Proxy[],
  session: Session,
): Promise<readonly Figure[]> {
  const costs = new Map<Proxy, number[]>(proxies.map((proxy) => [proxy, []]))
  for (let round = 0; round < ROUNDS && !session.signal.aborted; round++) {
    for (const proxy of proxies) {
      await scenario.load(proxy, WARM_UP_SECONDS)
      const before = treeCpuMilliseconds(proxy.pid)
      const requests = await scenario.load(proxy, SECONDS)
      costs.get(proxy)?.push(((treeCpuMilliseconds(proxy.pid) - before) * 1000) / requests)
    }
    session.print(`• ${scenario.name}: round ${round + 1} of ${ROUNDS}`)
  }
  const costOf = (proxy: Proxy) => costs.get(proxy) ?? []
  const ours = proxies.find(({ name }) => name === 'Lateen') as Proxy
  const absolute = proxies.map((proxy) => ({
    name: `${scenario.name}, ${proxy.name}, per request`,
    value: percentile(costOf(proxy), 0.5),
    unit: 'µs CPU',
  }))
  // Round by round: what disturbed one disturbed the other.
  const ratios = proxies
    .filter((proxy) => proxy !== ours)
    .map((proxy) => {
      const [above, below] = proxy.name.startsWith('Lateen') ? [proxy, ours] : [ours, proxy]
      const perRound = costOf(above).map((cost, round) => cost / (costOf(below)[round] ?? Number.NaN))
      const goal = GOALS[`${scenario.name}, ${proxy.name}`] ?? (proxy === above ? 1.1 : undefined)
      return {
        name: `${scenario.name}, ${above.name} to ${below.name}`,
        value: percentile(perRound, 0.5),
        unit: '',
        ...(goal !== undefined && { most: goal }),
      }
    })
  return [...absolute, ...ratios]
}

const GOALS: Readonly<Record<string, number>> = {
  'HTTP/1.1, nginx': 1.25,
  'HTTP/1.1, Envoy': 0.5,
  'HTTP/2 to HTTP/1.1, nginx': 1.25,
  'HTTP/2 to HTTP/1.1, Envoy': 0.6,
}

async function wrk(proxy: Proxy, seconds: number): Promise<number> {
  const args = ['wrk', '-t1', '-c32', `-d${seconds}s`, `http://127.0.0.1:${proxy.port}/`]
  const { stdout } = await runCommand(LOAD[0], [...LOAD.slice(1), ...args], { timeoutMs: 60_000 })
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${proxy.name} failed requests:\n${stdout}`)
  return countOf(/(\d+) requests in/, stdout, proxy)
}

async function h2load(proxy: Proxy, seconds: number): Promise<number> {
  const args = ['h2load', '-t1', '-c8', '-m16', `-D${seconds}`, `http://127.0.0.1:${proxy.port + 1}/`]
  const { stdout } = await runCommand(LOAD[0], [...LOAD.slice(1), ...args], { timeoutMs: 60_000 })
  return countOf(/(\d+) succeeded/, stdout, proxy)
}

function countOf(pattern: RegExp, stdout: string, proxy: Proxy): number {
  const count = Number(pattern.exec(stdout)?.[1] ?? 0)
  if (count === 0) throw new Error(`${proxy.name} served nothing:\n${stdout}`)
  return count
}

/** nginx works in a child of its own. */
function treeCpuMilliseconds(pid: number): number {
  const parentOf = (child: string) => {
    try {
      const text = readFileSync(`/proc/${child}/stat`, 'latin1')
      return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
    } catch {
      return 0 // it ended between the two looks
    }
  }
  const children = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid)
  return [pid, ...children.map(Number)].reduce((sum, one) => sum + cpuMilliseconds(one), 0)
}

function rss(name: string, pid: number): Figure {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { name: `${name}, memory after load (RSS)`, value: Number(kilobytes) / 1024, unit: 'MB' }
}
