import type { Clock, Logger } from '../../base/index.ts'
import type { GatewayName } from '../../model/index.ts'
import { type AppProbes, createAppProbes } from '../admin/app-probes.ts'
import { AGENT_PORT, createAdminServers } from '../admin/servers.ts'
import type { AdminAnswer, AdminRequest, Gather } from '../admin/types.ts'
import type { Interner } from '../config/interner.ts'
import type { ProxyThread } from '../exchange/types.ts'
import { createProxyInstance, type ProxyInstance } from '../instance.ts'
import type { Network } from '../net/network.ts'
import type { ResolvedName } from '../upstream/names.ts'
import type { HandleCallbacks, PortsState, ProxyHandle, ProxySpec } from './proxy-handle.ts'

export interface ServedProxyOptions extends HandleCallbacks {
  readonly spec: ProxySpec
  readonly thread: ProxyThread
  readonly network: Network
  /** Of the admin ports, whose connections do not count. */
  readonly adminNetwork: Network
  /** What the overload guard has decided; absent: there is none. */
  readonly overload?: () => number
  /** Connections of this thread, whatever proxy they are of: absent where nobody counts them. */
  readonly intake?: { readonly worker: number; readonly open: () => number; readonly refused: () => number }
  readonly interner: Interner
  readonly resolve: (host: string) => Promise<ResolvedName>
  readonly writeLog: (line: string) => void
  readonly clock: Clock
  readonly logger: Logger
  /** Adds what others have to say to an admin page. */
  readonly gather?: Gather
}

export interface ServedProxy extends ProxyHandle {
  readonly instance: ProxyInstance
  readonly answer: (path: string, request: AdminRequest) => AdminAnswer
}

export function createServedProxy(options: ServedProxyOptions): ServedProxy {
  const { spec } = options
  let readyGateways: ReadonlySet<GatewayName> = new Set()
  const instance = createProxyInstance({
    node: spec.bootstrap.node,
    thread: options.thread,
    network: options.network,
    interner: options.interner,
    logger: options.logger,
    writeLog: options.writeLog,
    resolve: options.resolve,
    address: spec.address,
    http: spec.bootstrap.http,
    proxyProtocol: spec.bootstrap.proxyProtocol ?? false,
    isInMesh: !spec.bootstrap.plaintext,
    ...(spec.inboundSource !== undefined && { inboundSource: spec.inboundSource }),
    ticketKey: Buffer.from(spec.ticketKey),
    surroundings: {
      hostname: spec.bootstrap.node.podName,
      environment: spec.bootstrap.environment ?? {},
    },
    ...(spec.waitsForRoutes && { isGatewayReady: (gateway) => readyGateways.has(gateway) }),
    ...(options.overload !== undefined && { overload: options.overload }),
    onStateChange: options.onStateChange,
  })
  if (options.intake !== undefined) registerIntake(instance, options.intake)
  const admin = createAdminServers({
    network: options.adminNetwork,
    instance,
    bootstrap: spec.bootstrap,
    ports: spec.admin,
    restartEpoch: spec.restartEpoch,
    concurrency: spec.concurrency,
    isReady: () => options.status().isReady,
    isConnected: () => options.status().isConnected,
    clock: options.clock,
    logger: options.logger,
    onQuit: options.onQuit,
    ...appProbesOf(options, instance),
    ...(options.gather !== undefined && { gather: options.gather }),
  })

  return {
    instance,
    answer: admin.answer,
    accept: instance.accept,
    gatewayNames: instance.gatewayNames,
    setReadyGateways(names) {
      readyGateways = new Set(names)
      instance.gateway?.sync()
    },
    async start() {
      await admin.open()
      await instance.start()
    },
    ports: () => portsOf(instance),
    statusChanged: () => {},
    setDraining: instance.setDraining,
    stopAccepting: instance.stopAccepting,
    drain: instance.drain,
    closeIdle: instance.connections.drain,
    close() {
      instance.close()
      admin.close()
    },
    connections: async () => instance.connections.size(),
    events: async () => instance.work.events,
    statistics: async () => instance.registry.text(),
  }
}

function appProbesOf(
  { spec, network, thread, clock, logger }: ServedProxyOptions,
  instance: ProxyInstance,
): { readonly appProbes?: AppProbes } {
  const { appProbers: probers = {}, node } = spec.bootstrap
  const address = node.ips.find((ip) => !ip.includes(':')) ?? node.ips[0]
  if (node.role !== 'sidecar' || address === undefined) return {}
  return {
    appProbes: createAppProbes({
      probers,
      agentPort: AGENT_PORT,
      address,
      localAddress: address.includes(':') ? undefined : spec.inboundSource,
      network,
      thread,
      work: instance.work,
      clock,
      logger: logger.scope('probes'),
    }),
  }
}

/** Envoy's `listener.<address>.worker_<n>.downstream_cx_active`, and what the bound on all connections has refused. */
function registerIntake(
  { registry }: ProxyInstance,
  { worker, open, refused }: NonNullable<ServedProxyOptions['intake']>,
): void {
  const active = registry.gauge('envoy_listener_worker_downstream_cx_active', 'Connections of a worker.')
  const overflow = registry.counter(
    'envoy_listener_downstream_global_cx_overflow',
    'Connections of clients that were refused: too many were open, or memory was short.',
  )
  registry.onCollect(() => {
    active.series([['worker', `worker_${worker}`]]).value = open()
    overflow.series([]).value = refused()
  })
}

function portsOf(instance: ProxyInstance): PortsState {
  return {
    isBound: instance.isBound(),
    ports: (instance.gateway?.list() ?? []).map(({ port }) => port).toSorted((a, b) => a - b),
    problems: [...(instance.gateway?.problems() ?? [])],
  }
}
