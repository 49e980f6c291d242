import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'

export interface Program {
  readonly pid: number
  readonly port: number
  /** The base address for HTTP. */
  readonly url: string
  /** All that it wrote so far, to both outputs. */
  readonly output: () => string
  /** Waits until the output matches. */
  readonly until: (pattern: RegExp) => Promise<void>
  /** Sends SIGTERM, and waits for the exit status. */
  readonly stop: () => Promise<number | string>
}

export interface Ended {
  readonly status: number | string
  readonly output: string
}

const DEMO = join(import.meta.dirname, '..')
const DEADLINE_MS = 10_000

/**
 * Starts a program of the demo on a loopback port of its own, and waits until it listens.
 * @param file below samples/demo
 * @param env set besides PATH, PORT and LISTEN
 */
export async function startProgram(
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const port = await freePort()
  const run = launch(file, { PORT: String(port), LISTEN: '127.0.0.1', ...env })
  await Promise.race([
    run.until(/listening on|Ready to accept connections/),
    run.ended.then(({ status, output }) => {
      throw new Error(`${file} ended with ${status} instead of listening:\n${output}`)
    }),
  ])
  const { child, output, until } = run
  const stop = async (): Promise<number | string> => {
    child.kill('SIGTERM')
    return (await withDeadline(run.ended, `${file} does not stop`)).status
  }
  return { pid: child.pid ?? 0, port, url: `http://127.0.0.1:${port}`, output, until, stop }
}

/** Runs a program that is expected to end by itself. */
export async function runProgram(file: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const run = launch(file, env)
  try {
    return await withDeadline(run.ended, `${file} does not end`)
  } finally {
    run.child.kill('SIGKILL')
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
  return address.port
}

export async function withDeadline<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${DEADLINE_MS} ms`)), DEADLINE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

interface Run {
  readonly child: ReturnType<typeof spawn>
  readonly ended: Promise<Ended>
  readonly output: () => string
  readonly until: (pattern: RegExp) => Promise<void>
}

/** The environment is only what is given, so that no variable of the machine decides about a test. */
function launch(file: string, env: Readonly<Record<string, string>>): Run {
  const PATH = process.env['PATH'] ?? ''
  const child = spawn(process.execPath, [join(DEMO, file)], {
    env: { PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A test that fails half-way must leave nothing running.
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('close', () => process.removeListener('exit', kill))
  let text = ''
  const waiting = new Set<() => void>()
  const read = (chunk: Buffer): void => {
    text += chunk.toString()
    for (const wake of waiting) wake()
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (status, signal) => resolve({ status: status ?? signal ?? 'unknown', output: text }))
  })
  const until = (pattern: RegExp): Promise<void> => {
    const seen = new Promise<void>((resolve) => {
      const wake = (): void => {
        if (!pattern.test(text)) return
        waiting.delete(wake)
        resolve()
      }
      waiting.add(wake)
      wake()
    })
    return withDeadline(seen, `no line of ${file} matches ${pattern}`)
  }
  return { child, ended, output: () => text, until }
}
