import { randomBytes } from 'node:crypto'
import type { Logger } from '../base/index.ts'
import type { GatewayName, Workload } from '../model/index.ts'
import {
  createIstioMetrics,
  createMetricsRegistry,
  type DestinationService,
  type IstioMetrics,
  type LogSurroundings,
  type MetricsRegistry,
} from '../telemetry/index.ts'
import type { ProxyNode, XdsChange, XdsRejection } from '../xds/client/index.ts'
import type { Interner } from './config/interner.ts'
import { selectsProxy } from './config/references.ts'
import type { RouteSink } from './config/route-sink.ts'
import { createRuntime, type Runtime } from './config/runtime.ts'
import { UPSTREAM_EVENTS } from './exchange/flow.ts'
import { HTTP_SETTINGS, type HttpSettings, type ProxyRole } from './exchange/rules.ts'
import { createRulesTable, type RulesTable } from './exchange/rules-table.ts'
import { REPLIES, sendLocalReply } from './exchange/local-reply.ts'
import type { Exchange, HttpContext, ProxyThread, WorkCounter } from './exchange/types.ts'
import { createGatewayListeners, type GatewayListeners } from './listener/gateway.ts'
import { type ConnectionSet, createConnectionSet } from './listener/http-listener.ts'
import { createLiveTelemetry, type LiveTelemetry } from './listener/live-telemetry.ts'
import { createRecorder, destinationFinder, type Recorder, sourceFinder } from './listener/recorder.ts'
import { createInboundTls } from './listener/inbound-tls.ts'
import { OWN_WORKLOAD, type SidecarParts } from './listener/sidecar-parts.ts'
import { createSidecarListeners, type SidecarListeners } from './listener/sidecar.ts'
import { OVERLOAD } from './net/intake.ts'
import type { Network } from './net/network.ts'
import { createTapHub, type TapHub } from './tap/hub.ts'
import { createTicketKeys } from './tls/ticket-keys.ts'
import { findCollector } from './tracing/collector.ts'
import { createTracing } from './tracing/tracing.ts'
import type { UpstreamSettings } from './upstream/pool.ts'
import type { ResolvedName } from './upstream/names.ts'

export interface ProxyInstanceOptions {
  readonly node: ProxyNode
  readonly thread: ProxyThread
  readonly network: Network
  readonly interner: Interner
  readonly logger: Logger
  /** Receives access-log lines. */
  readonly writeLog: (line: string) => void
  /** Where listeners bind. */
  readonly address: string
  /** Names of endpoints that are no addresses. */
  readonly resolve: (name: string) => Promise<ResolvedName>
  /** 15001 and 15006; others in tests that run several proxies on one address. */
  readonly ports?: { readonly outbound: number; readonly inbound: number }
  /** What logs and spans may say of the container. Absent: nothing. */
  readonly surroundings?: LogSurroundings
  /** Something that readiness depends on may have changed. */
  readonly onStateChange: () => void
  /**
   * Whether the routes and policies of a gateway have arrived, so that its ports may be opened; of a sidecar the policies of
   * `OWN_WORKLOAD`. Absent: they may.
   */
  readonly isGatewayReady?: (gateway: GatewayName) => boolean
  /** Source address of connections to the application, as the capture rules expect it. */
  readonly inboundSource?: string
  /** Fields that are added, dropped and believed. Absent: Istio's defaults. */
  readonly http?: HttpSettings
  /** 48 bytes: what the keys that seal TLS sessions are made from. Who shares it resumes the others'. Absent: its own. */
  readonly ticketKey?: Buffer
  /** What the overload guard has decided, as bits (`OVERLOAD`). Absent: there is none. */
  readonly overload?: () => number
  /** A gateway's connections come from a balancer that says with a PROXY header whose they are. */
  readonly proxyProtocol?: boolean
  /** It has an identity in a mesh: a credential of its own comes with the configuration. */
  readonly isInMesh?: boolean
}

/**
 * One proxied pod: its configuration, listeners, upstream connections and telemetry. Knows neither how it is told its
 * configuration nor who else lives in the process.
 */
export interface ProxyInstance {
  readonly node: ProxyNode
  readonly accept: (changes: readonly XdsChange[]) => readonly XdsRejection[]
  readonly runtime: Runtime
  readonly registry: MetricsRegistry
  readonly taps: TapHub
  readonly work: WorkCounter
  readonly connections: ConnectionSet
  readonly gateway: GatewayListeners | undefined
  readonly sidecar: SidecarListeners | undefined
  /** The gateways that have listeners here: whose routes are wanted. */
  readonly gatewayNames: () => readonly GatewayName[]
  readonly own: () => Workload | undefined
  /** Binds what does not depend on configuration. @throws when a port cannot be bound */
  readonly start: () => Promise<void>
  /** All that configuration asks for is bound, and its endpoints' names have been looked up. */
  readonly isBound: () => boolean
  readonly isDraining: () => boolean
  /** Every response ends its connection while it is so; connections are accepted as before. */
  readonly setDraining: (draining: boolean) => void
  readonly stopAccepting: () => void
  /** Accepts no more, closes idle connections; the others close after their response. */
  readonly drain: () => void
  readonly close: () => void
}

export function createProxyInstance(options: ProxyInstanceOptions): ProxyInstance {
  const { node, thread, network, logger } = options
  const work: WorkCounter = { events: 0 }
  const registry = createMetricsRegistry()
  const metrics = createIstioMetrics(registry)
  const connections = createConnectionSet()
  const http = options.http ?? HTTP_SETTINGS
  const upstream: UpstreamSettings = {
    thread,
    network,
    events: UPSTREAM_EVENTS,
    work,
    responseHead: (source) => runtime.bounds.ofResponses(source, http.responseHead),
  }
  let draining = false
  const runtime = createRuntime({
    upstream,
    interner: options.interner,
    clientNamespace: node.namespace,
    labels: node.labels,
    ips: node.ips,
    isGateway: node.role === 'router',
    isInMesh: options.isInMesh === true,
    clock: thread.clock,
    logger,
    resolve: options.resolve,
    onSettled: options.onStateChange,
    sink: () => sink,
  })
  const { own } = runtime
  const rules = createRulesTable({
    settings: http,
    bounds: () => runtime.bounds,
    targetPort: (port) => targetPort(own(), port),
  })
  const recorders = new Map<ProxyRole, Recorder>()
  const forgetSeries = () => {
    for (const recorder of recorders.values()) recorder.forget()
  }
  const telemetry = liveTelemetry(options, { runtime, registry, metrics, onMetricRules: forgetSeries })
  const { overload } = options
  const isLeftOff = (bit: number) => overload !== undefined && (overload() & bit) !== 0
  const base: ContextBase = {
    runtime,
    own,
    metrics,
    telemetry,
    thread,
    work,
    isDraining: overload === undefined ? () => draining : () => draining || isLeftOff(OVERLOAD.keepAliveOff),
    refusesRequests: overload && (() => isLeftOff(OVERLOAD.refuseRequests)),
    recorders,
    rules,
  }
  const gateway = node.role === 'router' ? gatewayListeners(options, base, connections) : undefined
  const sidecar =
    node.role === 'sidecar' ? sidecarListeners(options, base, { upstream, connections }) : undefined
  const sink: RouteSink = (gateway?.sink ?? sidecar?.sink) as RouteSink
  const stopAccepting = () => {
    gateway?.stopAccepting()
    sidecar?.stopAccepting()
  }
  return {
    node,
    accept: (changes) => {
      const ownBefore = own()
      const rejections = runtime.accept(changes)
      if (changes.some(({ type }) => type === 'mesh' || type === 'telemetry')) telemetry.refresh()
      if (own() !== ownBefore || changes.some(({ type }) => type === 'service')) forgetSeries()
      rules.follow(runtime.store.mesh(), own())
      for (const { type, key, reason } of rejections) {
        logger.warn(`rejected ${type} ${key}, its last good version stays: ${reason}`)
      }
      return rejections
    },
    runtime,
    registry,
    taps: createTapHub({ clock: thread.clock, setTap: telemetry.setTap }),
    work,
    connections,
    gateway,
    sidecar,
    gatewayNames: () => {
      const names = new Set<GatewayName>()
      for (const listener of runtime.store.listeners()) {
        if (selectsProxy(listener, node.namespace, node.labels)) names.add(listener.gateway)
      }
      return [...names]
    },
    own,
    start: async () => {
      await sidecar?.start()
    },
    isBound: () => runtime.isSettled() && gateway?.isBound() !== false,
    isDraining: () => draining,
    setDraining(next) {
      draining = next
    },
    stopAccepting,
    drain() {
      draining = true
      stopAccepting()
      connections.drain()
    },
    close() {
      draining = true
      gateway?.stopAccepting()
      sidecar?.close()
      connections.destroy()
      telemetry.close()
      runtime.close()
    },
  }
}

function liveTelemetry(
  options: ProxyInstanceOptions,
  parts: {
    readonly runtime: Runtime
    readonly registry: MetricsRegistry
    readonly metrics: IstioMetrics
    readonly onMetricRules: () => void
  },
): LiveTelemetry {
  const { node, thread, logger } = options
  const { runtime, registry } = parts
  const surroundings = options.surroundings ?? NO_SURROUNDINGS
  return createLiveTelemetry({
    ...parts,
    node,
    surroundings,
    writeLine: options.writeLog,
    logger,
    tracing: createTracing({
      node,
      own: runtime.own,
      meshId: () => runtime.store.mesh()?.trustDomain ?? 'cluster.local',
      find: (provider) => findCollector(provider, runtime, options),
      operation: (exchange) => {
        const service = inboundService(runtime, exchange.context.port)
        return service && `${service.hostname}:${exchange.context.port}/*`
      },
      surroundings,
      registry,
      clock: thread.clock,
      random: thread.random,
      logger: logger.scope('tracing'),
    }),
  })
}

const NO_SURROUNDINGS: LogSurroundings = { hostname: '-', environment: {} }

function gatewayListeners(
  options: ProxyInstanceOptions,
  base: ContextBase,
  connections: ConnectionSet,
): GatewayListeners {
  const { node } = options
  return createGatewayListeners({
    network: options.network,
    address: options.address,
    namespace: node.namespace,
    proxyProtocol: options.proxyProtocol ?? false,
    ticketKeys: createTicketKeys({
      secret: options.ticketKey ?? randomBytes(TICKET_KEY_BYTES),
      now: base.thread.clock.now,
    }),
    runtime: () => base.runtime,
    parts: {
      runtime: base.runtime,
      thread: base.thread,
      work: base.work,
      connections,
      metrics: base.metrics,
      own: base.own,
      log: { write: (record) => base.telemetry.of('gateway').log(record) },
    },
    context: (place, handle) => httpContext(base, { role: 'gateway', ...place, handle }),
    targetPort: (port) => targetPort(base.own(), port),
    serves: (listener) =>
      selectsProxy(listener, node.namespace, node.labels) &&
      (options.isGatewayReady?.(listener.gateway) ?? true),
    logger: options.logger,
    onChange: options.onStateChange,
  })
}

function sidecarListeners(
  options: ProxyInstanceOptions,
  base: ContextBase,
  parts: { readonly upstream: UpstreamSettings; readonly connections: ConnectionSet },
): SidecarListeners {
  return createSidecarListeners({
    address: options.address,
    ports: options.ports ?? { outbound: 15_001, inbound: 15_006 },
    namespace: options.node.namespace,
    inboundSource: options.inboundSource,
    runtime: base.runtime,
    proxy: base.runtime.proxy,
    ...parts,
    metrics: base.metrics,
    log: { write: (record) => base.telemetry.of('outbound').log(record) },
    logInbound: { write: (record) => base.telemetry.of('inbound').log(record) },
    own: base.own,
    isOpen: () => options.isGatewayReady?.(OWN_WORKLOAD) ?? true,
    mutual: options.isInMesh === true ? mutualParts(options, base) : undefined,
    context: (role, port, handle, original) => httpContext(base, { role, port, handle, original }),
    logger: options.logger,
  })
}

function mutualParts(
  { node, ticketKey, logger }: ProxyInstanceOptions,
  { runtime, thread }: ContextBase,
): NonNullable<SidecarParts['mutual']> {
  const tls = createInboundTls({
    material: runtime.identity.material,
    isTrustDomain(trustDomain) {
      const mesh = runtime.store.mesh()
      return trustDomain === mesh?.trustDomain || mesh?.trustDomainAliases?.includes(trustDomain) === true
    },
    ticketKeys: createTicketKeys({
      secret: ticketKey ?? randomBytes(TICKET_KEY_BYTES),
      now: thread.clock.now,
    }),
    proxy: node.id,
    logger,
  })
  return { tls, decide: (port) => runtime.peerModes.decide(node, port) }
}

/** The port on the pod behind a port of the gateway's Service. */
function targetPort(own: Workload | undefined, port: number): number {
  for (const membership of Object.values(own?.services ?? {})) {
    const target = membership.ports[String(port)]
    if (target !== undefined) return target
  }
  return port
}

const TICKET_KEY_BYTES = 48

interface ContextBase {
  readonly runtime: Runtime
  readonly own: () => Workload | undefined
  readonly metrics: IstioMetrics
  readonly telemetry: LiveTelemetry
  readonly thread: ProxyThread
  readonly work: WorkCounter
  readonly isDraining: () => boolean
  readonly refusesRequests: (() => boolean) | undefined
  readonly recorders: Map<ProxyRole, Recorder>
  readonly rules: RulesTable
}

function httpContext(
  base: ContextBase,
  options: {
    readonly role: ProxyRole
    readonly port: number
    readonly scheme?: 'http' | 'https'
    readonly handle: (exchange: Exchange) => void
    readonly original?: { readonly address: string; readonly port: number } | undefined
  },
): HttpContext {
  const { role, port, handle, original } = options
  const workload = base.own()
  const rules = base.rules.of(role, port)
  return {
    thread: base.thread,
    role,
    scheme: options.scheme ?? 'http',
    port,
    serverLine: rules.serverLine,
    rules,
    handle: unlessOverloaded(base, handle),
    telemetry: base.telemetry.of(role),
    record: recorderOf(base, role).record,
    isDraining: base.isDraining,
    work: base.work,
    ...(role === 'outbound' && workload !== undefined && { source: workload }),
    ...(original !== undefined && { original }),
  }
}

/** With a guard of the memory, requests are refused at once when it says so. */
function unlessOverloaded(
  { refusesRequests }: ContextBase,
  handle: (exchange: Exchange) => void,
): (exchange: Exchange) => void {
  if (refusesRequests === undefined) return handle
  return (exchange) => {
    if (refusesRequests()) sendLocalReply(exchange, REPLIES.overload)
    else handle(exchange)
  }
}

/** One recorder per role, as it keeps the series that it has found. */
function recorderOf(base: ContextBase, role: ProxyRole): Recorder {
  const { recorders } = base
  let recorder = recorders.get(role)
  if (recorder === undefined) {
    const finder =
      role === 'inbound'
        ? destinationFinder({
            own: base.own,
            workloadAt: base.runtime.store.workloadAt,
            service: (exchange) => inboundService(base.runtime, exchange.context.port),
          })
        : sourceFinder({ own: base.own, service: (name) => serviceOfCluster(base.runtime, name) })
    recorder = createRecorder({ metrics: base.metrics, finder, side: base.telemetry.of(role) })
    recorders.set(role, recorder)
  }
  return recorder
}

function inboundService(runtime: Runtime, port: number): DestinationService | undefined {
  const workload = runtime.own()
  const at = workload && runtime.store.serviceOfWorkload(workload, port)
  return at && describeService(at.service.hostname, at.service.namespace)
}

/** `outbound|80|v1|backend.demo.svc.cluster.local`; names without a service are their own. */
function serviceOfCluster(runtime: Runtime, clusterName: string): DestinationService | undefined {
  if (!clusterName.startsWith('outbound|')) {
    return clusterName === '-'
      ? undefined
      : { hostname: clusterName, name: clusterName, namespace: 'unknown' }
  }
  const hostname = clusterName.slice(clusterName.lastIndexOf('|') + 1)
  const service = runtime.store.serviceNamed(hostname, '')
  return describeService(hostname, service?.namespace ?? 'unknown')
}

function describeService(hostname: string, namespace: string): DestinationService {
  const dot = hostname.indexOf('.')
  return {
    hostname,
    name: dot < 0 || !hostname.includes('.svc.') ? hostname : hostname.slice(0, dot),
    namespace,
  }
}
