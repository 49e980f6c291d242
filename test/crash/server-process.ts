import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/index.ts'
import { httpsTransport, type KubeTransport } from '../../src/kube/client/index.ts'
import { createPki, type Pki } from '../../src/local-cluster/apiserver/index.ts'
import type { Fault } from './faults.ts'
import { ARM, type Interference } from './interference.ts'

export interface ServerProcess {
  readonly port: number
  readonly pid: number
  readonly stderr: () => string
  /** From now on the interference that it was started with may happen. */
  readonly arm: () => void
  /** resolves when the process is gone */
  readonly gone: Promise<void>
  /** SIGKILL. Resolves when the process is gone. */
  readonly kill: () => Promise<void>
}

export interface ServerOptions {
  readonly directory: string
  readonly historyMax?: number
  readonly fault?: Fault
  readonly controllers?: boolean
  readonly interference?: Interference
  /** what stands before the command, such as `sh -c 'ulimit …; exec "$@"' sh` */
  readonly enter?: readonly string[]
}

const START_DEADLINE_MS = 30_000

export function storePath(directory: string): string {
  return join(directory, 'store', 'store.db')
}

/** The key and certificates of the server in a directory, made at the first call. */
export function pkiOf(directory: string): Promise<Pki> {
  mkdirSync(join(directory, 'store'), { recursive: true })
  return createPki({ directory: join(directory, 'pki'), clock: systemClock })
}

/** Starts the process without waiting for it to serve. */
export function spawnServer(options: ServerOptions): ChildProcess {
  const words = [
    ...(options.enter ?? []),
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'server.ts'),
    options.directory,
    ...(options.historyMax === undefined ? [] : ['--history-max', String(options.historyMax)]),
    ...(options.fault === undefined ? [] : ['--fault', options.fault]),
    ...(options.controllers ? ['--controllers'] : []),
    ...(options.interference === undefined ? [] : ['--interference', options.interference]),
  ]
  return spawn(words[0] as string, words.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] })
}

/** @throws with what the server wrote when it ends instead of serving */
export function startServer(options: ServerOptions): Promise<ServerProcess> {
  return new Promise((resolve, reject) => {
    const child = spawnServer(options)
    let stderr = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      if (stderr.length < 100_000) stderr += chunk.toString()
    })
    const gone = new Promise<void>((ended) => {
      child.on('close', () => ended())
    })
    const deadline = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS)
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(deadline)
      reject(Object.assign(new Error(`the server ended with status ${code}: ${stderr}`), { code, stderr }))
    })
    child.stdout?.on('data', (chunk: Buffer) => {
      const port = /listening (\d+)/.exec(chunk.toString())?.[1]
      if (port === undefined) return
      clearTimeout(deadline)
      resolve({
        port: Number(port),
        pid: child.pid as number,
        stderr: () => stderr,
        arm: () => void child.kill(ARM),
        gone,
        kill: async () => {
          child.kill('SIGKILL')
          await gone
        },
      })
    })
  })
}

export function transportTo(port: number, pki: Pki): KubeTransport {
  return httpsTransport({
    server: `https://127.0.0.1:${port}`,
    ca: pki.caCertificate,
    cert: pki.admin.certificate,
    key: pki.admin.key,
  })
}

/** One transport for clients that outlive servers: it leads to whichever server is there now. */
export function switchedTransport(): {
  readonly transport: KubeTransport
  readonly lead: (to: KubeTransport) => void
} {
  let current: KubeTransport | undefined
  const use = (): KubeTransport => {
    if (!current) throw new Error('no server is there')
    return current
  }
  return {
    transport: {
      request: (request) => use().request(request),
      watch: (request) => use().watch(request),
      stream: (request) => use().stream(request),
      close: () => current?.close(),
    },
    lead(to) {
      current?.close()
      current = to
    },
  }
}
