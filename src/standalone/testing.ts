/** For tests of this folder: files in, a proxy on loopback out. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger, type LogLevel, systemClock, systemRandom } from '../base/index.ts'
import { serve } from './index.ts'
import type { ServeOptions } from './serve.ts'

export interface ServeBench {
  readonly port: number
  readonly write: (name: string, text: string) => void
  /** An HTTP server of Node. @returns its port */
  readonly backend: (listener: RequestListener) => Promise<number>
  readonly start: () => Promise<void>
  readonly get: (path: string, init?: RequestInit) => Promise<Response>
  /** A page of the admin interface. */
  readonly admin: (path: string) => Promise<string>
  readonly log: () => string
  readonly until: (what: string, condition: () => boolean | Promise<boolean>) => Promise<void>
  readonly stop: () => Promise<void>
}

export async function createServeBench(more: Partial<ServeOptions> = {}): Promise<ServeBench> {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-serve-'))
  const port = await freePort()
  const adminPort = await freePort()
  const abort = new AbortController()
  const lines: string[] = []
  const closers: (() => void)[] = []
  let ended: Promise<void> = Promise.resolve()
  return {
    port,
    write: (name, text) => writeFileSync(join(folder, name), text),
    async backend(listener) {
      const server = createServer(listener).listen(0, '127.0.0.1')
      await once(server, 'listening')
      closers.push(() => {
        server.close()
        server.closeAllConnections()
      })
      return (server.address() as AddressInfo).port
    },
    async start() {
      const served = serveFolder({ folder, adminPort, lines, more, signal: abort.signal })
      ended = served.ended
      await served.ready
    },
    get: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init),
    admin: async (path) => (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text(),
    log: () => lines.join(''),
    async until(what, condition) {
      const deadline = Date.now() + 10_000
      while (!(await condition())) {
        if (Date.now() > deadline) assert.fail(`waited in vain for ${what}\n${lines.join('')}`)
        await systemClock.sleep(5)
      }
    },
    async stop() {
      abort.abort()
      // A start that failed has told the test.
      await ended.catch(() => {})
      for (const close of closers) close()
      rmSync(folder, { recursive: true })
    },
  }
}

/**
 * Serves the files of a folder on loopback.
 * @param options.lines gets what is logged
 * @returns `ready`: the ports that are bound; rejected, as `ended` is, when it cannot start
 */
export function serveFolder(options: {
  readonly folder: string
  readonly adminPort?: number
  readonly lines: string[]
  readonly level?: LogLevel
  readonly more?: Partial<ServeOptions>
  readonly signal: AbortSignal
}): { readonly ready: Promise<readonly number[]>; readonly ended: Promise<void> } {
  const { promise: ready, resolve, reject } = Promise.withResolvers<readonly number[]>()
  const ended = serve({
    paths: [options.folder],
    address: '127.0.0.1',
    adminPort: options.adminPort,
    accessLog: false,
    drainMs: 1000,
    version: 'test',
    writeLog: () => {},
    clock: systemClock,
    random: systemRandom,
    logger: createLogger({
      scope: 'serve',
      level: options.level ?? 'info',
      write: (line) => options.lines.push(line),
      now: () => 0,
    }),
    signal: options.signal,
    onReady: resolve,
    ...options.more,
  })
  ended.catch(reject)
  return { ready, ended }
}

/** Below those that the kernel gives to whoever dials: one of them could be taken before it is listened on. */
const PORTS = { from: 20_000, to: 32_000 } as const

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

/** A Gateway of the Gateway API on a port. */
export function gatewayFile(port: number): string {
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  gatewayClassName: istio
  listeners: [{ name: http, port: ${port}, protocol: HTTP }]
`
}

/** One of Istio's. */
export function istioGatewayFile(port: number): string {
  return `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: ['*'] }]
`
}

/** A host `<name>.example` with endpoints on this machine. */
export function hostFile(name: string, ports: readonly number[], metadata = ''): string {
  const endpoints = ports.map((port) => `{ address: 127.0.0.1, ports: { http: ${port} } }`)
  return `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}${metadata} }
spec:
  hosts: [${name}.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [${endpoints.join(', ')}]
`
}

/** In an HTTPRoute. */
export function backendRef(name: string): string {
  return `{ group: networking.istio.io, kind: Hostname, name: ${name}.example, port: 80 }`
}
