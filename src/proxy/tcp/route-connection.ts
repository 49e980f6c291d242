import type { ConnectionDestination, ConnectionRoute, Workload } from '../../model/index.ts'
import { FLAG, type IstioMetrics, type LogRecord } from '../../telemetry/index.ts'
import type { Runtime } from '../config/runtime.ts'
import type { ProxyThread, WorkCounter } from '../exchange/types.ts'
import type { Admission } from '../filters/admission.ts'
import type { AcceptedSocket } from '../listener/accept.ts'
import type { ConnectionSet } from '../listener/http-listener.ts'
import type { SocketTarget } from '../net/network.ts'
import { plainAddress } from '../net/plain-address.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import { proxyTcp } from './tcp-proxy.ts'

/** What passing bytes on takes from the proxy around it. */
export interface ConnectionParts {
  readonly runtime: Runtime
  readonly thread: ProxyThread
  readonly work: WorkCounter
  readonly connections: ConnectionSet
  readonly metrics: IstioMetrics
  readonly own: () => Workload | undefined
  readonly log: { readonly write: (record: LogRecord) => void }
}

export interface RoutedConnection {
  readonly accepted: AcceptedSocket
  readonly original: SocketTarget
  readonly first: Buffer | undefined
  readonly serverName?: string
  /** Absent: it may be used. */
  readonly admission?: Admission
}

/** Envoy's name of the cluster that has no endpoints. */
export const BLACK_HOLE = 'BlackHoleCluster'

/** Passes a connection on to one of the route's destinations, drawn by their weights. */
export function routeConnection(
  parts: ConnectionParts,
  route: ConnectionRoute,
  connection: RoutedConnection,
): void {
  forwardConnection(parts, drawCluster(parts, route), {
    ...connection,
    routeName: route.key,
    idleTimeoutMs: route.idleTimeoutMs,
  })
}

/** Passes a connection on to a cluster. @param cluster undefined: it leads nowhere */
export function forwardConnection(
  parts: ConnectionParts,
  cluster: Cluster | undefined,
  connection: RoutedConnection & { readonly routeName?: string; readonly idleTimeoutMs?: number | undefined },
): void {
  const source = plainAddress(connection.accepted.socket.remoteAddress)
  proxyTcp({
    ...connection,
    pick: (tried) => cluster && untried(() => cluster.pick(undefined, connection.original, source), tried),
    clusterName: cluster?.name ?? BLACK_HOLE,
    ...(cluster?.isKnown() !== true && { flags: FLAG.NC }),
    thread: parts.thread,
    work: parts.work,
    connections: parts.connections,
    series: (host, flags) =>
      parts.metrics.tcp(
        {
          reporter: 'source',
          source: parts.own(),
          destination: host?.workload(),
          service: serviceOf(cluster),
        },
        flags,
      ),
    log: parts.log.write,
  })
}

/** The cluster of one of the route's destinations, drawn by their weights. @returns undefined when it leads nowhere */
export function drawCluster(
  { runtime, thread }: Pick<ConnectionParts, 'runtime' | 'thread'>,
  route: ConnectionRoute,
): Cluster | undefined {
  const target = draw(route.destinations, thread.random.next())?.target
  if (target?.kind !== 'service') return undefined
  return runtime.cluster({ service: target.service, port: target.port, subset: target.subset })
}

function draw(destinations: readonly ConnectionDestination[], at: number): ConnectionDestination | undefined {
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0)
  let left = at * total
  return destinations.find(({ weight }) => weight > 0 && (left -= weight) < 0)
}

export function serviceOf(cluster: Cluster | undefined) {
  if (cluster === undefined) return { hostname: BLACK_HOLE, name: BLACK_HOLE, namespace: 'unknown' }
  const { hostname, service } = cluster.key
  const [namespace = 'unknown'] = service.split('/', 1)
  return { hostname, name: hostname.split('.')[0] ?? hostname, namespace }
}

/** A few picks are tried to find a host that has not failed for this connection. */
export function untried(pick: () => Host | undefined, tried: ReadonlySet<string>): Host | undefined {
  let host = pick()
  for (let i = 0; i < 5 && host !== undefined && tried.has(host.address); i++) host = pick()
  return host
}
