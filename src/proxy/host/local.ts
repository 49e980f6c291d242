import { readFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import type { Clock, Logger, Random } from '../../base/index.ts'
import {
  canonicalJson,
  contentVersion,
  type CredentialReference,
  type Listener,
  MODEL_TYPES,
  type ModelObject,
  type ModelType,
  type PolicyScope,
} from '../../model/index.ts'
import type { XdsChange } from '../../xds/client/index.ts'
import { HTTP_SETTINGS, type HttpSettings } from '../exchange/rules.ts'
import { createFileCredentials } from './file-credentials.ts'
import type { ProxyHandle } from './proxy-handle.ts'
import { createProxyProcess } from './proxy-process.ts'
import { createSpareMemory } from './spare-memory.ts'
import { createSuccession, type Succession } from './succession.ts'
import type { Predecessor } from './take-over.ts'

export interface LocalProxyOptions {
  readonly name: string
  readonly version: string
  /** Where listeners bind. */
  readonly address: string
  /** On 127.0.0.1; undefined: none. */
  readonly adminPort: number | undefined
  /** Worker threads; 1: connections are served in this thread. */
  readonly concurrency: number
  readonly connectionsMax: number
  /** Bytes of resident memory beyond which it takes less upon itself; undefined: no guard. */
  readonly memoryMax: number | undefined
  readonly clusterDomain: string
  /** Whether connections begin with a PROXY header. */
  readonly proxyProtocol?: boolean
  /** Proxies before this one whose `x-forwarded-for` is believed. */
  readonly trustedProxies?: number
  /** What requests are bounded by. */
  readonly http?: RequestBounds
  /** The process whose place this one takes. */
  readonly predecessor: Predecessor | undefined
  readonly writeLog: (line: string) => void
  /** Variables of the process, for logs and spans that name them. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Where one is absent it is as usual. */
export type RequestBounds = Partial<
  Pick<HttpSettings, 'requestHead' | 'responseHead' | 'headTimeoutMs' | 'streamIdleTimeoutMs'>
>

/** What becomes of the model in one step. */
export interface ModelChanges {
  readonly set: readonly ModelObject[]
  readonly removed: readonly { readonly type: ModelType; readonly key: string }[]
}

/** A proxy without a control plane: it serves every gateway that it is told of, on this machine's own addresses. */
export interface LocalProxy {
  /** @throws when the admin port cannot be bound */
  readonly start: () => Promise<void>
  /** Takes effect as a whole between two requests. @returns what was not taken; its last good version stays */
  readonly apply: (changes: ModelChanges) => readonly { readonly key: string; readonly reason: string }[]
  /** The ports that listen, and those that could not be bound with the reason. */
  readonly listeners: () => {
    readonly ports: readonly number[]
    readonly problems: ReadonlyMap<number | string, string>
  }
  /** Resolves when every port that is asked for is bound or has failed. */
  readonly bound: () => Promise<void>
  /** Begins to accept connections, in the predecessor's place if there is one. */
  readonly serve: () => Promise<void>
  /** Lets a successor call on this path. @returns resolves when it serves and this process has nothing left to do */
  readonly awaitSuccessor: (path: string, drainMs: number, pid: number) => Promise<Succession>
  /** Accepts no more, finishes what is under way within `graceMs`. */
  readonly stop: (graceMs: number) => Promise<void>
}

const POLL_MS = 5
const TICKET_KEY_BYTES = 48
/** So long every response says that its connection ends, before those are closed that nobody uses. */
const IDLE_NOTICE_MS = 500

export function createLocalProxy(options: LocalProxyOptions): LocalProxy {
  const { clock, predecessor } = options
  const ticketKey = ticketKeyOf(predecessor) ?? randomBytes(TICKET_KEY_BYTES)
  const restartEpoch = predecessor === undefined ? 0 : predecessor.epoch + 1
  const running = createProxyProcess({ ...options, predecessor })
  const spare = createSpareMemory(clock, options.logger)
  let stopping = false
  const inherited = () => predecessor?.inherited(options.name) ?? []
  const handle = running.host.create({
    spec: {
      id: options.name,
      bootstrap: bootstrapOf(options),
      address: options.address,
      ticketKey,
      admin: options.adminPort ?? 'none',
      waitsForRoutes: false,
      restartEpoch,
      concurrency: options.concurrency,
    },
    placement: { nameservers: [] },
    logger: options.logger,
    writeLog: options.writeLog,
    inherited,
    onStateChange: () => {},
    onQuit: () => {},
    status: () => ({ isReady: handle.ports().isBound && !stopping, isConnected: true }),
  })
  const files = createFileCredentials({
    readFile: readIfExists,
    holder: { namespace: 'default', serviceAccount: 'default' },
    accept: (changes) => void handle.accept(changes),
    clock,
    logger: options.logger.scope('certificate'),
  })

  return {
    start: handle.start,
    apply(changes) {
      spare.expect()
      const told = toXdsChanges(changes)
      const named = files.follow(told)
      if (named.length > 0) handle.accept(named)
      return handle.accept(told).map(({ key, reason }) => ({ key, reason }))
    },
    listeners() {
      const { ports, problems } = handle.ports()
      return { ports, problems: new Map(problems) }
    },
    async bound() {
      while (!handle.ports().isBound && !stopping) await clock.sleep(POLL_MS)
      handle.statusChanged()
    },
    serve: running.serve,
    async awaitSuccessor(path, drainMs, pid) {
      const succession = createSuccession({
        path,
        epoch: restartEpoch,
        pid,
        sockets: running.sockets,
        proxies: () => [{ id: options.name, handle, inherited: inherited() }],
        state: () => ({ ticketKey: ticketKey.toString('base64') }),
        drainMs,
        predecessor,
        onBegin: () => {},
        onAbort: () => {},
        onTaken: () => {},
        onLost: () => {},
        clock,
        logger: options.logger,
      })
      await succession.listen()
      return succession
    },
    async stop(graceMs) {
      stopping = true
      spare.close()
      files.stop()
      handle.statusChanged()
      await drainHandle(handle, clock, graceMs)
      handle.close()
      await running.close()
      predecessor?.end()
    },
  }
}

/** Accepts no more; connections in use hear of the end in a response before the idle ones are closed. */
async function drainHandle(handle: ProxyHandle, clock: Clock, graceMs: number): Promise<void> {
  const deadline = clock.monotonic() + graceMs
  const idleFrom = clock.monotonic() + Math.min(IDLE_NOTICE_MS, graceMs / 2)
  handle.setDraining(true)
  handle.stopAccepting()
  let toldIdle = false
  while ((await handle.connections()) > 0 && clock.monotonic() < deadline) {
    if (!toldIdle && clock.monotonic() > idleFrom) {
      toldIdle = true
      handle.closeIdle()
    }
    await clock.sleep(POLL_MS)
  }
}

function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // who needs it says that it is not there
  }
}

function ticketKeyOf(predecessor: Predecessor | undefined): Buffer | undefined {
  const { ticketKey } = (predecessor?.state ?? {}) as { readonly ticketKey?: string }
  return ticketKey === undefined ? undefined : Buffer.from(ticketKey, 'base64')
}

function bootstrapOf(options: LocalProxyOptions) {
  const { name, version, clusterDomain, proxyProtocol = false, trustedProxies = 0 } = options
  return {
    node: {
      id: `router~127.0.0.1~${name}.default~default.svc.${clusterDomain}`,
      role: 'router' as const,
      namespace: 'default',
      podName: name,
      serviceAccount: 'default',
      labels: {},
      // None by which it could be known: an endpoint on this machine is somebody else.
      ips: [],
      cluster: 'standalone',
      version,
    },
    discoveryAddress: 'files',
    plaintext: true,
    clusterDomain,
    logLevel: 'info',
    drainMs: 0,
    http: { ...HTTP_SETTINGS, ...options.http, trustedProxies },
    proxyProtocol,
    ...(options.environment && { environment: options.environment }),
  }
}

/** The proxy is at home in every namespace: Secrets that a Gateway names are those beside it. */
function ownListener(listener: Listener): Listener {
  const { tls, origin } = listener
  const placed = (reference: CredentialReference) => ({ namespace: origin.namespace, ...reference })
  const own = { ...listener, selector: { labels: {} } }
  if (tls?.kind !== 'terminate') return own
  const { clients } = tls
  return {
    ...own,
    tls: {
      ...tls,
      certificates: tls.certificates.map(placed),
      clients: 'trust' in clients ? { ...clients, trust: clients.trust.map(placed) } : clients,
    },
  }
}

/** Every gateway, limit and bound is for this proxy, and so is every policy that is not for some workload. */
function owned(object: ModelObject): ModelObject {
  if (object.type === 'listener') return ownListener(object)
  if (object.type === 'request-authentication' || object.type === 'authorization-policy')
    return { ...object, scope: ownScope(object.scope) }
  return object.type === 'rate-limit' || object.type === 'http-bounds'
    ? { ...object, selector: { labels: {} } }
    : object
}

/** Labels by which policies select gateways; those for workloads are for proxies that are not here. */
const GATEWAY_LABELS: ReadonlySet<string> = new Set([
  'istio',
  'gateway.networking.k8s.io/gateway-name',
  'gateway.networking.k8s.io/gateway-class-name',
])

function ownScope(scope: PolicyScope): PolicyScope {
  return Object.keys(scope.labels).every((name) => GATEWAY_LABELS.has(name)) ? { labels: {} } : scope
}

/** In the order of a push: what others need first, removals the other way. */
function toXdsChanges(changes: ModelChanges): readonly XdsChange[] {
  const order = (type: ModelType) => MODEL_TYPES.indexOf(type)
  const set = changes.set
    .toSorted((a, b) => order(a.type) - order(b.type))
    .map((object): XdsChange => {
      const own = owned(object)
      const version = contentVersion(canonicalJson(own))
      return { kind: 'set', type: own.type, key: own.key, version, object: own }
    })
  const removed = changes.removed
    .toSorted((a, b) => order(b.type) - order(a.type))
    .map(({ type, key }): XdsChange => ({ kind: 'remove', type, key }))
  return [...set, ...removed]
}
