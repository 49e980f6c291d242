/** A service with a traffic policy behind a gateway of loopback, for tests of this folder. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type {
  AppProtocol,
  Locality,
  ModelObject,
  Service,
  TrafficPolicy,
  Workload,
} from '../../model/index.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  rawServer,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../testing.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterLoad } from './load.ts'

export interface PolicyBench {
  readonly proxy: TestProxy
  readonly port: number
  readonly cluster: () => Cluster
  readonly get: (path?: string) => Promise<string>
  /** Applies another policy to the service. */
  readonly follow: (traffic: TrafficPolicy) => void
  readonly stat: (name: Exclude<keyof ClusterLoad, 'limits' | 'shared'>) => number
  readonly servers: readonly { readonly close: () => void }[]
  readonly close: () => void
}

/** By which the proxy finds its own workload. */
const OWN_ADDRESS = '127.0.0.9'

/** @param servers what each endpoint does with a connection */
export async function createPolicyBench(options: {
  readonly traffic: TrafficPolicy
  readonly servers: readonly ((socket: Socket) => void)[]
  readonly protocol?: AppProtocol
  readonly attempts?: number
  /** More about each workload, in order. */
  readonly workloads?: readonly Partial<Workload>[]
  /** Where the proxy itself stands. */
  readonly locality?: Locality
}): Promise<PolicyBench> {
  const port = await freePort()
  const proxy = createTestProxy({ ip: OWN_ADDRESS })
  const servers = await Promise.all(options.servers.map((serve) => rawServer(serve)))
  const base = serviceObject('s', { ports: [{ port: 80, name: 'p', protocol: options.protocol ?? 'http' }] })
  const origin = { kind: 'DestinationRule', namespace: 'demo', name: 's' }
  const withPolicy = (traffic: TrafficPolicy): Service => ({
    ...base,
    policies: [{ traffic, ports: {}, subsets: [], origin }],
  })
  const workloads = servers.map((server, i) => ({
    ...workloadObject(`w${i}`, {
      address: '127.0.0.1',
      services: { [base.key]: { ports: { '80': server.port }, ready: true } },
    }),
    ...options.workloads?.[i],
  }))
  const own: Workload = {
    ...workloadObject('gw', { address: OWN_ADDRESS, services: {} }),
    ...(options.locality && { locality: options.locality }),
  }
  const route = routeObject('r', {
    port,
    action: forwardTo(base, { retries: { attempts: options.attempts ?? 0, retryOn: ['5xx'], backoffMs: 1 } }),
  })
  const accept = (objects: readonly ModelObject[]) => assert.deepEqual(proxy.accept(changesOf(objects)), [])
  accept([
    meshObject('%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'),
    withPolicy(options.traffic),
    own,
    ...workloads,
    listenerObject(port),
    route,
  ])
  await until(() => proxy.isBound(), 'the port is bound')
  const cluster = () => [...proxy.runtime.clusters()][0] as Cluster
  return {
    proxy,
    port,
    cluster,
    get: (path = '/') => exchangeBytes(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
    follow: (traffic) => accept([withPolicy(traffic)]),
    stat: (name) => cluster().load[name],
    servers,
    close() {
      proxy.close()
      for (const server of servers) server.close()
    },
  }
}

export function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4)
}
