/** What the tests of this folder share: small model objects, a server on loopback, clients that remember what they took. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import {
  type Clock,
  createGraph,
  createSeededRandom,
  type Graph,
  silentLogger,
  type Source,
  systemClock,
} from '../base/index.ts'
import {
  type AuthorizationPolicy,
  type ConnectionRoute,
  type HttpBounds,
  type PeerAuthentication,
  type RateLimit,
  type RequestAuthentication,
  type Credential,
  gatewayName,
  type Listener,
  listenerName,
  type Mesh,
  type Route,
  routeName,
  type Service,
  type Sidecar,
  type Telemetry,
  serviceName,
  spiffeId,
  type Workload,
  workloadUid,
} from '../model/index.ts'
import { createXdsClient, type XdsChange, type XdsClient, type XdsClientOptions } from './client/index.ts'
import { type Authenticate, createXdsServer, type XdsPush, type XdsServer } from './server/index.ts'
import { nodeId, type ProxyNode } from './types/index.ts'

export const GATEWAY = gatewayName('Gateway', 'demo', 'web')

export interface TestSources {
  readonly mesh: Source<Mesh>
  readonly workload: Source<Workload>
  readonly service: Source<Service>
  readonly credential: Source<Credential>
  readonly listener: Source<Listener>
  readonly route: Source<Route>
  readonly 'connection-route': Source<ConnectionRoute>
  readonly 'rate-limit': Source<RateLimit>
  readonly 'http-bounds': Source<HttpBounds>
  readonly telemetry: Source<Telemetry>
  readonly 'peer-authentication': Source<PeerAuthentication>
  readonly sidecar: Source<Sidecar>
  readonly 'request-authentication': Source<RequestAuthentication>
  readonly 'authorization-policy': Source<AuthorizationPolicy>
}

export function testSources(): { readonly graph: Graph; readonly sources: TestSources } {
  const graph = createGraph()
  return {
    graph,
    sources: {
      mesh: graph.source<Mesh>('mesh'),
      workload: graph.source<Workload>('workload'),
      service: graph.source<Service>('service'),
      credential: graph.source<Credential>('credential'),
      listener: graph.source<Listener>('listener'),
      route: graph.source<Route>('route'),
      'connection-route': graph.source<ConnectionRoute>('connection-route'),
      'rate-limit': graph.source<RateLimit>('rate-limit'),
      'http-bounds': graph.source<HttpBounds>('http-bounds'),
      telemetry: graph.source<Telemetry>('telemetry'),
      'peer-authentication': graph.source<PeerAuthentication>('peer-authentication'),
      sidecar: graph.source<Sidecar>('sidecar'),
      'request-authentication': graph.source<RequestAuthentication>('request-authentication'),
      'authorization-policy': graph.source<AuthorizationPolicy>('authorization-policy'),
    },
  }
}

export function testRoute(
  name: string,
  options: { path?: string; clientNamespaces?: readonly string[] } = {},
): Route {
  const origin = { kind: 'HTTPRoute', namespace: 'demo', name, rule: 0 }
  const match = {
    order: [name],
    headers: [],
    query: [],
    path: { kind: 'exact', value: options.path ?? '/' },
  } as const
  return {
    type: 'route',
    key: routeName(origin),
    scope: options.clientNamespaces
      ? { kind: 'mesh', clientNamespaces: options.clientNamespaces }
      : { kind: 'gateway', listeners: [listenerName(GATEWAY, 'http')] },
    domains: ['*'],
    matches: [match],
    filters: [],
    action: { kind: 'respond', status: 404, reason: 'test' },
    origin,
  }
}

export function testService(name: string, namespaces?: readonly string[]): Service {
  const hostname = `${name}.demo.svc.cluster.local`
  return {
    type: 'service',
    key: serviceName('demo', hostname),
    namespace: 'demo',
    hostname,
    addresses: ['10.43.0.7'],
    ports: [{ port: 80, name: 'http', protocol: 'http' }],
    resolution: 'static',
    visibility: namespaces ? { kind: 'namespaces', namespaces } : { kind: 'all' },
    policies: [],
    origin: { kind: 'Service', namespace: 'demo', name },
  }
}

export function testWorkload(name: string, address = '10.42.0.9'): Workload {
  return {
    type: 'workload',
    key: workloadUid({ cluster: 'Kubernetes', group: '', kind: 'Pod', namespace: 'demo', name }),
    name,
    namespace: 'demo',
    addresses: [address],
    labels: { app: name },
    identity: spiffeId('cluster.local', 'demo', 'default'),
    serviceAccount: 'default',
    owner: { kind: 'Deployment', name },
    canonicalName: name,
    canonicalRevision: 'latest',
    cluster: 'Kubernetes',
    weight: 1,
    tlsMode: 'istio',
    services: {},
    origin: { kind: 'Pod', namespace: 'demo', name },
  }
}

export function testListener(name: string, labels: Readonly<Record<string, string>>): Listener {
  return {
    type: 'listener',
    key: listenerName(GATEWAY, name),
    gateway: GATEWAY,
    selector: { namespace: 'demo', labels },
    port: 80,
    protocol: 'http',
    hostnames: ['*'],
    isolated: true,
    origin: { kind: 'Gateway', namespace: 'demo', name: 'web' },
  }
}

export function testNode(podName: string, overrides: Partial<ProxyNode> = {}): ProxyNode {
  const namespace = overrides.namespace ?? 'demo'
  const role = overrides.role ?? 'sidecar'
  return {
    id: nodeId({ role, ip: '10.42.0.5', podName, namespace, clusterDomain: 'cluster.local' }),
    role,
    namespace,
    podName,
    serviceAccount: 'default',
    labels: {},
    ips: ['10.42.0.5'],
    cluster: 'Kubernetes',
    version: '1.0',
    ...overrides,
  }
}

export interface TestServer {
  readonly port: number
  readonly pushes: XdsPush[]
  readonly server: XdsServer
  readonly stop: () => void
}

export async function startServer(
  collections: TestSources,
  options: { port?: number; authenticate?: Authenticate; responseBytesMax?: number } = {},
): Promise<TestServer> {
  const pushes: XdsPush[] = []
  const server = createXdsServer({
    collections,
    controlPlane: '{"Component":"istiod","ID":"istiod-test"}',
    observer: { pushed: (push) => pushes.push(push) },
    clock: systemClock,
    logger: silentLogger,
    ...(options.responseBytesMax === undefined
      ? {}
      : { limits: { responseBytesMax: options.responseBytesMax } }),
  })
  const grpc = new Server()
  server.serveOn(grpc, options.authenticate)
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  const stop = () => {
    server.close()
    grpc.forceShutdown()
  }
  return { port, pushes, server, stop }
}

export interface TestClient {
  readonly client: XdsClient
  /** What the proxy has: type and key → object. */
  readonly state: Map<string, unknown>
  /** All that was handed over, response by response. */
  readonly responses: (readonly XdsChange[])[]
}

export function startClient(
  port: number,
  node: ProxyNode,
  options: {
    reject?: (change: XdsChange) => string | undefined
    token?: string
    clock?: Clock
  } = {},
): TestClient {
  const state = new Map<string, unknown>()
  const responses: (readonly XdsChange[])[] = []
  const accept: XdsClientOptions['accept'] = (changes) => {
    responses.push(changes)
    return changes.flatMap((change) => {
      const id = `${change.type} ${change.key}`
      const reason = options.reject?.(change)
      if (reason !== undefined) return [{ type: change.type, key: change.key, reason }]
      if (change.kind === 'set') state.set(id, change.object)
      else state.delete(id)
      return []
    })
  }
  const client = createXdsClient({
    address: `127.0.0.1:${port}`,
    resolve: async (host) => [host],
    plaintext: true,
    ...(options.token === undefined ? {} : { token: () => options.token }),
    node,
    accept,
    clock: options.clock ?? systemClock,
    random: createSeededRandom(1),
    logger: silentLogger,
  })
  client.start()
  return { client, state, responses }
}

/** A TCP hop whose connections a test can cut. */
export async function startCuttableHop(target: number) {
  const sockets = new Set<Socket>()
  let refuse = false
  let swallowed = 0
  const server = createServer((inbound) => {
    if (refuse) {
      inbound.destroy()
      return
    }
    if (swallowed > 0) {
      swallowed--
      sockets.add(inbound)
      inbound.on('error', () => {}).on('close', () => sockets.delete(inbound))
      return
    }
    const outbound = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    setRefuse: (value: boolean) => {
      refuse = value
      if (value) cut()
    },
    /** The next connections lead nowhere: nobody ever answers. */
    swallow: (count: number) => {
      swallowed = count
    },
    stop: () => {
      server.close()
      cut()
    },
  }
}

/** Waits for a condition. @throws when it does not hold within 10 s, with what `describe` says */
export async function eventually(condition: () => boolean, describe: () => string = () => ''): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`condition not met within 10 s ${describe()}`)
    await systemClock.sleep(3)
  }
}
