import { type Clock, createGraph, type Graph, type Logger, type Random } from '../../base/index.ts'
import type { KubeClient } from '../../kube/client/index.ts'
import { createXdsServer, type XdsServer } from '../../xds/server/index.ts'
import {
  type CertificateAuthority,
  type CertificateLifetimes,
  createCertificateAuthority,
  DEFAULT_LIFETIMES,
} from '../identity/index.ts'
import { createMetrics, type Metrics, observePushes, openGrpcServers } from '../push/index.ts'
import {
  createSources,
  createTranslation,
  type MeshSettings,
  type Sources,
  type Translation,
} from '../translate/index.ts'
import { type Certificates, createCertificates, withTrustBundle } from './certificates.ts'
import { runControllers } from './controllers.ts'
import { debugHandler } from './debug.ts'
import { type HttpEndpoint, type HttpHandler, openHttp, plain } from './http.ts'
import { injectionHandler } from './injector.ts'
import { runLeaderElection } from './leader.ts'
import { observeProcess, observeRegistry } from './metrics.ts'
import { type LiveProxySettings, liveProxySettings } from './proxy-settings.ts'
import { watchSources } from './watch.ts'

/** Istio's ports; 0 picks a free one. */
export interface IstiodPorts {
  readonly xds: number
  readonly secureXds: number
  readonly monitoring: number
  readonly webhooks: number
  readonly http: number
}

export const ISTIOD_PORTS: IstiodPorts = {
  xds: 15010,
  secureXds: 15012,
  monitoring: 15014,
  webhooks: 15017,
  http: 8080,
}

export interface IstiodOptions {
  readonly client: KubeClient
  readonly ports: IstiodPorts
  /** Where it listens: `::` for all addresses. */
  readonly address: string
  readonly settings: MeshSettings
  /** Absent: Istio's defaults. */
  readonly lifetimes?: CertificateLifetimes
  /** `default` for an unnamed one. */
  readonly revision: string
  readonly podName: string
  readonly version: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Called once when everything listens, with the ports that were taken. */
  readonly started?: (ports: IstiodPorts) => void
}

interface Core {
  readonly graph: Graph
  readonly sources: Sources
  readonly translation: Translation
  readonly authority: CertificateAuthority
  readonly proxySettings: LiveProxySettings
  readonly metrics: Metrics
  readonly xds: XdsServer
}

/** The control plane: runs until the signal, then ends in order. @throws Error when it cannot start */
export async function runIstiod(options: IstiodOptions): Promise<void> {
  const { client, clock, random, logger, revision } = options
  const readiness = { ready: false }
  // The first thing to listen, so that a probe gets an answer, even if it is "not yet".
  let debug: HttpHandler = () => undefined
  const http = await openHttp({
    address: options.address,
    port: options.ports.http,
    handler: (request) => (request.path === '/ready' ? readyAnswer(readiness.ready) : debug(request)),
    logger,
  })
  const graph = createGraph()
  const sources = createSources(graph)
  const watched = watchSources({
    graph,
    sources,
    client,
    clock,
    random,
    logger: logger.scope('kube'),
  })
  const { settings, lifetimes = DEFAULT_LIFETIMES } = options
  const authority = createAuthority(options, lifetimes)
  try {
    const core = await createCore(options, graph, sources, authority, watched.synced)
    const certificates = await createCertificates({
      ...options,
      ...core,
      lifetimes,
      mesh: core.translation.model.mesh,
    })
    const { authenticate } = certificates
    const { rootNamespace } = settings
    debug = debugHandler({ ...core, ...options, proxies: core.xds.proxies, authenticate, rootNamespace })
    const endpoints = await openEndpoints(options, core, certificates, debug)
    readiness.ready = true
    logger.info('istiod is ready', { version: options.version, pod: options.podName, revision })
    options.started?.({ ...endpoints.ports, http: http.port })
    try {
      await leadWhenElected(options, core)
    } finally {
      readiness.ready = false
      await endpoints.close()
    }
  } finally {
    watched.stop()
    await authority.stop()
    http.close()
  }
}

function createAuthority(options: IstiodOptions, lifetimes: CertificateLifetimes): CertificateAuthority {
  const { client, settings, clock, random, logger } = options
  return createCertificateAuthority({
    client,
    namespace: settings.rootNamespace,
    trustDomain: settings.trustDomain,
    lifetimes,
    clock,
    random,
    logger: logger.scope('ca'),
  })
}

function leadWhenElected(options: IstiodOptions, core: Core): Promise<void> {
  const { client, settings, clock, random, logger, signal, revision } = options
  return runLeaderElection({
    client,
    namespace: settings.rootNamespace,
    name: revision === 'default' ? 'istio-leader' : `istio-leader-${revision}`,
    identity: options.podName,
    clock,
    random,
    logger: logger.scope('leader'),
    signal,
    lead: (term) => runControllers({ ...options, ...core }, term),
  })
}

async function createCore(
  options: IstiodOptions,
  graph: Graph,
  sources: Sources,
  authority: CertificateAuthority,
  synced: Promise<void>,
): Promise<Core> {
  const { settings, clock, logger, signal } = options
  await untilAborted(Promise.all([authority.ready, synced]), signal)
  // The sources are full now, so everything is worked out once.
  const translation = createTranslation(graph, sources, settings)
  const metrics = createMetrics()
  const proxySettings = liveProxySettings({ sources, settings, revision: options.revision, logger })
  const { model } = translation
  const xds: XdsServer = createXdsServer({
    collections: {
      mesh: withTrustBundle(graph, model.mesh, authority),
      workload: model.workloads,
      service: model.services,
      credential: model.credentials,
      listener: model.listeners,
      route: model.routes,
      'connection-route': model.connectionRoutes,
      'rate-limit': model.rateLimits,
      'http-bounds': model.httpBounds,
      telemetry: model.telemetry,
      'peer-authentication': model.peerAuthentications,
      sidecar: model.sidecars,
      'request-authentication': model.requestAuthentications,
      'authorization-policy': model.authorizationPolicies,
    },
    controlPlane: JSON.stringify({
      Component: 'istiod',
      ID: options.podName,
      Info: { version: options.version },
    }),
    observer: observePushes(metrics, () => xds.proxies()),
    clock,
    logger: logger.scope('ads'),
  })
  observeRegistry(metrics, sources, translation)
  observeProcess(metrics, { version: options.version, clock })
  return { graph, sources, translation, authority, proxySettings, metrics, xds }
}

async function openEndpoints(
  options: IstiodOptions,
  core: Core,
  certificates: Certificates,
  debug: HttpHandler,
) {
  const { logger, ports, address } = options
  const { authority, metrics } = core
  const { serving, authenticate } = certificates
  const grpc = await openGrpcServers({
    xds: core.xds,
    address: address.includes(':') ? `[${address}]` : address,
    plainPort: ports.xds,
    securePort: ports.secureXds,
    certificate: serving,
    roots: { current: () => authority.trustBundle().join(''), onChange: authority.onChange },
    authenticate,
    issueCertificate: certificates.issue,
  })
  const inject = injectionHandler({
    settings: core.proxySettings.current,
    metrics,
    logger: logger.scope('inject'),
  })
  const [webhooks, monitoring]: [HttpEndpoint, HttpEndpoint] = await Promise.all([
    openHttp({ address, port: ports.webhooks, certificate: serving, handler: inject, logger }),
    openHttp({ address, port: ports.monitoring, handler: debug, logger }),
  ])
  return {
    ports: {
      xds: grpc.plainPort,
      secureXds: grpc.securePort,
      webhooks: webhooks.port,
      monitoring: monitoring.port,
    },
    async close() {
      await serving.stop()
      grpc.close()
      webhooks.close()
      monitoring.close()
    },
  }
}

function readyAnswer(ready: boolean) {
  return ready ? plain('') : plain('the control plane is starting\n', 503)
}

/** What waits for the API server must not outlive the wish to stop. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void =>
      reject(signal.reason instanceof Error ? signal.reason : new Error('istiod was stopped'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
