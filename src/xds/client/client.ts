import { type Client, type ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { assert, createBackoff, messageOf, randomIndex } from '../../base/index.ts'
import type { ModelType } from '../../model/index.ts'
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../proto/index.ts'
import { DELTA_ADS_PATH, parseStateVersion, typeOfUrl } from '../types/index.ts'
import { createXdsChannels, type XdsEndpoint } from './channels.ts'
import type { XdsClient, XdsClientOptions, XdsRejection } from './contract.ts'
import { answerRequest, changesOf, decodeResponse, encodeRequest, subscriptionRequest } from './messages.ts'
import { createSubscriptions, type Subscriptions } from './subscriptions.ts'

type Call = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>

/** How long name resolution, TCP and TLS may take together. */
const CONNECT_TIMEOUT_MS = 5000
const RECONNECT_BASE_MS = 100
/** A control plane that starts again is found within this time, by its proxies spread over half of it. */
const RECONNECT_MAX_MS = 2000

export function createXdsClient(options: XdsClientOptions): XdsClient {
  const { clock, random, logger } = options
  const channels = options.channels ?? createXdsChannels()
  const subscriptions = createSubscriptions()
  const backoff = createBackoff({ baseMs: RECONNECT_BASE_MS, maxMs: RECONNECT_MAX_MS, random })
  const listeners = new Set<() => void>()
  let connection: Connection | undefined
  let cancelWait: (() => void) | undefined
  let failures = 0
  let state: 'idle' | 'started' | 'stopped' = 'idle'

  const connect = (): void => {
    connection = openConnection({
      options,
      channel: channels.connect,
      abandon: channels.abandon,
      subscriptions,
      answered: (response, type) => {
        backoff.reset()
        failures = 0
        if (isNewlySynced(subscriptions, type, response)) for (const listener of listeners) listener()
      },
      closed: (reason) => {
        connection = undefined
        if (state !== 'started') return
        const waitMs = backoff.nextMs()
        failures += 1
        // One line tells that the control plane is away; the tries that follow are only of interest to a debugger.
        logger[failures === 1 ? 'warn' : 'debug']('control plane not connected', {
          address: options.address,
          reason,
          retryMs: Math.round(waitMs),
        })
        cancelWait = clock.after(waitMs, connect)
      },
    })
  }

  return {
    start() {
      assert(state === 'idle', 'an xDS client starts once')
      state = 'started'
      connect()
    },
    stop() {
      state = 'stopped'
      cancelWait?.()
      connection?.close()
    },
    subscribe(type, names) {
      const fresh = subscriptions.add(type, names)
      if (fresh.length > 0) connection?.request(type, fresh, [])
    },
    unsubscribe(type, names) {
      const gone = subscriptions.remove(type, names)
      if (gone.length > 0) connection?.request(type, [], gone)
    },
    connected: () => connection?.established() ?? false,
    synced: subscriptions.isSynced,
    onSynced(callback) {
      listeners.add(callback)
      return () => listeners.delete(callback)
    },
  }
}

/** One connection and the one stream on it. */
interface Connection {
  readonly established: () => boolean
  readonly request: (type: ModelType, subscribe: readonly string[], unsubscribe: readonly string[]) => void
  readonly close: () => void
}

interface ConnectionOptions {
  readonly options: XdsClientOptions
  readonly channel: (endpoint: XdsEndpoint) => Client
  readonly abandon: (client: Client) => void
  readonly subscriptions: Subscriptions
  readonly answered: (response: DeltaDiscoveryResponse, type: ModelType) => void
  /** Called once, unless `close` was called before. */
  readonly closed: (reason: string) => void
}

function openConnection(own: ConnectionOptions): Connection {
  const { options, subscriptions } = own
  let client: Client | undefined
  let call: Call | undefined
  let over = false

  const end = (reason: string | undefined): void => {
    if (over) return
    over = true
    cancelDeadline()
    call?.cancel()
    client?.close()
    if (reason !== undefined) own.closed(reason)
  }
  const cancelDeadline = options.clock.after(CONNECT_TIMEOUT_MS, () => {
    if (client) own.abandon(client)
    end(`no connection within ${CONNECT_TIMEOUT_MS} ms`)
  })

  const send = (message: DeltaDiscoveryRequest): void => {
    call?.write(message)
  }

  const receive = (response: DeltaDiscoveryResponse): void => {
    const type = typeOfUrl(response.typeUrl)
    if (type === undefined || over) return
    const rejections = take(options, subscriptions.versions(type), type, response)
    subscriptions.sent(type, [])
    send(answerRequest(type, response.nonce, rejections))
    own.answered(response, type)
  }

  const openStream = (connected: Client): void => {
    cancelDeadline()
    const path = DELTA_ADS_PATH
    call = connected.makeBidiStreamRequest(
      path,
      encodeRequest,
      decodeResponse,
      metadataWith(options.token?.()),
    )
    call.on('data', receive)
    call.on('error', (error) => end(messageOf(error)))
    call.on('end', () => end('the control plane ended the stream'))
    subscriptions.streamOpened()
    let node: XdsClientOptions['node'] | undefined = options.node
    for (const type of subscriptions.types()) {
      const names = subscriptions.names(type)
      const versions = subscriptions.versions(type)
      subscriptions.sent(type, names)
      send(subscriptionRequest({ type, node, subscribe: names, unsubscribe: [], versions }))
      node = undefined
    }
    nodeSent = node === undefined
  }
  let nodeSent = false

  resolveEndpoint(options)
    .then((endpoint) => {
      if (over) return
      const connecting = own.channel(endpoint)
      client = connecting
      connecting.waitForReady(Infinity, (error) => {
        if (over) return
        if (error) end(messageOf(error))
        else openStream(connecting)
      })
    })
    .catch((error: unknown) => end(messageOf(error)))

  return {
    established: () => call !== undefined && !over,
    request(type, subscribe, unsubscribe) {
      if (!call || over) return
      subscriptions.sent(type, subscribe)
      const node = nodeSent ? undefined : options.node
      nodeSent = true
      send(subscriptionRequest({ type, node, subscribe, unsubscribe, versions: new Map() }))
    },
    close: () => end(undefined),
  }
}

/** Hands a response over, and remembers the versions of what was accepted. */
function take(
  options: XdsClientOptions,
  versions: Map<string, string>,
  type: ModelType,
  response: DeltaDiscoveryResponse,
): readonly XdsRejection[] {
  const decoded = changesOf(type, response, versions)
  let rejections: readonly XdsRejection[]
  try {
    rejections = [
      ...decoded.rejections,
      ...(decoded.changes.length > 0 ? options.accept(decoded.changes) : []),
    ]
  } catch (error) {
    const reason = `internal error: ${messageOf(error)}`
    options.logger.error('taking a response failed', { type, error: messageOf(error) })
    rejections = response.resources.map(({ name }) => ({ type, key: name, reason }))
  }
  const rejected = new Set(rejections.map((rejection) => rejection.key))
  for (const change of decoded.changes) {
    if (change.kind === 'remove') versions.delete(change.key)
    else if (!rejected.has(change.key)) versions.set(change.key, change.version)
  }
  return rejections
}

function isNewlySynced(
  subscriptions: Subscriptions,
  type: ModelType,
  response: DeltaDiscoveryResponse,
): boolean {
  // A server of another make does not count requests; its first answer has to do.
  const state = parseStateVersion(response.systemVersionInfo) ?? { requests: Infinity, more: false }
  return !state.more && subscriptions.answered(type, state.requests)
}

/** One of the control plane's addresses, and what a connection to it needs. */
export async function resolveEndpoint(
  options: Pick<XdsClientOptions, 'address' | 'resolve' | 'random' | 'plaintext' | 'rootCertificate'>,
): Promise<XdsEndpoint> {
  const colon = options.address.lastIndexOf(':')
  const serverName = options.address.slice(0, colon)
  const port = Number(options.address.slice(colon + 1))
  const addresses = await options.resolve(serverName)
  const address = addresses[randomIndex(options.random, addresses.length)]
  if (address === undefined) throw new Error(`${serverName} has no address`)
  if (options.plaintext) return { address, port, serverName }
  const rootCertificate = options.rootCertificate?.()
  if (rootCertificate === undefined) throw new Error('the root certificate is not there yet')
  return { address, port, serverName, rootCertificate }
}

function metadataWith(token: string | undefined): Metadata {
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
  return metadata
}
