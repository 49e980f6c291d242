import { type Server, type ServerDuplexStream, status as Code } from '@grpc/grpc-js'
import { type Logger, messageOf } from '../../base/index.ts'
import type { DeltaDiscoveryRequest } from '../../proto/index.ts'
import { credentialsOf } from '../ca/index.ts'
import { DELTA_ADS_PATH } from '../types/index.ts'
import type {
  Authenticate,
  PeerIdentity,
  ProxyStatus,
  XdsLimits,
  XdsObserver,
  XdsServerOptions,
} from './contract.ts'
import { decodeRequest, nodeOf, streamRequestOf } from './request.ts'
import { createStreamHub, type Stream, type StreamHub } from './stream-hub.ts'

export interface XdsServer {
  /** Serves delta ADS on a gRPC server; with `authenticate`, only to callers whose node is their own identity. */
  readonly serveOn: (server: Server, authenticate?: Authenticate) => void
  readonly proxies: () => readonly ProxyStatus[]
  /** Ends all streams (clients come again) and stops listening to the collections. */
  readonly close: () => void
}

const DEFAULT_XDS_LIMITS: XdsLimits = {
  streamsMax: 10_000,
  subscriptionsMax: 10_000,
  responseBytesMax: 4 * 1024 * 1024,
}

type Call = ServerDuplexStream<DeltaDiscoveryRequest, Buffer>

interface Context {
  readonly hub: StreamHub
  readonly limits: XdsLimits
  readonly observer: XdsObserver
  readonly logger: Logger
  /** Streams whose credentials are being looked at. */
  admitting: number
  closed: boolean
}

interface Problem {
  readonly code: Code
  readonly details: string
}

const METHOD = {
  deltaAggregatedResources: {
    path: DELTA_ADS_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: (): Buffer => Buffer.alloc(0),
    requestDeserialize: decodeRequest,
    responseSerialize: (bytes: Buffer): Buffer => bytes,
    responseDeserialize: (bytes: Buffer): Buffer => bytes,
  },
} as const

const SHUTTING_DOWN: Problem = { code: Code.UNAVAILABLE, details: 'the control plane is shutting down' }

export function createXdsServer(options: XdsServerOptions): XdsServer {
  const { collections, controlPlane, observer, clock, logger } = options
  const limits = { ...DEFAULT_XDS_LIMITS, ...options.limits }
  const { responseBytesMax } = limits
  const hub = createStreamHub({ collections, controlPlane, responseBytesMax, observer, clock })
  const context: Context = { hub, limits, observer, logger, admitting: 0, closed: false }
  return {
    serveOn(server, authenticate) {
      server.addService(METHOD, {
        deltaAggregatedResources: (call: Call) => {
          admit(context, call, authenticate).catch((error: unknown) => {
            logger.error('admitting a stream failed', { error: messageOf(error) })
            endWith(call, { code: Code.INTERNAL, details: 'internal error' })
          })
        },
      })
    },
    proxies: hub.proxies,
    close() {
      context.closed = true
      hub.close()
    },
  }
}

/** What the proxy sends meanwhile waits in the call: nothing flows before `data` is listened to. */
async function admit(context: Context, call: Call, authenticate: Authenticate | undefined): Promise<void> {
  const { limits, logger } = context
  if (context.closed) return endWith(call, SHUTTING_DOWN)
  if (context.hub.size() + context.admitting >= limits.streamsMax) {
    const details = `this replica serves ${limits.streamsMax} proxies already`
    return endWith(call, { code: Code.RESOURCE_EXHAUSTED, details })
  }
  if (!authenticate) return handle(context, call, undefined)
  context.admitting += 1
  const answer = await authenticate(credentialsOf(call)).finally(() => {
    context.admitting -= 1
  })
  if (answer.kind === 'ok') return handle(context, call, answer.identity)
  logger.warn('stream not admitted', { peer: call.getPeer(), reason: answer.reason })
  const code = answer.kind === 'refused' ? Code.UNAUTHENTICATED : Code.UNAVAILABLE
  endWith(call, { code, details: answer.reason })
}

function handle(context: Context, call: Call, identity: PeerIdentity | undefined): void {
  let stream: Stream | undefined
  const close = (): void => stream?.close()
  call.on('data', (message: DeltaDiscoveryRequest) => {
    const problem = context.closed ? SHUTTING_DOWN : problemWith(message, stream, identity, context.limits)
    if (problem) {
      context.logger.warn('stream ended', { peer: call.getPeer(), reason: problem.details })
      close()
      endWith(call, problem)
      return
    }
    stream ??= open(context, call, message, identity)
    if (stream) receive(context, stream, message)
  })
  call.on('drain', () => stream?.drained())
  call.on('end', () => {
    close()
    call.end()
  })
  call.on('cancelled', close)
  call.on('error', close)
}

function open(
  context: Context,
  call: Call,
  message: DeltaDiscoveryRequest,
  identity: PeerIdentity | undefined,
): Stream | undefined {
  const node = nodeOf(message)
  if (!node) return undefined
  context.logger.info('proxy connected', { node: node.id, version: node.version })
  const write = (bytes: Buffer) => call.write(bytes)
  return context.hub.open({ node, identity }, write, () => endWith(call, SHUTTING_DOWN))
}

function receive(context: Context, stream: Stream, message: DeltaDiscoveryRequest): void {
  const { logger, observer } = context
  const { node } = stream.state
  const request = streamRequestOf(message)
  if (!request) {
    logger.warn('a proxy asks for a type that is not served here', { node: node.id, type: message.typeUrl })
    return
  }
  const { type } = request
  const answer = stream.state.request(request)
  if (answer.kind === 'answered') {
    observer.acknowledged?.({ node, type, sinceChangeMs: answer.sinceChangeMs })
    for (const rejection of answer.rejections) {
      const { key, reason } = rejection
      logger.warn('a proxy rejected a resource', { node: node.id, type, key, reason })
      observer.rejected?.({ ...rejection, node, type })
    }
  }
  stream.due()
}

function problemWith(
  message: DeltaDiscoveryRequest,
  stream: Stream | undefined,
  identity: PeerIdentity | undefined,
  limits: XdsLimits,
): Problem | undefined {
  return stream ? tooMany(stream, message, limits) : refusal(message, identity)
}

/** Why the first message of a stream is not accepted: a proxy speaks for itself only. */
function refusal(message: DeltaDiscoveryRequest, identity: PeerIdentity | undefined): Problem | undefined {
  const node = nodeOf(message)
  if (!node) {
    const details = 'the first request must name its node as <role>~<ip>~<pod>.<namespace>~<domain>'
    return { code: Code.INVALID_ARGUMENT, details }
  }
  if (!identity) return undefined
  if (node.namespace === identity.namespace && node.serviceAccount === identity.serviceAccount)
    return undefined
  const claimed = `${node.namespace}/${node.serviceAccount}`
  const proven = `${identity.namespace}/${identity.serviceAccount}`
  return { code: Code.PERMISSION_DENIED, details: `the node claims ${claimed}, its token says ${proven}` }
}

function tooMany(stream: Stream, message: DeltaDiscoveryRequest, limits: XdsLimits): Problem | undefined {
  const present = stream.state.subscriptions(message.typeUrl)
  if (present + message.resourceNamesSubscribe.length <= limits.subscriptionsMax) return undefined
  const details = `more than ${limits.subscriptionsMax} subscriptions of one type; subscribe to a group instead`
  return { code: Code.RESOURCE_EXHAUSTED, details }
}

function endWith(call: Call, problem: Problem): void {
  call.emit('error', Object.assign(new Error(problem.details), problem))
}
