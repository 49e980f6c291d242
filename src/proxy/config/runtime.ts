import type { Clock, Logger } from '../../base/index.ts'
import { deepEqual, unreachable } from '../../base/index.ts'
import {
  type AuthorizationPolicyName,
  type CredentialName,
  type CredentialReference,
  type HttpBoundsName,
  type ListenerName,
  type Mesh,
  type ModelType,
  type PeerAuthenticationName,
  type RateLimitName,
  type RequestAuthenticationName,
  type RouteName,
  type ServiceName,
  type SidecarName,
  type TelemetryName,
  type Workload,
  type WorkloadUid,
} from '../../model/index.ts'
import type { CompiledRoute } from '../../routing/index.ts'
import type { XdsChange, XdsRejection } from '../../xds/client/index.ts'
import { type Cluster, createCluster } from '../upstream/cluster.ts'
import type { UpstreamSettings } from '../upstream/pool.ts'
import { createNameTable, pairFamilies, type ResolvedName } from '../upstream/names.ts'
import { createMeshTls } from '../tls/mesh.ts'
import { createOwnCredential, type OwnCredential } from './own-credential.ts'
import { createPeerModes, type PeerModes } from './peer-modes.ts'
import { createHttpBoundsTable, type HttpBoundsTable } from './http-bounds.ts'
import { createRateLimits, type RateLimits } from '../filters/rate-limit/limits.ts'
import { createRouteStatistics, type RouteStatisticsTable } from '../exchange/route-statistics.ts'
import { compileChain } from '../filters/chain.ts'
import { ownContext } from '../exchange/subrequest.ts'
import { createLocator } from '../filters/jwt/locate.ts'
import type { FilterChain } from '../filters/run.ts'
import type { FilterContext } from '../filters/order.ts'
import { type ConnectionTable, createConnectionTable } from '../tcp/connection-table.ts'
import { findProvider } from '../filters/ext-authz/find-provider.ts'
import { createGuards, type Guards } from '../filters/guards.ts'
import type { Interner } from './interner.ts'
import { type ClientScope, createClientScope } from './client-scope.ts'
import { hostsOf, selectsProxy, servicesOf } from './references.ts'
import type { RouteSink } from './route-sink.ts'
import { createModelStore, type ModelStore } from './model-store.ts'

/** The configuration of one instance, as the control plane says it and as requests use it. */
export interface Runtime {
  readonly store: ModelStore
  /** Tells the proxy from others of the process. */
  readonly proxy: string
  /** What the application knows of it. */
  readonly scope: ClientScope
  /** Applies what is good, names what is not. A batch takes effect as a whole: no request sees half of it. */
  readonly accept: (changes: readonly XdsChange[]) => readonly XdsRejection[]
  readonly cluster: (key: { service: ServiceName; port: number; subset: string | undefined }) => Cluster
  readonly clusters: () => Iterable<Cluster>
  readonly chain: (route: CompiledRoute) => FilterChain
  readonly routes: () => Iterable<CompiledRoute>
  readonly limits: RateLimits
  readonly statistics: RouteStatisticsTable
  readonly guards: Guards
  readonly bounds: HttpBoundsTable
  /** Routes for connections that are passed on as bytes. */
  readonly connectionRoutes: ConnectionTable
  /** Routes that wait for a service they name. */
  readonly waiting: () => Iterable<RouteName>
  /** What workloads ask of connections to them. */
  readonly peerModes: PeerModes
  /** What this proxy proves itself with. */
  readonly identity: OwnCredential
  /** The workload that this proxy stands before: the one with its address. */
  readonly own: () => Workload | undefined
  /** Every name of an endpoint has been asked for once: before that its service would seem to have none. */
  readonly isSettled: () => boolean
  readonly close: () => void
}

/** A route whose service has not come by then is applied all the same: its requests then get NC, and the log says why. */
const SERVICE_WAIT_MS = 10_000

export function createRuntime(options: {
  readonly upstream: UpstreamSettings
  readonly interner: Interner
  readonly clientNamespace: string
  /** Of the proxy's pod. */
  readonly labels: Readonly<Record<string, string>>
  /** The proxy's own addresses, by which it knows its workload. */
  readonly ips: readonly string[]
  readonly isGateway: boolean
  /** It has an identity in a mesh, or will have one: its certificate comes as a credential of its own. */
  readonly isInMesh: boolean
  readonly clock: Clock
  readonly logger: Logger
  /** For endpoints that are host names. */
  readonly resolve: (name: string) => Promise<ResolvedName>
  readonly onSettled?: () => void
  readonly sink: () => RouteSink
}): Runtime {
  const { logger, clock } = options
  const store = createModelStore()
  const identity = createOwnCredential(store, options.clientNamespace)
  const scope = createClientScope(store, { namespace: options.clientNamespace, labels: options.labels })
  const connectionRoutes = createConnectionTable({
    namespace: options.clientNamespace,
    sees: (route) => scope.seesRoutes(route.origin.namespace, hostsOf(route)),
  })
  const clusters = new Map<string, Cluster>()
  const chains = new Map<CompiledRoute, FilterChain>()
  const served = new Map<RouteName, CompiledRoute>()
  const waiting = new Map<RouteName, { readonly route: CompiledRoute; readonly cancel: () => void }>()
  const dirty = new Set<ServiceName>()
  let credentialsChanged = false
  let peersChanged = false
  const peerModes = createPeerModes()

  function cluster(key: { service: ServiceName; port: number; subset: string | undefined }): Cluster {
    const id = `${key.service} ${key.port} ${key.subset ?? ''}`
    let found = clusters.get(id)
    if (found === undefined) {
      const hostname = key.service.slice(key.service.indexOf('/') + 1)
      found = createCluster(options.upstream, sources, { ...key, hostname })
      found.refresh()
      clusters.set(id, found)
    }
    return found
  }

  const names = createNameTable({
    resolve: options.resolve,
    refreshMs: () => store.mesh()?.dnsRefreshMs,
    clock,
    random: options.upstream.thread.random,
    logger,
    onChange(name) {
      for (const service of store.servicesOfName(name)) dirty.add(service)
      refreshClusters()
    },
    onSettled: () => options.onSettled?.(),
  })

  /** Those with a host name stand there once for each endpoint behind it, or for the one that is used just now. */
  function workloadsOf(name: ServiceName): readonly Workload[] {
    const isLogical = store.service(name)?.resolution === 'logical-dns'
    return [...store.workloadsOf(name)].flatMap((workload) => {
      if (workload.hostname === undefined) return [workload]
      const endpoints = pairFamilies(names.addressesOf(workload.hostname))
      const current = isLogical ? names.currentOf(workload.hostname) : undefined
      const used = isLogical ? endpoints.filter((addresses) => addresses.includes(current ?? '')) : endpoints
      return used.map((addresses) => ({ ...workload, addresses }))
    })
  }

  function own(): Workload | undefined {
    for (const ip of options.ips) {
      const workload = store.workloadAt(ip)
      if (workload !== undefined) return workload
    }
    return undefined
  }
  let ownBefore: Workload | undefined

  /** What is near changes with the proxy's own place. */
  function followOwn(): void {
    const now = own()
    const isMoved =
      !deepEqual(now?.locality, ownBefore?.locality) || !deepEqual(now?.labels, ownBefore?.labels)
    ownBefore = now
    if (isMoved) for (const one of clusters.values()) dirty.add(one.key.service)
  }

  let ownCertificate: CredentialReference | undefined

  /** Where several Gateways share their proxies, the first that names a certificate names it for all. */
  function followListeners(): void {
    const before = ownCertificate
    ownCertificate = [...store.listeners()]
      .filter((listener) => selectsProxy(listener, options.clientNamespace, options.labels))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .find((listener) => listener.backendCertificate !== undefined)?.backendCertificate
    if (!deepEqual(before, ownCertificate)) credentialsChanged = true
  }

  function refreshClusters(): void {
    const isAround = Object.keys(own()?.services ?? {}).some((name) => dirty.has(name as ServiceName))
    for (const one of clusters.values()) {
      if (
        dirty.has(one.key.service) ||
        peersChanged ||
        (isAround && one.looksAround()) ||
        (credentialsChanged && one.isSecured())
      )
        one.refresh()
    }
    dirty.clear()
    peersChanged = false
    credentialsChanged = false
  }

  const proxy = `${options.clientNamespace} ${options.ips.join(',')}`
  const sources = {
    proxy,
    service: store.service,
    workloadsOf,
    clientNamespace: options.clientNamespace,
    clientLabels: options.labels,
    own,
    workloadAt: store.workloadAt,
    isCapturing: !options.isGateway,
    connectTimeoutMs: () => store.mesh()?.connectTimeoutMs ?? 10_000,
    credential: identity.credential,
    mesh: store.mesh,
    tlsDefaults: () => store.mesh()?.tlsDefaults,
    meshTls: options.isInMesh ? createMeshTls(identity.material) : undefined,
    takesMeshTls: (workload: Workload, port: number) => peerModes.decide(workload, port).mode !== 'disable',
    followsServiceTls: options.isGateway,
    ownCertificate: () => ownCertificate,
    logger,
  }
  const { random, tokens } = options.upstream.thread
  const common = { namespace: options.clientNamespace, labels: options.labels, clock, random }
  const limits = createRateLimits({ ...common, tokens, proxy })
  const context = ownContext(options.upstream.thread, options.upstream.work)
  const guards = createGuards({
    ...common,
    logger,
    mesh: store.mesh,
    context,
    locateKeys: createLocator({ store, cluster, resolve: options.resolve, context }),
    provider: (name) => findProvider(name, store, cluster),
  })
  const bounds = createHttpBoundsTable(options.isGateway)
  const side = options.isGateway ? 'gateway' : 'outbound'
  const statistics = createRouteStatistics()
  const filterContext: FilterContext = {
    statistics,
    random,
    get retries() {
      return store.mesh()?.retries
    },
    cluster,
    limiter: (route) => limits.ofRoute(side, route),
    // A sidecar's are for what calls it, which has no routes.
    guard: (kind) => (options.isGateway ? guards.of(kind) : undefined),
  }
  let limitsVersion = 0
  let guardsVersion = 0

  /** Limits and guards stand in the chains of the routes that they are for. */
  function followFilters(): void {
    guards.settle()
    const isSame = limitsVersion === limits.version() && guardsVersion === guards.version()
    if (isSame) return
    limitsVersion = limits.version()
    guardsVersion = guards.version()
    recompile()
  }

  function recompile(): void {
    for (const route of served.values()) chains.set(route, compileChain(route, filterContext))
  }

  /** What it says of TLS is part of clusters' terms, as credentials are; what it says of traffic is part of all of them. */
  function setMesh(mesh: Mesh | undefined): void {
    const before = store.mesh()
    store.setMesh(mesh)
    credentialsChanged = true
    const policyOf = (one: Mesh | undefined) => [one?.locality, one?.connections]
    if (!deepEqual(policyOf(before), policyOf(mesh)))
      for (const one of clusters.values()) dirty.add(one.key.service)
    if (!deepEqual(before?.retries, mesh?.retries)) recompile()
  }

  function serve(route: CompiledRoute): void {
    const before = served.get(route.key)
    if (before !== undefined) chains.delete(before)
    served.set(route.key, route)
    chains.set(route, compileChain(route, filterContext))
    show(route)
  }

  /** Routes of a service come and go with it; those that go by hosts are known, or not, by theirs. */
  function show(route: CompiledRoute): void {
    const { origin, scope: place, domains } = route.source
    const isOfHosts = place.kind === 'mesh' && place.service === undefined
    if (!isOfHosts || scope.seesRoutes(origin.namespace, domains)) options.sink().setRoute(route)
    else options.sink().deleteRoute(route.key)
  }

  function followScope(changes: readonly XdsChange[]): void {
    if (!scope.follow(changes)) return
    connectionRoutes.refresh()
    for (const route of served.values()) show(route)
  }

  /** Make before break: the old version serves until the services of the new one are known. */
  function offer(route: CompiledRoute): void {
    stopWaiting(route.key)
    const missing = servicesOf(route.source).filter((name) => store.service(name) === undefined)
    if (missing.length === 0) {
      serve(route)
      return
    }
    const cancel = clock.after(SERVICE_WAIT_MS, () => {
      waiting.delete(route.key)
      logger.warn(`route ${route.key} names services that the control plane has not sent`, {
        services: missing.join(','),
      })
      serve(route)
    })
    waiting.set(route.key, { route, cancel })
  }

  function stopWaiting(key: RouteName): void {
    waiting.get(key)?.cancel()
    waiting.delete(key)
  }

  function withdraw(key: RouteName): void {
    stopWaiting(key)
    const route = served.get(key)
    if (route === undefined) return
    served.delete(key)
    chains.delete(route)
    limits.forgetRoute(route)
    options.sink().deleteRoute(key)
  }

  function set(change: Extract<XdsChange, { kind: 'set' }>): string | undefined {
    const interned = options.interner.intern(change)
    if (!interned.ok) return interned.error
    const { object, route } = interned.value
    switch (object.type) {
      case 'mesh':
        setMesh(object)
        return undefined
      case 'workload':
        // The new name is held before the old one is let go: they may be the same.
        if (object.hostname !== undefined) names.retain(object.hostname)
        releaseName(object.key)
        for (const name of store.setWorkload(object)) dirty.add(name)
        return undefined
      case 'service':
        store.setService(object)
        dirty.add(object.key)
        return undefined
      case 'listener':
        store.setListener(object)
        return undefined
      case 'telemetry':
        store.setTelemetry(object)
        return undefined
      case 'peer-authentication':
        peerModes.set(object)
        peersChanged = true
        return undefined
      case 'sidecar':
        scope.set(object)
        return undefined
      case 'credential':
        store.setCredential(object)
        credentialsChanged = true
        return undefined
      case 'route':
        offered.push(route as CompiledRoute)
        return undefined
      case 'connection-route':
        connectionRoutes.set(object)
        return undefined
      case 'rate-limit':
        limits.set(object)
        return undefined
      case 'http-bounds':
        bounds.set(object)
        return undefined
      case 'authorization-policy':
      case 'request-authentication':
        guards.set(object)
        return undefined
      default:
        return unreachable(object)
    }
  }
  const offered: CompiledRoute[] = []

  function releaseName(key: WorkloadUid): void {
    const hostname = store.workload(key)?.hostname
    if (hostname !== undefined) names.release(hostname)
  }

  function remove(type: ModelType, key: string): void {
    options.interner.forget(type, key)
    switch (type) {
      case 'mesh':
        return setMesh(undefined)
      case 'workload':
        releaseName(key as WorkloadUid)
        for (const name of store.deleteWorkload(key as WorkloadUid)) dirty.add(name)
        return undefined
      case 'service':
        store.deleteService(key as ServiceName)
        dirty.add(key as ServiceName)
        return undefined
      case 'listener':
        return store.deleteListener(key as ListenerName)
      case 'telemetry':
        return store.deleteTelemetry(key as TelemetryName)
      case 'peer-authentication':
        peersChanged = true
        return peerModes.delete(key as PeerAuthenticationName)
      case 'sidecar':
        return scope.delete(key as SidecarName)
      case 'credential':
        credentialsChanged = true
        return store.deleteCredential(key as CredentialName)
      case 'route':
        return withdraw(key as RouteName)
      case 'connection-route':
        return connectionRoutes.delete(key as RouteName)
      case 'rate-limit':
        return limits.delete(key as RateLimitName)
      case 'http-bounds':
        return bounds.delete(key as HttpBoundsName)
      case 'authorization-policy':
        return guards.deleteAuthorization(key as AuthorizationPolicyName)
      case 'request-authentication':
        return guards.deleteAuthentication(key as RequestAuthenticationName)
      default:
        return unreachable(type)
    }
  }

  function settle(changes: readonly XdsChange[]): void {
    if (changes.some((change) => change.type === 'workload')) followOwn()
    if (options.isGateway && changes.some((change) => change.type === 'listener')) followListeners()
    followScope(changes)
    refreshClusters()
    followFilters()
    for (const route of offered.splice(0)) offer(route)
    for (const [key, { route }] of waiting) {
      if (servicesOf(route.source).every((name) => store.service(name) !== undefined)) {
        stopWaiting(key)
        serve(route)
      }
    }
    options.sink().changed({
      listeners: changes.some(({ type }) => LISTENER_INPUTS.has(type)),
      mesh: changes.some((change) => change.type === 'mesh'),
    })
  }

  return {
    store,
    proxy,
    scope,
    accept(changes) {
      const rejections: XdsRejection[] = []
      for (const change of changes) {
        if (change.kind === 'remove') {
          remove(change.type, change.key)
          continue
        }
        const reason = set(change)
        if (reason !== undefined) rejections.push({ type: change.type, key: change.key, reason })
      }
      settle(changes)
      return rejections
    },
    cluster,
    clusters: () => clusters.values(),
    chain: (route) => chains.get(route) ?? NO_FILTERS,
    routes: () => served.values(),
    limits,
    statistics,
    guards,
    bounds,
    connectionRoutes,
    waiting: () => waiting.keys(),
    own,
    peerModes,
    identity,
    isSettled: names.isSettled,
    close() {
      for (const { cancel } of waiting.values()) cancel()
      waiting.clear()
      names.close()
      guards.close()
      for (const one of clusters.values()) one.close()
    },
  }
}

/** A gateway's ports depend on its own workload's services too, and its terms on credentials. */
const LISTENER_INPUTS: ReadonlySet<ModelType> = new Set(['mesh', 'listener', 'workload', 'credential'])

const NO_FILTERS: FilterChain = []
