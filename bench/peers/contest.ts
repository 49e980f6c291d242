import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { get as getSecurely } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { waitFor } from '../../test/support/wait.ts'
import { type Command, type Hop, type Identities, requestFor, SERVER_NAME } from './hop.ts'
import { makeIdentities } from './identities.ts'
import { LOAD_CORE, type Target } from './load.ts'
import { processTree } from './process-tree.ts'
import type { Contestant, Scenario } from './scenarios.ts'
import { GRPC_PATH, SERVER_PORTS, serverCommand } from './upstream.ts'

/** A contestant that serves. */
export interface Running {
  readonly name: string
  readonly target: Target
  /** one, or the two of a pair */
  readonly pids: readonly number[]
}

export interface Contest {
  readonly running: readonly Running[]
  /** Who does not take part, and why. */
  readonly leftOut: readonly string[]
  readonly stop: () => void
}

/** The proxies have a core for themselves, one after the other. */
const PROXY_CORE = '0'
const BOTH_CORES = '0,1'
const FIRST_PORT = 18_100
const READY_MS = 30_000

/** Starts the server and every contestant of a scenario; who cannot take part is left out with the reason. */
export async function startContest(scenario: Scenario): Promise<Contest> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-peers-'))
  chmodSync(directory, 0o755) // nginx's workers are nobody
  const children: ChildProcess[] = []
  const write = (name: string, text: string): string => {
    const file = join(directory, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, 'latin1')
    return file
  }
  const start = (core: string, { program, args }: Command): number => {
    const child = spawn('taskset', ['-c', core, program, ...args], { stdio: 'ignore', cwd: directory })
    child.on('error', () => {}) // then it never becomes ready, which is reported
    if (child.pid === undefined) throw new Error('taskset cannot be started')
    children.push(child)
    return child.pid
  }
  const stop = (): void => {
    // nginx's workers would outlive it.
    for (const pid of children.flatMap((child) => processTree(child.pid ?? -1))) endProcess(pid)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  const running: Running[] = []
  const leftOut: string[] = []
  try {
    const identities = makeIdentities(write)
    start(LOAD_CORE, serverCommand(scenario.server, identities, write))
    for (const [index, contestant] of scenario.contestants.entries()) {
      const missing = contestant.peer.missing()
      if (missing !== undefined) {
        leftOut.push(`${contestant.name}: not installed: ${missing}`)
        continue
      }
      const hops = hopsOf(scenario, contestant, FIRST_PORT + index * 10, identities)
      const commands = hops.map((hop) => contestant.peer.configure(hop, write))
      if (!commands.every((command) => command !== undefined)) {
        leftOut.push(`${contestant.name} cannot do this`)
        continue
      }
      const core = (scenario.workers ?? 1) > 1 ? BOTH_CORES : PROXY_CORE
      const pids = commands.map((command) => start(core, command))
      const port = hops[0]?.listen ?? 0
      const target = { port, ...requestFor(contestant.routes), directory, write, identities }
      try {
        await waitFor(`${contestant.name} to serve`, () => isServing(scenario, target), {
          deadlineMs: READY_MS,
        })
        running.push({ name: contestant.name, target, pids })
      } catch (error) {
        leftOut.push(`${contestant.name} does not serve this: ${String((error as Error).cause ?? error)}`)
      }
    }
  } catch (error) {
    stop()
    throw error
  }
  return { running, leftOut, stop }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it ended by itself meanwhile
  }
}

function hopsOf(
  scenario: Scenario,
  { routes }: Contestant,
  listen: number,
  identities: Identities,
): readonly Hop[] {
  const upstream = SERVER_PORTS[scenario.server]
  const { accepts, speaks, workers = 1, authorizes = false } = scenario
  const hop = { listen, accepts, upstream, speaks, workers, identities, ...(routes && { routes }) }
  if (scenario.isPair !== true) return [hop]
  return [
    { ...hop, upstream: listen + 1, speaks: 'mtls' },
    { ...hop, listen: listen + 1, accepts: 'mtls', ...(authorizes && { authorizes }) },
  ]
}

/** What is left out has failed to do this: a policy that is not enforced costs nothing. */
async function isServing({ accepts, server, authorizes }: Scenario, target: Target): Promise<boolean> {
  const { port, path } = target
  if (accepts === 'http2') return answersHttp2(port, server === 'grpc' ? GRPC_PATH : path)
  await answers(target, { isSecure: accepts === 'mtls', status: 200 })
  if (authorizes === true) await answers(target, { isSecure: false, method: 'DELETE', status: 403 })
  return true
}

/** @throws Error when the status is another */
async function answers(
  { port, host, path, identities: { authority, client } }: Target,
  want: { readonly isSecure: boolean; readonly status: number; readonly method?: string },
): Promise<void> {
  const options = {
    host: '127.0.0.1',
    port,
    path,
    headers: { host },
    agent: false,
    ...(want.method !== undefined && { method: want.method }),
    signal: AbortSignal.timeout(2000),
  }
  const material = () => ({
    ca: readFileSync(authority),
    cert: readFileSync(client.certificate),
    key: readFileSync(client.key),
    servername: SERVER_NAME,
  })
  const request = want.isSecure ? getSecurely({ ...options, ...material() }) : get(options)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  if (response.statusCode !== want.status) throw new Error(`status ${response.statusCode}`)
}

function answersHttp2(port: number, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`)
    const end = (error?: Error): void => {
      session.destroy()
      if (error) reject(error)
      else resolve(true)
    }
    session.on('error', end)
    session.setTimeout(2000, () => end(new Error('no answer')))
    const headers = { 'content-type': 'application/grpc', te: 'trailers' }
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers })
    stream.on('error', end)
    stream.end()
    stream.on('response', (response) => {
      const status = response[':status']
      end(status === 200 ? undefined : new Error(`status ${status}`))
    })
  })
}
