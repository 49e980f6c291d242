import { deepEqual, type Logger } from '../../base/index.ts'
import type {
  AppProtocol,
  Credential,
  CredentialName,
  CredentialReference,
  HealthCheck,
  Mesh,
  Service,
  ServiceName,
  TlsDefaults,
  TrafficPolicy,
  UpstreamTls,
  Workload,
} from '../../model/index.ts'
import { type Labels, resolvePolicy, selectEndpoints } from '../../routing/index.ts'
import type { Exchange, ForwardTarget } from '../exchange/types.ts'
import { type Balancer, createBalancer } from './balancer.ts'
import { createHashKey, hashesSource } from './hash.ts'
import { hashText } from './hash-text.ts'
import type { SocketTarget } from '../net/network.ts'
import { createDirectHosts } from './direct.ts'
import { createHealthChecker, type HealthChecker } from './health.ts'
import { createHost, type Host, type UpstreamProtocol } from './host.ts'
import { type ClusterLoad, createLoad, limitsOf, retryPlaces, shareLimits, shareLoad } from './load.ts'
import type { UpstreamTerms } from '../tls/client.ts'
import { createProbe } from './probe.ts'
import {
  createSession,
  createSessionHosts,
  pickInSession,
  type Session,
  type SessionHosts,
} from './session.ts'
import { choose, createTieredBalancer, tiersLeft } from './tiered.ts'
import { warmUp } from './warmup.ts'
import { type Tiers, tiersOf } from './locality.ts'
import type { HostCounters, UpstreamSettings } from './pool.ts'
import type { MeshTls } from '../tls/mesh.ts'
import { createHostSecurity } from './host-security.ts'
import { PLAIN, secureWith, type SecuritySources, type UpstreamSecurity } from './security.ts'
import { zoneParts } from './zone-aware.ts'
import { createOutlierDetector, type OutlierDetector } from './outlier.ts'

/** What a cluster is made for: one port, and one subset, of a service. */
export interface ClusterKey {
  readonly service: ServiceName
  readonly hostname: string
  readonly port: number
  readonly subset: string | undefined
}

/** A named pool of endpoints. It lives as long as something refers to it; what it stands for changes in place. */
export interface Cluster extends ForwardTarget {
  readonly key: ClusterKey
  readonly service: () => Service | undefined
  readonly hosts: () => readonly Host[]
  readonly load: ClusterLoad
  /**
   * @param exchange absent for connections that are no HTTP
   * @param original where a captured connection was going; for an exchange its context says it
   * @param source address of the client of such a connection
   */
  readonly pick: (exchange?: Exchange, original?: SocketTarget, source?: string) => Host | undefined
  /** Left out for now, since it kept failing. */
  readonly isEjected: (host: Host) => boolean
  /** What active health checks say; without them every host is well. */
  readonly isWell: (host: Host) => boolean
  /** Chooses the endpoint of the request's session, or one with which a session begins. */
  readonly pickFor: (session: Session, exchange: Exchange) => Host | undefined
  readonly sessions: SessionHosts<Host>
  /** Whether the service is known and has the subset; otherwise requests are answered with NC. */
  readonly isKnown: () => boolean
  /** Its port is declared to. */
  readonly speaksGrpc: () => boolean
  /** What hosts that are gone have counted. */
  readonly retired: Pick<HostCounters, 'connectionsTotal' | 'connectFailures' | 'requestsTotal'>
  /** Whether it matters to it where others are that serve the same as its client. */
  readonly looksAround: () => boolean
  /** Whether credentials matter to it. */
  readonly isSecured: () => boolean
  /** What its connections are secured with; absent: nothing. */
  readonly tlsTerms: () => UpstreamTerms | undefined
  /** Resolves policy and endpoints anew. */
  readonly refresh: () => void
  readonly close: () => void
}

/** Where clusters find the model. */
export interface ClusterSources {
  readonly service: (name: ServiceName) => Service | undefined
  readonly workloadsOf: (name: ServiceName) => Iterable<Workload>
  /** Tells the proxy from others of the process. */
  readonly proxy: string
  readonly clientNamespace: string
  readonly clientLabels: Readonly<Record<string, string>>
  /** The workload that the proxy stands before, or is. */
  readonly own: () => Workload | undefined
  readonly workloadAt: (ip: string) => Workload | undefined
  /** Whether connections come here that were going somewhere else: then that is known. */
  readonly isCapturing: boolean
  readonly connectTimeoutMs: () => number
  readonly credential: (name: CredentialName) => Credential | undefined
  /** What holds for services of which nothing is said. */
  readonly mesh: () => Pick<Mesh, 'locality' | 'connections'> | undefined
  readonly tlsDefaults: () => TlsDefaults | undefined
  /** Absent: it has no identity in a mesh. */
  readonly meshTls: MeshTls | undefined
  /** Whether a workload in the mesh wants TLS of the mesh at a port of its own. */
  readonly takesMeshTls: (workload: Workload, port: number) => boolean
  /** Gateways speak TLS to services that are said to want it (BackendTLSPolicy); sidecars pass on what comes. */
  readonly followsServiceTls: boolean
  /** What a gateway shows on such connections. */
  readonly ownCertificate: () => CredentialReference | undefined
  readonly logger: Logger
}

/** By address and workload. */
type HostMap = Map<string, Host>

/** Istio's form, `outbound|80|v1|reviews.default.svc.cluster.local`. */
export function clusterName(key: ClusterKey): string {
  return `outbound|${key.port}|${key.subset ?? ''}|${key.hostname}`
}

/**
 * Istio, protocol selection: a port's protocol says what its endpoints speak. Where it says nothing, a sidecar speaks what
 * its application does, while clients of a gateway, which agree on HTTP/2 with the gateway itself, say nothing of them.
 */
function upstreamProtocol(
  declared: AppProtocol | undefined,
  wanted: UpstreamProtocol | undefined,
  isCapturing: boolean,
): UpstreamProtocol {
  if (wanted === 'downstream') return wanted
  switch (declared) {
    case 'http2':
    case 'grpc':
      return 'http2'
    case 'auto':
      return isCapturing ? 'downstream' : 'undeclared'
    case 'http':
      return wanted ?? 'http1'
    default:
      return 'http1'
  }
}

type MeshDefaults = ReturnType<ClusterSources['mesh']>

/** A policy with the mesh's defaults beneath; the same object again for the same two. */
function createJoin(): (given: TrafficPolicy, mesh: MeshDefaults) => TrafficPolicy {
  let last:
    | { readonly given: TrafficPolicy; readonly mesh: MeshDefaults; readonly made: TrafficPolicy }
    | undefined
  return (given, mesh) => {
    if (mesh?.locality === undefined && mesh?.connections === undefined) return given
    if (last?.given === given && last.mesh === mesh) return last.made
    const locality = given.locality ?? mesh.locality
    const made = {
      ...given,
      ...(locality !== undefined && { locality }),
      ...(mesh.connections !== undefined && { connections: { ...mesh.connections, ...given.connections } }),
    }
    last = { given, mesh, made }
    return made
  }
}

/** What the service itself says, with what this gateway has to show. */
function serviceTls(
  service: Service | undefined,
  port: number,
  { followsServiceTls, ownCertificate }: ClusterSources,
): UpstreamTls | undefined {
  const tls = followsServiceTls ? service?.tls?.[String(port)] : undefined
  const certificate = tls?.kind === 'originate' ? ownCertificate() : undefined
  return tls?.kind === 'originate' && certificate !== undefined ? { certificate, ...tls } : tls
}

function securitySources(sources: ClusterSources, key: ClusterKey): SecuritySources {
  const isInMesh = sources.meshTls !== undefined
  return { ...sources, name: clusterName(key), hostname: key.hostname, isInMesh }
}

/** Where a client is, and those that serve the same as it does. */
function placesAround(
  own: Workload,
  { workloadsOf }: Pick<ClusterSources, 'workloadsOf'>,
): readonly Workload['locality'][] {
  const members = new Map([[own.key, own]])
  for (const name of Object.keys(own.services) as ServiceName[]) {
    for (const workload of workloadsOf(name)) members.set(workload.key, workload)
  }
  return [...members.values()].map(({ locality }) => locality)
}

export function createCluster(settings: UpstreamSettings, sources: ClusterSources, key: ClusterKey): Cluster {
  let hosts = new Map<string, Host>()
  let balancer: Balancer<Host> = { pick: () => undefined }
  let tiers: Tiers<Host> = { kind: 'priorities', tiers: [] }
  let known = false
  let service: Service | undefined
  let portProtocol: AppProtocol | undefined
  let protocol: UpstreamProtocol = 'http1'
  let traffic: TrafficPolicy = {}
  const joined = createJoin()
  let security: UpstreamSecurity = PLAIN
  let proxyProtocol: TrafficPolicy['proxyProtocol']
  let outliers: OutlierDetector<Host> | undefined
  let health: HealthChecker<Host> | undefined
  let hashKey: ((exchange: Exchange) => string | undefined) | undefined
  const secured = createHostSecurity(() => security, sources, key)
  const load = createLoad()
  const common = { settings, load, source: key, protocol: () => protocol, connectTimeoutMs, tunnel }
  /** Endpoints of a service that has none of its own: the addresses that clients ask for. */
  const ofAddresses = secured.ofAddresses(sources.workloadAt)
  const passed = createDirectHosts({ ...common, ...ofAddresses, proxyProtocol: () => proxyProtocol })
  let isPassing = false
  let session: Session | undefined
  const sessions = createSessionHosts<Host>(servesSessions, refresh)
  const retired = { connectionsTotal: 0, connectFailures: 0, requestsTotal: 0 }

  function refresh(): void {
    service = sources.service(key.service)
    const policy = service && resolvePolicy({ ...sources, service, port: key.port, subset: key.subset })
    known = policy?.kind === 'resolved'
    if (policy?.kind !== 'resolved') {
      isPassing = false
      replaceHosts(new Map())
      return
    }
    const wanted = joined(policy.traffic, sources.mesh())
    if (traffic !== wanted) follow(wanted)
    portProtocol = service?.ports.find((one) => one.port === key.port)?.protocol
    protocol = upstreamProtocol(portProtocol, traffic.connections?.protocol, sources.isCapturing)
    const before = security
    const isToldBefore = proxyProtocol
    proxyProtocol = policy.traffic.proxyProtocol
    const terms = policy.traffic.tls ?? serviceTls(service, key.port, sources)
    const isPlain = terms === undefined && service?.isExternal === true
    security = isPlain ? PLAIN : secureWith(before, terms, securitySources(sources, key))
    const isSame = before === security && isToldBefore === proxyProtocol
    if (!isSame) passed.close()
    // With nobody to choose from, and where the policy wants no choice (Istio's PASSTHROUGH).
    isPassing =
      sources.isCapturing &&
      security.kind !== 'refused' &&
      (service?.resolution === 'passthrough' || traffic.balancer?.kind === 'passthrough')
    if (security.kind === 'refused') {
      replaceHosts(new Map())
      return
    }
    // Connections on other terms are not used for new requests.
    const reusable = isSame ? new Map([...sessions.leaving(), ...hosts]) : new Map<string, Host>()
    session = service?.session && createSession(service.session)
    const keepsLeaving = session !== undefined || sessions.areWanted()
    const next = hostsOf(policy.subsetLabels, false, reusable)
    replaceHosts(next, keepsLeaving ? hostsOf(policy.subsetLabels, true, reusable) : new Map())
  }

  function hostsOf(
    subsetLabels: Labels | undefined,
    draining: boolean,
    reusable: ReadonlyMap<string, Host>,
  ): HostMap {
    const { service: name, port: servicePort } = key
    const workloads = sources.workloadsOf(name)
    const terms = { workloads, service: name, port: servicePort, subsetLabels, draining }
    const next = new Map<string, Host>()
    for (const { workload, address, port, weight } of selectEndpoints(terms)) {
      // Telemetry names the workload behind a host, so a pod that takes over an address is another host.
      const id = secured.hostId(workload, address, port)
      const kept = reusable.get(id)
      kept?.update(workload, weight)
      next.set(id, kept ?? newHost(workload, address, port, weight))
    }
    return next
  }

  /** Nobody watches the health of what is on its way out. */
  function servesSessions(host: Host, isLeaving: boolean): boolean {
    return outliers?.isEjected(host) !== true && (isLeaving || isWell(host))
  }

  function tunnel(): string | undefined {
    return traffic.tunnel
  }

  function connectTimeoutMs(): number {
    return traffic.connectTimeoutMs ?? sources.connectTimeoutMs()
  }

  function newHost(workload: Workload, ip: string, port: number, weight: number): Host {
    return createHost({
      ...common,
      ip,
      port,
      weight,
      workload,
      hasFallbacks: true,
      // All that come together are equally new.
      ...(hosts.size > 0 && { joinedAt: settings.thread.clock.monotonic() }),
      tls: secured.connector(workload, port),
      isMutual: secured.isMutual(workload, port),
      proxyProtocol,
      report: (host, outcome) => outliers?.report(host, outcome),
    })
  }

  function replaceHosts(next: HostMap, leaving: HostMap = new Map()): void {
    const before = new Map([...sessions.leaving(), ...hosts])
    hosts = next
    sessions.replace(next, leaving)
    for (const [id, host] of before) {
      if (next.get(id) === host || leaving.get(id) === host) continue
      host.remove()
      outliers?.forget(host)
      retired.connectionsTotal += host.counters.connectionsTotal
      retired.connectFailures += host.counters.connectFailures
      retired.requestsTotal += host.counters.requestsTotal
    }
    health?.follow(hosts.values())
    rebalance()
  }

  function rebalance(): void {
    const client = {
      policy: traffic.locality,
      own: sources.own(),
      failsOver: (outliers ?? health) !== undefined,
    }
    tiers = tiersOf([...hosts.values()], client)
    balancer = balancerOf(tiers)
  }

  function balancerOf(among: Tiers<Host>): Balancer<Host> {
    return createTieredBalancer({
      tiers: among,
      isHealthy: (host) => outliers?.isEjected(host) !== true && isWell(host),
      panicPercent: traffic.outlierDetection?.minHealthPercent ?? 0,
      balance,
      random: settings.thread.random,
    })
  }

  function isWell(host: Host): boolean {
    return health === undefined || health.isHealthy(host)
  }

  /** Among the hosts of one tier. */
  function balance(among: readonly Host[]): Balancer<Host> {
    const { zoneAware } = traffic.locality ?? {}
    const own = sources.own()
    if (zoneAware === undefined || own === undefined) return evenly(among)
    const parts = zoneParts(among, { ...zoneAware, own: own.locality, around: placesAround(own, sources) })
    if (parts === undefined) return evenly(among)
    const chosen = parts.map(({ hosts: there, part }) => ({ part, balancer: evenly(there) }))
    return choose(chosen, settings.thread.random)
  }

  function evenly(among: readonly Host[]): Balancer<Host> {
    const { random, clock } = settings.thread
    const policy = traffic.balancer
    const plain = createBalancer(policy, among, random)
    if ((policy?.kind !== 'round-robin' && policy?.kind !== 'least-request') || !policy.warmup) return plain
    return warmUp({
      policy: policy.warmup,
      hosts: among,
      balancer: plain,
      random,
      now: clock.monotonic,
      onWarm: rebalance,
    })
  }

  /** Another policy starts with a clean sheet. */
  function follow(next: TrafficPolicy): void {
    if (!deepEqual(traffic.outlierDetection, next.outlierDetection)) {
      outliers?.close()
      outliers =
        next.outlierDetection &&
        createOutlierDetector({
          policy: next.outlierDetection,
          clock: settings.thread.clock,
          hosts: () => [...hosts.values()],
          onChange: rebalance,
        })
    }
    if (!deepEqual(traffic.healthCheck, next.healthCheck)) {
      health?.close()
      health = next.healthCheck && watchHealth(next.healthCheck)
    }
    load.limits = limitsOf(next.connections, next.retryBudget)
    const name = clusterName(key)
    if (shareLimits(load, settings.thread.loads, `${sources.proxy}|${name}|${key.service}`) === 'alone')
      sources.logger.warn(`the limits of ${name} hold for each worker: too many clusters have limits`)
    hashKey = next.balancer?.kind === 'hash' ? createHashKey(next.balancer.key) : undefined
    traffic = next
  }

  function watchHealth(policy: HealthCheck): HealthChecker<Host> {
    const { thread, work } = settings
    return createHealthChecker<Host>({
      policy,
      probe: createProbe(policy, { thread, work, usesHttp2: () => protocol === 'http2' }),
      clock: thread.clock,
      random: thread.random,
      onChange: rebalance,
    })
  }

  function pick(exchange?: Exchange, original?: SocketTarget, source?: string): Host | undefined {
    const dialled = original ?? exchange?.context.original
    if (isPassing && dialled !== undefined) return passed.hostAt(dialled.address, dialled.port)
    return session === undefined || exchange === undefined
      ? balanced(exchange, source)
      : pickInSession(session, exchange, sessions, balanced)
  }

  function balanced(exchange?: Exchange, source?: string): Host | undefined {
    const key = exchange ? hashKey?.(exchange) : hashesSource(traffic.balancer) ? source : undefined
    const hash = key === undefined ? undefined : hashText(key)
    if (exchange?.tried !== undefined && exchange.plan?.retry.otherTiers === true) {
      const elsewhere = tiersLeft(tiers, exchange.tried)
      const host = elsewhere === tiers ? undefined : balancerOf(elsewhere).pick(hash)
      if (host !== undefined) return host
    }
    return balancer.pick(hash)
  }

  return {
    key,
    name: clusterName(key),
    service: () => service,
    hosts: () => [...hosts.values(), ...passed.hosts()],
    load,
    pick,
    pickFor: (own, exchange) => pickInSession(own, exchange, sessions, balanced),
    sessions,
    retries: retryPlaces(load),
    isWell,
    isEjected: (host) => outliers?.isEjected(host) ?? false,
    isKnown: () => known,
    speaksGrpc: () => portProtocol === 'grpc',
    retired,
    isSecured: () => security.kind === 'secured' || security.kind === 'refused',
    looksAround: () => traffic.locality?.zoneAware !== undefined,
    tlsTerms: () => (security.kind === 'secured' ? security.terms : undefined),
    refresh,
    close() {
      outliers?.close()
      replaceHosts(new Map())
      passed.close()
      health?.close()
      shareLoad(load, undefined)
    },
  }
}
