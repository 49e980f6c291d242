import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSeededRandom, type Random, systemClock } from '../../src/base/index.ts'
import { h2loadResult, type LoadResult, startLoad, wrkResult } from './load.ts'
import { backendFile, gatewayFile, nginxFile, routesFile } from './files.ts'

/** `lateen serve` under full load while all that can change does: no request may fail, and memory must not grow. */
export interface SoakOptions {
  readonly seconds: number
  readonly concurrency: number
  readonly restarts: number
  readonly seed: number
  readonly onLine: (line: string) => void
}

export interface SoakReport {
  readonly loads: readonly LoadResult[]
  readonly changes: number
  readonly restarts: number
  /** Megabytes of the process that serves, second by second. */
  readonly rss: readonly number[]
}

const CHANGE_MS = 100
const BACKENDS = 3
const READY_MS = 20_000
const RESTART_MS = 30_000
const LINE_EVERY_S = 10

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-soak-'))
  const children: ChildProcess[] = []
  try {
    const bench = await startBench(folder, options, children)
    return await drive(bench, options)
  } finally {
    const serving = servingPid(folder)
    if (serving !== undefined) process.kill(serving, 'SIGTERM')
    for (const child of children) child.kill()
    await untilGone(serving)
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Bench {
  readonly folder: string
  readonly port: number
  readonly backends: readonly number[]
}

async function startBench(folder: string, options: SoakOptions, children: ChildProcess[]): Promise<Bench> {
  const [port = 0, ...backends] = await Promise.all(Array.from({ length: 1 + BACKENDS }, freePort))
  mkdirSync(join(folder, 'conf'))
  writeFileSync(join(folder, 'nginx.conf'), nginxFile(folder, backends))
  const bench = { folder, port, backends }
  put(bench, 'gateway.yaml', gatewayFile(port))
  put(bench, 'backend.yaml', backendFile(backends))
  put(bench, 'routes.yaml', routesFile(0))
  children.push(spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'inherit' }))
  const words: readonly string[] = [
    'serve',
    `--filename=${join(folder, 'conf')}`,
    '--address=127.0.0.1',
    '--admin-port=0',
    `--concurrency=${options.concurrency}`,
    '--drain-time=20s',
    `--pid-file=${join(folder, 'pid')}`,
  ]
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const args = ['--disable-warning=ExperimentalWarning', main, ...words]
  children.push(spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }))
  await until('the proxy answers', READY_MS, async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
    return response?.status === 200 && servingPid(folder) !== undefined
  })
  return bench
}

async function drive(bench: Bench, options: SoakOptions): Promise<SoakReport> {
  const { port, folder } = bench
  const random = createSeededRandom(options.seed)
  const url = `http://127.0.0.1:${port}/`
  const seconds = String(options.seconds)
  const loads = [
    startLoad('HTTP/1.1', 'wrk', ['-t1', '-c32', `-d${seconds}`, url], wrkResult),
    startLoad(
      'new connections',
      'wrk',
      ['-t1', '-c4', `-d${seconds}`, '-H', 'Connection: close', url],
      wrkResult,
    ),
    startLoad('HTTP/2', 'h2load', ['-c4', '-m8', '-D', seconds, url], h2loadResult),
  ]
  const started = performance.now()
  const rss: number[] = []
  let changes = 0
  let restarts = 0
  let restarting: Promise<void> | undefined
  const over = () => performance.now() - started > options.seconds * 1000
  const watching = (async () => {
    while (!over()) {
      rss.push(residentMb(folder))
      if (rss.length % LINE_EVERY_S === 0) {
        options.onLine(`${rss.length} s: ${rss.at(-1)} MB, ${changes} changes, ${restarts} restarts`)
      }
      await systemClock.sleep(1000)
    }
  })()
  while (!over()) {
    changeSomething(bench, changes++, random)
    const due = Math.floor(((performance.now() - started) / 1000 / options.seconds) * (options.restarts + 1))
    if (restarting === undefined && restarts < Math.min(due, options.restarts)) {
      // Changes go on meanwhile.
      restarting = restart(folder, options.onLine).finally(() => {
        restarts++
        restarting = undefined
      })
    }
    await systemClock.sleep(CHANGE_MS)
  }
  await Promise.all([watching, restarting])
  return { loads: await Promise.all(loads), changes, restarts, rss }
}

/** Endpoints come and go every third time, routes change at the others. */
function changeSomething(bench: Bench, change: number, random: Random): void {
  if (change % 3 !== 0) {
    put(bench, 'routes.yaml', routesFile(change))
    return
  }
  const some = bench.backends.filter(() => random.next() < 0.5)
  put(bench, 'backend.yaml', backendFile(some.length === 0 ? bench.backends.slice(0, 1) : some))
}

async function restart(folder: string, onLine: (line: string) => void): Promise<void> {
  const before = servingPid(folder)
  assert.ok(before !== undefined)
  process.kill(before, 'SIGUSR2')
  await until(
    'another process serves',
    RESTART_MS,
    async () => ![before, undefined].includes(servingPid(folder)),
  )
  onLine(`process ${servingPid(folder)} serves in the place of ${before}`)
}

/** As editors do: the old file or the new one, never half of it. */
function put({ folder }: { readonly folder: string }, name: string, text: string): void {
  writeFileSync(join(folder, name), text)
  renameSync(join(folder, name), join(folder, 'conf', name))
}

function servingPid(folder: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function residentMb(folder: string): number {
  const status = readFileSync(`/proc/${servingPid(folder)}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
}

async function untilGone(pid: number | undefined): Promise<void> {
  if (pid === undefined) return
  await until('the proxy has ended', READY_MS, async () => {
    try {
      process.kill(pid, 0)
      return false
    } catch {
      return true
    }
  })
}

async function until(what: string, ms: number, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain until ${what}`)
    await systemClock.sleep(20)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
