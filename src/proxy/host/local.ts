import type { Clock, Logger, Random } from '../../base/index.ts'
import {
  canonicalJson,
  contentVersion,
  type CredentialReference,
  type Listener,
  MODEL_TYPES,
  type ModelObject,
  type ModelType,
} from '../../model/index.ts'
import type { XdsChange } from '../../xds/client/index.ts'
import { type AdminServers, startAdminServers } from '../admin/servers.ts'
import { createInterner } from '../config/interner.ts'
import { createProxyThread } from '../exchange/thread.ts'
import { createProxyInstance } from '../instance.ts'
import { createPlainNetwork } from '../net/network.ts'
import { createNameLookup } from './names.ts'

export interface LocalProxyOptions {
  readonly name: string
  readonly version: string
  /** Where listeners bind. */
  readonly address: string
  /** On 127.0.0.1; undefined: none. */
  readonly adminPort: number | undefined
  readonly clusterDomain: string
  /** Whether connections begin with a PROXY header. */
  readonly proxyProtocol?: boolean
  readonly writeLog: (line: string) => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

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
  /** Accepts no more, finishes what is under way within `graceMs`. */
  readonly stop: (graceMs: number) => Promise<void>
}

const POLL_MS = 5

export function createLocalProxy(options: LocalProxyOptions): LocalProxy {
  const { clock, logger } = options
  let admin: AdminServers | undefined
  let stopping = false
  const node = {
    id: `router~127.0.0.1~${options.name}.default~default.svc.${options.clusterDomain}`,
    role: 'router' as const,
    namespace: 'default',
    podName: options.name,
    serviceAccount: 'default',
    labels: {},
    ips: ['127.0.0.1'],
    cluster: 'standalone',
    version: options.version,
  }
  const network = createPlainNetwork({})
  const instance = createProxyInstance({
    node,
    thread: createProxyThread({ clock, random: options.random }),
    network,
    interner: createInterner(),
    logger,
    writeLog: options.writeLog,
    address: options.address,
    resolve: createNameLookup({ nameservers: [], clusterDomain: options.clusterDomain }),
    onStateChange: () => {},
    proxyProtocol: options.proxyProtocol ?? false,
  })

  return {
    async start() {
      if (options.adminPort === undefined) return
      admin = await startAdminServers({
        network,
        instance,
        bootstrap: {
          node,
          discoveryAddress: 'files',
          plaintext: true,
          clusterDomain: options.clusterDomain,
          logLevel: 'info',
          drainMs: 0,
        },
        only: options.adminPort,
        isReady: () => instance.isBound() && !stopping,
        isConnected: () => true,
        clock,
        logger,
        onQuit: () => {},
      })
    },
    apply: (changes) => instance.accept(toXdsChanges(changes)).map(({ key, reason }) => ({ key, reason })),
    listeners: () => ({
      ports: (instance.gateway?.list() ?? []).map(({ port }) => port).toSorted((a, b) => a - b),
      problems: instance.gateway?.problems() ?? new Map(),
    }),
    async bound() {
      while (!instance.isBound() && !stopping) await clock.sleep(POLL_MS)
    },
    async stop(graceMs) {
      stopping = true
      const deadline = clock.monotonic() + graceMs
      instance.drain()
      while (instance.connections.size() > 0 && clock.monotonic() < deadline) await clock.sleep(POLL_MS)
      instance.close()
      admin?.close()
    },
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

/** Every gateway, and every limit, is for this proxy. */
function owned(object: ModelObject): ModelObject {
  if (object.type === 'listener') return ownListener(object)
  return object.type === 'rate-limit' ? { ...object, selector: { labels: {} } } : object
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
