import { OWN_WORKLOAD } from '../listener/sidecar-parts.ts'
import type { Clock, Logger, Random } from '../../base/index.ts'
import { messageOf } from '../../base/index.ts'
import type { GatewayName } from '../../model/index.ts'
import { createXdsClient, type XdsChange, type XdsChannels, type XdsClient } from '../../xds/client/index.ts'
import { gatewayRoutes } from '../../xds/types/index.ts'
import type { ResolvedName } from '../upstream/names.ts'
import { type Bootstrap, PROXY_FILES } from './bootstrap.ts'
import { createWorkloadCertificate } from './workload-certificate.ts'
import { createEntryNames } from './entry-names.ts'
import { createFileCredentials } from './file-credentials.ts'
import type { HandleCallbacks, ProxyHandle } from './proxy-handle.ts'

export interface HostedProxyOptions {
  readonly bootstrap: Bootstrap
  readonly createHandle: (callbacks: HandleCallbacks) => ProxyHandle
  readonly channels: XdsChannels
  readonly readFile: (path: string) => string | undefined
  readonly resolve: (host: string) => Promise<ResolvedName>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly onReady: (ready: boolean) => void
  readonly onQuit: () => void
  /** It has been told something. */
  readonly onConfiguration?: () => void
}

/** A proxy with what it lives on: its subscription, its readiness, its ports for people and machines. */
export interface HostedProxy {
  readonly handle: ProxyHandle
  /** @throws when a port that it needs cannot be bound */
  readonly start: () => Promise<void>
  /** Finishes requests under way within `graceMs`, then closes everything. */
  readonly stop: (graceMs: number) => Promise<void>
  readonly destroy: () => void
  readonly isReady: () => boolean
  /** The addresses of a name that only the mesh knows, for its application. */
  readonly addressesOf: (name: string) => readonly string[] | undefined
}

/** A gateway goes on accepting for this long after it was told to stop, until nobody is sent to it any more. */
const LAME_DUCK_MS = 1500
const DRAIN_POLL_MS = 20
/** What every proxy wants of all that it may see. */
const COMMON_TYPES = ['mesh', 'telemetry', 'peer-authentication', 'workload', 'service'] as const
/** And of what is for single ones. */
const PROXY_TYPES = ['rate-limit', 'http-bounds', 'request-authentication', 'authorization-policy'] as const
/** Of these, what refuses. */
const POLICY_TYPES = ['request-authentication', 'authorization-policy'] as const
/** What only sidecars follow. */
const SIDECAR_TYPES = ['sidecar'] as const
const ROUTE_TYPES = ['route', 'connection-route'] as const

export function createHostedProxy(options: HostedProxyOptions): HostedProxy {
  const { bootstrap, logger, clock } = options
  const names = createEntryNames(bootstrap.node)
  let ready = false
  let stopping = false
  let subscribed: readonly GatewayName[] = []
  let trustBundle = ''
  const isGateway = bootstrap.node.role === 'router'
  const handle = options.createHandle({
    onStateChange: update,
    onQuit: options.onQuit,
    status: () => ({ isReady: ready && !stopping, isConnected: xds.connected() }),
  })
  const xds: XdsClient = createXdsClient({
    address: bootstrap.discoveryAddress,
    resolve: async (host) => (await options.resolve(host)).addresses,
    rootCertificate: () => believedRoots(options.readFile(PROXY_FILES.rootCertificate), trustBundle),
    token: () => options.readFile(PROXY_FILES.token)?.trim(),
    plaintext: bootstrap.plaintext,
    node: bootstrap.node,
    accept(changes) {
      const named = files.follow(changes)
      if (named.length > 0) handle.accept(named)
      const rejections = handle.accept(changes)
      followRoots(changes)
      names.accept(changes)
      options.onConfiguration?.()
      // Not within the callback: what follows sends on the stream whose message is being taken.
      queueMicrotask(followGateways)
      return rejections
    },
    channels: options.channels,
    clock,
    random: options.random,
    logger: logger.scope('xds'),
  })
  const files = createFileCredentials({
    readFile: options.readFile,
    holder: bootstrap.node,
    accept: (changes) => void handle.accept(changes),
    clock,
    logger: logger.scope('certificate'),
  })
  /** Absent: what is not proven to the control plane is not proven to anyone. */
  const certificate = bootstrap.plaintext
    ? undefined
    : createWorkloadCertificate({
        ...options,
        roots: () => believedRoots(options.readFile(PROXY_FILES.rootCertificate), trustBundle),
        resolve: async (host) => (await options.resolve(host)).addresses,
        accept(change) {
          handle.accept([change])
          openReadyGateways()
          update()
        },
        logger: logger.scope('certificate'),
      })
  const forget = xds.onSynced(() => {
    openReadyGateways()
    update()
  })

  function followRoots(changes: readonly XdsChange[]): void {
    const before = trustBundle
    trustBundle = changes.reduce(trustBundleAfter, trustBundle)
    if (before !== trustBundle) certificate?.followRoots(trustBundle)
  }

  // A port that answers before its routes are here would say 404 where a moment later it would not.
  function openReadyGateways(): void {
    if (isGateway) handle.setReadyGateways(handle.gatewayNames().filter(hasRoutes))
    else if (hasPolicies()) handle.setReadyGateways([OWN_WORKLOAD])
  }

  /** Routes are asked for gateway by gateway, as listeners come and go. */
  function followGateways(): void {
    if (!isGateway || stopping) return
    const names = handle.gatewayNames()
    const added = names.filter((name) => !subscribed.includes(name))
    const removed = subscribed.filter((name) => !names.includes(name))
    subscribed = names
    for (const type of ROUTE_TYPES) {
      if (added.length > 0) xds.subscribe(type, added.map(gatewayRoutes))
      if (removed.length > 0) xds.unsubscribe(type, removed.map(gatewayRoutes))
    }
    update()
  }

  /** Nothing passes before it is known who may not. */
  function hasPolicies(): boolean {
    const isMeshHere = xds.synced('mesh', '*') && xds.synced('peer-authentication', '*')
    return isMeshHere && POLICY_TYPES.every((type) => xds.synced(type, 'proxy/*'))
  }

  function hasRoutes(gateway: GatewayName): boolean {
    return (
      hasPolicies() &&
      xds.synced('credential', 'proxy/*') &&
      ROUTE_TYPES.every((type) => xds.synced(type, gatewayRoutes(gateway)))
    )
  }

  function isSynced(): boolean {
    if (!COMMON_TYPES.every((type) => xds.synced(type, '*'))) return false
    if (!PROXY_TYPES.every((type) => xds.synced(type, 'proxy/*'))) return false
    if (!isGateway) {
      return (
        SIDECAR_TYPES.every((type) => xds.synced(type, 'proxy/*')) &&
        ROUTE_TYPES.every((type) => xds.synced(type, 'mesh/*'))
      )
    }
    return xds.synced('listener', 'proxy/*') && handle.gatewayNames().every(hasRoutes)
  }

  /** Once ready it stays so: what was received stays valid when the control plane goes away. */
  function update(): void {
    if (ready || stopping || !isSynced() || !handle.ports().isBound) return
    if (certificate?.isHere() === false) return
    ready = true
    handle.statusChanged()
    logger.info('proxy is ready', { listeners: isGateway ? handle.ports().ports.length : 2 })
    options.onReady(true)
  }

  return {
    handle,
    isReady: () => ready && !stopping,
    addressesOf: names.find,
    async start() {
      await handle.start()
      for (const type of COMMON_TYPES) xds.subscribe(type, ['*'])
      for (const type of PROXY_TYPES) xds.subscribe(type, ['proxy/*'])
      if (isGateway) {
        xds.subscribe('credential', ['proxy/*'])
        xds.subscribe('listener', ['proxy/*'])
      } else {
        for (const type of SIDECAR_TYPES) xds.subscribe(type, ['proxy/*'])
        for (const type of ROUTE_TYPES) xds.subscribe(type, ['mesh/*'])
      }
      xds.start()
      certificate?.start()
      logger.info('proxy started', { node: bootstrap.node.id, discovery: bootstrap.discoveryAddress })
    },
    async stop(graceMs) {
      stopping = true
      handle.statusChanged()
      const deadline = clock.monotonic() + graceMs
      handle.setDraining(true)
      if (isGateway) await clock.sleep(Math.min(LAME_DUCK_MS, graceMs / 2))
      handle.drain()
      while ((await handle.connections()) > 0 && clock.monotonic() < deadline)
        await clock.sleep(DRAIN_POLL_MS)
      const left = await handle.connections()
      if (left > 0) logger.warn(`${left} connections were still open after ${graceMs} ms and are cut off`)
      destroy()
    },
    destroy,
  }

  function destroy(): void {
    stopping = true
    forget()
    xds.stop()
    certificate?.stop()
    files.stop()
    handle.close()
    logger.info('proxy stopped')
  }
}

export function describeStartProblem(error: unknown): string {
  return `the proxy could not start: ${messageOf(error)}`
}

/**
 * What the control plane's certificate may end in: what the pod was given, and what the control plane has said since. Files
 * follow a new root late, and the control plane shows a certificate under it before that.
 */
function believedRoots(file: string | undefined, bundle: string): string | undefined {
  if (file === undefined || bundle === '' || file.includes(bundle)) return file
  return `${file}\n${bundle}`
}

function trustBundleAfter(bundle: string, change: XdsChange): string {
  if (change.type !== 'mesh' || change.kind !== 'set') return bundle
  const { trustBundle } = change.object as { readonly trustBundle?: unknown }
  return typeof trustBundle === 'string' ? trustBundle : bundle
}
