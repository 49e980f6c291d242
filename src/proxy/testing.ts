import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { silentLogger, systemClock, systemRandom } from '../base/index.ts'
import {
  gatewayName,
  type Listener,
  listenerName,
  type ModelObject,
  type Route,
  type RouteAction,
  type RouteFilter,
  type RouteMatch,
  routeName,
  type Service,
  type ServiceName,
  serviceName,
  type ServicePort,
  spiffeId,
  type Workload,
  workloadUid,
} from '../model/index.ts'
import type { XdsChange } from '../xds/client/index.ts'
import { createInterner } from './config/interner.ts'
import { createProxyThread } from './exchange/thread.ts'
import { createProxyInstance, type ProxyInstance, type ProxyInstanceOptions } from './instance.ts'
import { createPlainNetwork } from './net/network.ts'

/** Model objects, servers and a proxy on loopback, for tests of this folder. */
export const GATEWAY = gatewayName('Gateway', 'demo', 'gw')

let version = 0

export function changesOf(objects: readonly ModelObject[]): XdsChange[] {
  return objects.map((object) => ({
    kind: 'set',
    type: object.type,
    key: object.key,
    version: String(++version),
    object,
  }))
}

export function meshObject(accessLogFormat?: string): ModelObject {
  return {
    type: 'mesh',
    key: 'mesh',
    trustDomain: 'cluster.local',
    clusterDomain: 'cluster.local',
    rootNamespace: 'istio-system',
    connectTimeoutMs: 2000,
    outbound: 'allow-any',
    ...(accessLogFormat !== undefined && {
      accessLog: { encoding: 'text' as const, format: accessLogFormat },
    }),
  }
}

export function listenerObject(port: number, hostnames: readonly string[] = ['*']): Listener {
  return {
    type: 'listener',
    key: listenerName(GATEWAY, `http-${port}`),
    gateway: GATEWAY,
    selector: { namespace: 'demo', labels: { app: 'gw' } },
    port,
    protocol: 'http',
    hostnames,
    isolated: true,
    origin: { kind: 'Gateway', namespace: 'demo', name: 'gw' },
  }
}

export function serviceObject(
  name: string,
  options: { ports: readonly ServicePort[]; addresses?: readonly string[] },
): Service {
  const hostname = `${name}.demo.svc.cluster.local`
  return {
    type: 'service',
    key: serviceName('demo', hostname),
    namespace: 'demo',
    hostname,
    addresses: options.addresses ?? [],
    ports: options.ports,
    resolution: 'static',
    visibility: { kind: 'all' },
    policies: [],
    origin: { kind: 'Service', namespace: 'demo', name },
  }
}

export function workloadObject(
  name: string,
  options: {
    readonly address: string
    readonly services: Readonly<
      Record<ServiceName, { ports: Readonly<Record<string, number>>; ready: boolean }>
    >
    readonly labels?: Readonly<Record<string, string>>
  },
): Workload {
  return {
    type: 'workload',
    key: workloadUid({ cluster: 'Kubernetes', group: '', kind: 'Pod', namespace: 'demo', name }),
    name,
    namespace: 'demo',
    addresses: [options.address],
    labels: options.labels ?? {},
    identity: spiffeId('cluster.local', 'demo', 'default'),
    serviceAccount: 'default',
    owner: { kind: 'Deployment', name },
    canonicalName: name,
    canonicalRevision: 'latest',
    cluster: 'Kubernetes',
    weight: 1,
    tlsMode: 'disabled',
    services: options.services,
    origin: { kind: 'Pod', namespace: 'demo', name },
  }
}

export function routeObject(
  name: string,
  options: {
    readonly port?: number
    readonly domains?: readonly string[]
    readonly match?: Omit<Partial<RouteMatch>, 'order'>
    readonly order?: number
    readonly action: RouteAction
    readonly filters?: readonly RouteFilter[]
    readonly mesh?: boolean
  },
): Route {
  const origin = { kind: 'HTTPRoute', namespace: 'demo', name, rule: 0 }
  return {
    type: 'route',
    key: routeName(origin),
    scope: options.mesh
      ? { kind: 'mesh' }
      : { kind: 'gateway', listeners: [listenerName(GATEWAY, `http-${options.port ?? 80}`)] },
    domains: options.domains ?? ['*'],
    matches: [{ headers: [], query: [], ...options.match, order: [options.order ?? 0, name] }],
    filters: options.filters ?? [],
    action: options.action,
    origin,
  }
}

export function forwardTo(
  service: Service,
  extra: Partial<Extract<RouteAction, { kind: 'forward' }>> = {},
): RouteAction {
  return {
    kind: 'forward',
    destinations: [
      {
        weight: 1,
        target: { kind: 'service', service: service.key, port: service.ports[0]?.port ?? 80 },
        filters: [],
      },
    ],
    timeouts: {},
    ...extra,
  }
}

export interface TestProxy extends ProxyInstance {
  readonly logLines: string[]
}

export function createTestProxy(
  options: Partial<ProxyInstanceOptions> & { role?: 'router' | 'sidecar'; ip?: string } = {},
): TestProxy {
  const logLines: string[] = []
  const thread = options.thread ?? createProxyThread({ clock: systemClock, random: systemRandom })
  const instance = createProxyInstance({
    node: {
      id: 'router~127.0.0.1~gw.demo~demo.svc.cluster.local',
      role: options.role ?? 'router',
      namespace: 'demo',
      podName: 'gw',
      serviceAccount: 'gw',
      labels: { app: 'gw' },
      ips: [options.ip ?? '127.0.0.1'],
      cluster: 'Kubernetes',
      version: 'test',
    },
    thread,
    network: createPlainNetwork({}),
    interner: createInterner(),
    logger: silentLogger,
    writeLog: (line) => logLines.push(line),
    address: '127.0.0.1',
    resolve: async () => ({ addresses: [] }),
    onStateChange: () => {},
    ...options,
  })
  return Object.assign(instance, { logLines })
}

/** Waits for a condition, with a deadline. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`timed out waiting until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Below those that the kernel gives to whoever dials: one of them could be taken before it is listened on. */
const PORTS = { from: 20_000, to: 32_000 } as const

export async function freePort(): Promise<number> {
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

/** A server of raw bytes: the test decides what each connection gets. */
export async function rawServer(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; server: Server; close: () => void }> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    onConnection(socket)
  }).listen(0, '0.0.0.0')
  await once(server, 'listening')
  return {
    server,
    port: (server.address() as { port: number }).port,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Answers each request head on a connection with what `respond` returns; bodies by content-length are read. */
export function respondWith(
  respond: (head: string, body: Buffer) => string | Buffer | undefined,
): (socket: Socket) => void {
  return (socket) => {
    let pending = Buffer.alloc(0)
    socket.on('end', () => socket.end())
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      for (;;) {
        const end = pending.indexOf('\r\n\r\n')
        if (end < 0) return
        const head = pending.toString('latin1', 0, end + 4)
        const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
        if (pending.length < end + 4 + length) return
        const body = pending.subarray(end + 4, end + 4 + length)
        pending = pending.subarray(end + 4 + length)
        const answer = respond(head, body)
        if (answer === undefined) socket.destroy()
        else socket.write(answer)
      }
    })
  }
}

export function ok(body: string, extra = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${extra}\r\n${body}`
}

/** Sends bytes, gives back everything until the other side ends (or until `enough` holds). */
export async function exchangeBytes(
  port: number,
  send: string | readonly (string | Buffer)[],
  enough: (received: string) => boolean = () => false,
): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  const ended = once(socket, 'close').catch(() => {})
  for (const part of typeof send === 'string' ? [send] : send) {
    socket.write(part)
    if (typeof send !== 'string') await new Promise((resolve) => setImmediate(resolve))
  }
  const deadline = Date.now() + 10_000
  for (;;) {
    if (enough(received)) break
    const done = await Promise.race([
      ended.then(() => true),
      new Promise<boolean>((resolve) => {
        setTimeout(() => resolve(false), 2)
      }),
    ])
    if (done) break
    if (Date.now() > deadline) throw new Error(`no end of the answer; so far: ${received}`)
  }
  socket.destroy()
  return received
}
