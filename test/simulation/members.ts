import { createSeededRandom } from '../../src/base/index.ts'
import {
  type Credential,
  credentialName,
  type Listener,
  listenerName,
  type ModelObject,
  routeName,
  type TrafficPolicy,
  type UpstreamTls,
} from '../../src/model/index.ts'
import { createProxyThread } from '../../src/proxy/exchange/thread.ts'
import type { ProxyThread } from '../../src/proxy/exchange/types.ts'
import {
  changesOf,
  createTestProxy,
  forwardTo,
  GATEWAY,
  listenerObject,
  meshObject,
  routeObject,
  serviceObject,
  type TestProxy,
  workloadObject,
} from '../../src/proxy/testing.ts'
import type { Kernel, NetworkManners, Place } from './kernel.ts'
import type { Ledger } from './ledger.ts'
import { createSimulatedNetwork, type SimulatedNetwork } from './network.ts'
import type { Configuration, Scenario } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import { certificate, SERVER_NAME } from './secure-stream.ts'
import { watchThread, type WatchedThread } from './watched-thread.ts'

/** One proxy of a world, with what it has for itself. */
export interface Member {
  readonly name: string
  readonly proxy: TestProxy
  readonly network: SimulatedNetwork
  readonly thread: WatchedThread
  /** It hands what it gets to the application beside it, at the address that was dialled. */
  readonly isInbound: boolean
}

export const FRONT_ADDRESS = '10.1.0.1'
export const FIRST_HOST_PORT = 9000
export const SHADOW_PORT = 9500
/** Of what only carries bytes. */
export const FIRST_BYTES_PORT = 9200
const LISTENER_PORT = 8000
const BYTES_LISTENER_PORT = 8001
const SERVICE_ADDRESS = '10.43.0.1'
const BYTES_ADDRESS = '10.43.0.2'
const BYTES_PORT = 6379
const OUTBOUND_PORT = 15_001
const FIRST_INBOUND_PORT = 16_000
/** What a sidecar's connections to its application come from, as in Istio. */
const INBOUND_SOURCE = '127.0.0.6'
const LOG_FORMAT = '%REQ(X-ID)% %RESPONSE_CODE% %RESPONSE_FLAGS% %DURATION% %RESPONSE_CODE_DETAILS%\n'

export const hostAddress = (index: number): string => `10.3.0.${index + 1}`

/** What clients dial. */
export function targetOf({ role }: Scenario): Place {
  return role === undefined
    ? { address: FRONT_ADDRESS, port: LISTENER_PORT }
    : { address: SERVICE_ADDRESS, port: 80 }
}

/** What clients of bytes dial. */
export function bytesTargetOf({ role }: Scenario): Place {
  return role === undefined
    ? { address: FRONT_ADDRESS, port: BYTES_LISTENER_PORT }
    : { address: BYTES_ADDRESS, port: BYTES_PORT }
}

/** What clients dial is always there; connections to hosts may fail, and those of a sidecar to its application. */
export function mannersOf(scenario: Scenario, draw: () => number): NetworkManners {
  const { latencyMaxMs, pieceMax, capacity, refused, hanging } = scenario.network
  const { role } = scenario
  return {
    latencyMaxMs,
    pieceMax,
    capacity,
    connect({ port }) {
      if (port === targetOf(scenario).port || port === bytesTargetOf(scenario).port) return 'accept'
      const drawn = draw()
      return drawn < refused ? 'refuse' : drawn < refused + hanging ? 'hang' : 'accept'
    },
    redirect({ address, port }, from) {
      if (role === undefined) return undefined
      if (address === SERVICE_ADDRESS || address === BYTES_ADDRESS) return OUTBOUND_PORT
      const index = port < FIRST_BYTES_PORT ? port - FIRST_HOST_PORT : port - FIRST_BYTES_PORT
      const isCaptured = role === 'pair' && from !== INBOUND_SOURCE && index < scenario.hosts
      return isCaptured ? FIRST_INBOUND_PORT + index : undefined
    },
  }
}

interface MemberParts {
  readonly scenario: Scenario
  readonly scheduler: Scheduler
  readonly kernel: Kernel
  readonly ledger: Ledger
}

/** @returns the proxy that clients meet, then those beside the hosts */
export async function startMembers(parts: MemberParts): Promise<readonly [Member, ...Member[]]> {
  const { scenario } = parts
  const front = startMember(parts, 0, FRONT_ADDRESS)
  const inner = scenario.role === 'pair' ? scenario.hosts : 0
  const others = Array.from({ length: inner }, (_, index) =>
    startMember(parts, index + 1, hostAddress(index)),
  )
  for (const { proxy } of [front, ...others]) {
    await proxy.start()
    acceptAll({ proxy, ledger: parts.ledger }, configurationOf(scenario))
    while (!proxy.isBound()) await new Promise((resolve) => setImmediate(resolve))
  }
  return [front, ...others]
}

function startMember({ scenario, scheduler, kernel, ledger }: MemberParts, index: number, address: string) {
  const network = createSimulatedNetwork(scheduler, kernel, address)
  const isInbound = index > 0
  let ids = 0
  const made: ProxyThread = {
    ...createProxyThread({ clock: scheduler, random: createSeededRandom(scenario.seed ^ (0xbeef + index)) }),
    requestId: () => `id-${index}-${ids++}`,
  }
  const thread = watchThread(made, ledger)
  const role = scenario.role === undefined ? 'router' : 'sidecar'
  const { node } = createTestProxy()
  const proxy = createTestProxy({
    network,
    thread: made,
    address,
    node: { ...node, role, ips: [address], labels: isInbound ? {} : node.labels },
    ports: isInbound
      ? { outbound: FIRST_INBOUND_PORT + 500 + index, inbound: FIRST_INBOUND_PORT + index - 1 }
      : { outbound: OUTBOUND_PORT, inbound: FIRST_INBOUND_PORT + 999 },
    inboundSource: INBOUND_SOURCE,
  })
  return { name: address, proxy, network, thread, isInbound }
}

/** Nothing that is given here may be refused. */
export function acceptAll(
  { proxy, ledger }: { readonly proxy: TestProxy; readonly ledger: Ledger },
  objects: readonly ModelObject[],
): void {
  for (const { key, reason } of proxy.accept(changesOf(objects)))
    ledger.fail(`the proxy refuses ${key}: ${reason}`)
}

function configurationOf(scenario: Scenario): ModelObject[] {
  const { config, mirror } = scenario
  const shadow = mirror && [shadowService(mirror.traffic), shadowEndpoint()]
  return [
    meshObject(LOG_FORMAT),
    serviceOf(scenario, config.traffic),
    bytesService(scenario, config.traffic),
    ...(shadow ?? []),
    ...endpointsOf(scenario),
    routeOf(scenario, config.requestTimeoutMs),
    ...listenersOf(scenario),
  ]
}

function listenersOf(scenario: Scenario): ModelObject[] {
  const { role, tls } = scenario
  if (role !== undefined) return []
  const listener = listenerObject(LISTENER_PORT)
  const key = listenerName(GATEWAY, 'bytes')
  const bytes: Listener = { ...listenerObject(BYTES_LISTENER_PORT), key, protocol: 'tcp' }
  const routes = [listener, bytesRoute(scenario)]
  if (tls?.down !== true) return [...routes, bytes]
  const credential: Credential = {
    type: 'credential',
    key: credentialName('Secret', 'demo', 'own'),
    holders: [{ namespace: 'demo', serviceAccounts: ['gw'] }],
    certificate: certificate(),
    origin: { kind: 'Secret', namespace: 'demo', name: 'own' },
  }
  const certificates = [{ source: 'Secret' as const, name: 'own' }]
  const terms = { kind: 'terminate', certificates, clients: { kind: 'none' } } as const
  return [
    credential,
    ...routes,
    { ...listener, protocol: 'https', tls: terms },
    { ...bytes, protocol: 'tls', tls: terms },
  ]
}

export function serviceOf(scenario: Scenario, traffic: TrafficPolicy) {
  const protocol = scenario.upstreamProtocol === 'http2' ? 'http2' : 'http'
  const ports = [{ port: 80, name: 'web', protocol }] as const
  const service = serviceObject('app', { ports, addresses: [SERVICE_ADDRESS] })
  const secured = scenario.tls?.up === true ? { ...traffic, tls: originate() } : traffic
  return { ...service, policies: [{ traffic: secured, ports: {}, subsets: [], origin: service.origin }] }
}

/** Only what holds of connections: nobody answers health checks there. */
function bytesService(scenario: Scenario, { connectTimeoutMs, connections }: TrafficPolicy) {
  const ports = [{ port: BYTES_PORT, name: 'bytes', protocol: 'tcp' }] as const
  const service = serviceObject('bytes', { ports, addresses: [BYTES_ADDRESS] })
  const traffic = {
    ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
    ...(connections && { connections }),
    ...(scenario.tls?.up === true && { tls: originate() }),
  }
  return { ...service, policies: [{ traffic, ports: {}, subsets: [], origin: service.origin }] }
}

function bytesRoute(scenario: Scenario): ModelObject {
  const origin = { kind: 'TCPRoute', namespace: 'demo', name: 'bytes', rule: 0 }
  const service = bytesService(scenario, {}).key
  return {
    type: 'connection-route',
    key: routeName(origin),
    scope: { kind: 'gateway', listeners: [listenerName(GATEWAY, 'bytes')] },
    matches: [{ order: [0] }],
    destinations: [{ weight: 1, target: { kind: 'service', service, port: BYTES_PORT } }],
    origin,
  }
}

function originate(): UpstreamTls {
  const trust = { kind: 'certificates', pem: certificate().chain } as const
  return { kind: 'originate', serverName: SERVER_NAME, subjectAltNames: [], trust }
}

/** Copies go unencrypted, over HTTP/1.1. */
function shadowService(traffic: TrafficPolicy) {
  const service = serviceObject('shadow', { ports: [{ port: 80, name: 'web', protocol: 'http' }] })
  return { ...service, policies: [{ traffic, ports: {}, subsets: [], origin: service.origin }] }
}

/** Without a policy nothing is asked for by itself. */
export function unpoliced(scenario: Scenario): ModelObject[] {
  return [
    serviceOf(scenario, {}),
    bytesService(scenario, {}),
    ...(scenario.mirror ? [shadowService({})] : []),
  ]
}

function shadowEndpoint() {
  const ports = { '80': SHADOW_PORT }
  return workloadObject('shadow-0', {
    address: '10.4.0.1',
    services: { [shadowService({}).key]: { ports, ready: true } },
  })
}

export function endpointsOf(scenario: Scenario): ModelObject[] {
  return Array.from({ length: scenario.hosts }, (_, index) =>
    workloadObject(`app-${index}`, {
      address: hostAddress(index),
      services: {
        [serviceOf(scenario, {}).key]: { ports: { '80': FIRST_HOST_PORT + index }, ready: true },
        [bytesService(scenario, {}).key]: {
          ports: { [String(BYTES_PORT)]: FIRST_BYTES_PORT + index },
          ready: true,
        },
      },
    }),
  )
}

export function routeOf(scenario: Scenario, requestMs: number) {
  const { retries }: Configuration = scenario.config
  const { mirror, role } = scenario
  const service = serviceOf(scenario, {})
  const target = { kind: 'service', service: shadowService({}).key, port: 80 } as const
  return routeObject('all', {
    ...(role === undefined ? { port: LISTENER_PORT } : { mesh: true, domains: [service.hostname] }),
    action: forwardTo(service, { timeouts: { requestMs }, retries }),
    ...(mirror && { filters: [{ kind: 'mirror', percent: mirror.percent, target }] }),
  })
}
