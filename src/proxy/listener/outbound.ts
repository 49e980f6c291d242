import type { Socket } from 'node:net'
import type { AppProtocol, Retries, Service } from '../../model/index.ts'
import { hostOf, type MeshDecision, type MeshTable } from '../../routing/index.ts'
import { forward } from '../exchange/attempt.ts'
import { REPLIES, sendLocalReply } from '../exchange/local-reply.ts'
import { retryPlanOf } from '../exchange/retry.ts'
import type { Exchange, ForwardPlan, ForwardTarget } from '../exchange/types.ts'
import { mayBeGrpcWeb, translateGrpcWeb } from '../filters/grpc-web/filter.ts'
import { runChain } from '../filters/run.ts'
import type { SocketTarget } from '../net/network.ts'
import { MESH_ROUTES } from '../tcp/connection-table.ts'
import { routeConnection, untried } from '../tcp/route-connection.ts'
import { proxyTcp } from '../tcp/tcp-proxy.ts'
import type { Cluster } from '../upstream/cluster.ts'
import { createDirectHosts } from '../upstream/direct.ts'
import { acceptSocket } from './accept.ts'
import { detect, type DetectedConnection } from './detect.ts'
import type { SidecarParts } from './sidecar-parts.ts'
import type { ServiceAt } from '../config/service-index.ts'

const PASSTHROUGH = 'PassthroughCluster'
const BLACK_HOLE = 'BlackHoleCluster'

/** Where a captured connection was going, in the mesh's words. */
interface OutboundDestination {
  readonly original: SocketTarget
  readonly at: ServiceAt | undefined
  /** A pod was dialled by its own address, as for headless services: it, and no other, is meant. */
  readonly direct: boolean
  /** The Service whose own address was dialled: it is meant, whatever the Host says (GEP-1294). */
  readonly frontend: Service | undefined
  /** The listener's own address was dialled: nothing else can be meant than what is known. */
  readonly isBound?: boolean
}

/** What the application calls: HTTP goes by its Host through the mesh's routes, the rest by its address. */
export function createOutbound(parts: SidecarParts, table: MeshTable) {
  const { runtime } = parts
  const { store, scope } = runtime
  const directHosts = createDirectHosts({
    settings: parts.upstream,
    connectTimeoutMs,
    workloadAt: store.workloadAt,
  })
  const plans = new Map<string, ForwardPlan>()
  /** What the plans were made with. */
  let retries: Retries | undefined

  function connectTimeoutMs(): number {
    return store.mesh()?.connectTimeoutMs ?? 10_000
  }

  /** @param bound the protocol of a listener that was dialled itself */
  function serve(raw: Socket, original: SocketTarget, bound?: AppProtocol): void {
    const find = () => (bound === undefined ? resolve(original) : resolveBound(original, bound))
    const destination = find()
    const accepted = acceptSocket(raw, parts.upstream.network, parts.upstream.thread)
    const terms = {
      declared: bound ?? sniffingOf(destination),
      thread: parts.upstream.thread,
      readsServerName: true,
      timeoutMs: store.mesh()?.detectionTimeoutMs,
    }
    detect(accepted, terms, (found) => dispatch(found, destination, find))
  }

  /** HTTP names its service; of connections that do not, the listener is for one. */
  function resolveBound(original: SocketTarget, protocol: AppProtocol): OutboundDestination {
    const isHttp = protocol === 'http' || protocol === 'http2' || protocol === 'grpc'
    const at = isHttp ? undefined : scope.serviceOnPort(original.port)
    return { original, at, direct: false, frontend: undefined, isBound: true }
  }

  function resolve(original: SocketTarget): OutboundDestination {
    const at = scope.serviceAt(original.address, original.port)
    if (at !== undefined) return { original, at, direct: false, frontend: frontendOf(at.service) }
    const workload = store.workloadAt(original.address)
    const behind = workload && scope.serviceOfWorkload(workload, original.port)
    return { original, at: behind, direct: true, frontend: undefined }
  }

  function dispatch(
    found: DetectedConnection,
    destination: OutboundDestination,
    find: () => OutboundDestination,
  ): void {
    if (found.protocol === 'tcp') serveBytes(found, destination)
    else serveHttp(found, found.protocol, destination, find)
  }

  function serveHttp(
    found: DetectedConnection,
    protocol: 'http1' | 'http2',
    dialled: OutboundDestination,
    find: () => OutboundDestination,
  ): void {
    const { original } = dialled
    let destination = dialled
    let version = scope.version()
    const context = parts.context(
      'outbound',
      original.port,
      (exchange) => {
        // A connection outlives the services and the Sidecar that it came under.
        if (version !== scope.version()) {
          version = scope.version()
          destination = find()
        }
        route(exchange, destination)
      },
      original,
    )
    parts.connections.serveDetected(found, protocol, context)
  }

  /**
   * Routes attached to the Service that was dialled; then those for the Host; without any the Service that was dialled,
   * the one that the Host names, or the address itself.
   */
  function route(exchange: Exchange, destination: OutboundDestination): void {
    const { original, frontend } = destination
    const attached = frontend && table.ofService(exchange, frontend)
    if (attached !== undefined) {
      follow(exchange, attached)
      return
    }
    if (frontend !== undefined && !table.looksAtHosts()) {
      routeWithout(exchange, destination, frontend)
      return
    }
    const service = scope.serviceNamed(hostOf(exchange.authority), parts.namespace)
    const named = service?.ports.some((port) => port.port === original.port) ? service : undefined
    const decision =
      (frontend === undefined ? attachedByName(exchange, named) : undefined) ?? table.ofHost(exchange, named)
    if (decision !== undefined) follow(exchange, decision)
    else routeWithout(exchange, destination, frontend ?? named)
  }

  /** A Service without an address can be meant by its name alone. */
  function attachedByName(exchange: Exchange, named: Service | undefined): MeshDecision | undefined {
    return named?.addresses.length === 0 ? table.ofService(exchange, named) : undefined
  }

  function follow(exchange: Exchange, decision: MeshDecision): void {
    if (decision.kind !== 'match') {
      const isTunnel = exchange.upgrade === 'connect'
      sendLocalReply(exchange, isTunnel ? REPLIES.upgradeFailed : REPLIES.routeNotFound)
      return
    }
    exchange.routeName = decision.route.name
    runChain(runtime.chain(decision.route), exchange, decision.match)
  }

  /** Where a request goes that no route speaks of. */
  function routeWithout(
    exchange: Exchange,
    destination: OutboundDestination,
    named: Service | undefined,
  ): void {
    const { original } = destination
    if (exchange.upgrade === 'connect') {
      sendLocalReply(exchange, REPLIES.upgradeFailed)
      return
    }
    const headless = named !== undefined && isAddressed(named, destination)
    if (named !== undefined && !headless) {
      forwardTo(
        exchange,
        runtime.cluster({ service: named.key, port: original.port, subset: undefined }),
        named.hostname,
      )
    } else if (destination.at !== undefined && !destination.direct) {
      const { service: dialled } = destination.at
      const target = runtime.cluster({ service: dialled.key, port: original.port, subset: undefined })
      forwardTo(exchange, target, dialled.hostname)
    } else if (headless || isAllowed(destination)) {
      passThrough(exchange, destination, named?.hostname)
    } else {
      exchange.clusterName = BLACK_HOLE
      sendLocalReply(exchange, { status: 502, body: '', flags: 0, details: 'direct_response' })
    }
  }

  function forwardTo(exchange: Exchange, target: Cluster, hostname: string): void {
    exchange.routeName = 'default'
    if (mayBeGrpcWeb(exchange.head) && target.speaksGrpc()) translateGrpcWeb(exchange)
    const mesh = store.mesh()
    if (mesh?.retries !== retries) {
      retries = mesh?.retries
      plans.clear()
    }
    let plan = plans.get(target.name)
    if (plan === undefined || plan.target !== target) {
      plan = planFor(target, `${hostname}:${exchange.port}/*`, retries)
      plans.set(target.name, plan)
    }
    forward(exchange, plan)
  }

  function passThrough(
    exchange: Exchange,
    destination: OutboundDestination,
    hostname: string | undefined,
  ): void {
    const { address, port } = destination.original
    const proxy = hostname === undefined ? scope.sidecar()?.egressProxy : undefined
    if (proxy !== undefined) {
      const { service, port: proxyPort, subset } = proxy
      exchange.routeName = 'allow_any'
      forward(exchange, planFor(runtime.cluster({ service, port: proxyPort, subset }), undefined))
      return
    }
    const name = hostname === undefined ? PASSTHROUGH : `outbound|${port}||${hostname}`
    exchange.routeName = hostname === undefined ? 'allow_any' : 'default'
    forward(exchange, planFor(directHosts.target(name, address, port), undefined))
  }

  /** A pod that is part of the mesh may be dialled directly whatever the mode; the rest of the world as it says. */
  function isAllowed(destination: OutboundDestination): boolean {
    if (destination.at !== undefined) return true
    return destination.isBound !== true && scope.outbound() !== 'registry-only'
  }

  /** Routes first; then TLS goes to the service that it names, and the rest to what was dialled. */
  function serveBytes(found: DetectedConnection, destination: OutboundDestination): void {
    const { original, at } = destination
    const { serverName } = found
    const own = parts.own()
    const route = runtime.connectionRoutes.find(MESH_ROUTES, {
      serverName,
      port: original.port,
      address: original.address,
      host: at?.service.hostname,
      source: own && { labels: own.labels, namespace: parts.namespace },
    })
    if (route !== undefined) {
      routeConnection({ ...parts, ...parts.upstream }, route, { ...found, original })
      return
    }
    const named = at === undefined && serverName ? serviceNamed(serverName, original.port) : undefined
    serveTcp(found, named === undefined ? destination : { ...destination, ...named })
  }

  /** A host that is known by its name alone, as a ServiceEntry has it: its address says nothing. */
  function serviceNamed(
    serverName: string,
    portNumber: number,
  ): Pick<OutboundDestination, 'at' | 'direct'> | undefined {
    const service = scope.serviceNamed(serverName, parts.namespace)
    const port = service?.ports.find((one) => one.port === portNumber)
    if (service === undefined || (port?.protocol !== 'https' && port?.protocol !== 'tls')) return undefined
    return { at: { service, port }, direct: service.resolution === 'passthrough' }
  }

  function serveTcp(found: DetectedConnection, destination: OutboundDestination): void {
    const { original, at } = destination
    const { thread, work } = parts.upstream
    const isBlocked = at === undefined && !isAllowed(destination)
    const balanced = at !== undefined && !destination.direct
    const proxy = at === undefined ? scope.sidecar()?.egressProxy : undefined
    const cluster = balanced
      ? runtime.cluster({ service: at.service.key, port: at.port.port, subset: undefined })
      : proxy !== undefined
        ? runtime.cluster({ service: proxy.service, port: proxy.port, subset: proxy.subset })
        : directHosts.target(tcpName(at), original.address, original.port)
    proxyTcp({
      accepted: found.accepted,
      original,
      first: found.first,
      ...(found.serverName && { serverName: found.serverName }),
      pick: (tried) => (isBlocked ? undefined : untried(() => cluster.pick(undefined, original), tried)),
      clusterName: isBlocked ? BLACK_HOLE : cluster.name,
      thread,
      work,
      connections: parts.connections,
      series: (host, flags) =>
        parts.metrics.tcp(
          {
            reporter: 'source',
            source: parts.own(),
            destination: host?.workload(),
            service: isBlocked ? BLACK_HOLE_SERVICE : tcpService(at),
          },
          flags,
        ),
      log: parts.log.write,
    })
  }

  return {
    serve,
    hosts: directHosts.hosts,
    close: () => directHosts.close(),
  }
}

/** Addresses of ServiceEntries may be shared, those of Services are their own. */
function frontendOf(service: Service): Service | undefined {
  return service.origin.kind === 'Service' ? service : undefined
}

/** The address that was dialled is meant itself: a pod of a headless service. */
function isAddressed(service: Service, destination: OutboundDestination): boolean {
  return service.resolution !== 'passthrough' && service.addresses.length === 0 && destination.direct
}

function tcpName(at: ServiceAt | undefined): string {
  return at === undefined ? PASSTHROUGH : `outbound|${at.port.port}||${at.service.hostname}`
}

const BLACK_HOLE_SERVICE = { hostname: BLACK_HOLE, name: BLACK_HOLE, namespace: 'unknown' }

function tcpService(at: ServiceAt | undefined) {
  if (at === undefined) return { hostname: PASSTHROUGH, name: PASSTHROUGH, namespace: 'unknown' }
  const { hostname, namespace } = at.service
  return { hostname, name: hostname.split('.')[0] ?? hostname, namespace }
}

function planFor(target: ForwardTarget, operation: string | undefined, retries?: Retries): ForwardPlan {
  const lines = operation === undefined ? '' : `x-envoy-decorator-operation: ${operation}\r\n`
  return {
    target,
    requestTimeoutMs: 0,
    tryTimeoutMs: retries?.perTryTimeoutMs ?? 0,
    retry: retryPlanOf(retries),
    response: [],
    requestLines: lines,
    baseLines: lines,
    attemptCount: true,
  }
}

/** Which first bytes to wait for. An unknown destination is anyone's guess, so it is sniffed. */
function sniffingOf(destination: OutboundDestination): AppProtocol {
  return destination.at?.port.protocol ?? 'auto'
}
