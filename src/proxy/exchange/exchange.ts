import { clientAddressOf } from './connection-facts.ts'
import { fieldValue, type HeadBlock } from '../http1/head-block.ts'
import type { DownstreamStream, Exchange, HttpContext } from './types.ts'

/** All fields in one literal, so that every exchange has the same shape for the compiler. */
export function createExchange(options: {
  readonly context: HttpContext
  readonly stream: DownstreamStream
  readonly head: HeadBlock
  readonly method: string
  readonly authority: string
  readonly path: string
  readonly hasBody: boolean
  readonly bodyLength: number
  readonly upgrade: string
  readonly protocol: string
}): Exchange {
  const { context } = options
  const { clock } = context.thread
  const startedAt = clock.monotonic()
  return {
    context,
    stream: options.stream,
    head: options.head,
    protocol: options.protocol,
    method: options.method,
    scheme: context.scheme,
    requestedServerName: context.serverName ?? '-',
    port: context.port,
    header: headerOf,
    source: context.source,
    clientAddress: clientAddressOf,
    startedAt,
    startTime: clock.now(),
    hasBody: options.hasBody,
    bodyLength: options.bodyLength,
    upgrade: options.upgrade,
    authority: options.authority,
    path: options.path,
    originalPath: undefined,
    originalAuthority: undefined,
    targetChanged: false,
    requestId: '',
    auth: undefined,
    isAuthenticated: false,
    trustedAddress: undefined,
    requestDone: !options.hasBody,
    requestTrailers: '',
    kept: undefined,
    responseStarted: false,
    continued: false,
    tunnel: false,
    tunnelEnds: 0,
    finished: false,
    mirrors: undefined,
    resume: undefined,
    onBody: undefined,
    responseLines: '',
    bodyDecoder: undefined,
    responseFilter: undefined,
    terms: undefined,
    plan: undefined,
    upstream: undefined,
    upstreamReady: false,
    attempt: 0,
    replays: 0,
    dispatching: true,
    waiting: false,
    retrying: false,
    requestEndedAt: options.hasBody ? 0 : startedAt,
    sentAt: 0,
    answeredAt: 0,
    tried: undefined,
    timer: undefined,
    tryTimer: undefined,
    idle: undefined,
    requestTimer: undefined,
    deadlineAt: 0,
    status: 0,
    flags: 0,
    details: '-',
    terminationDetails: '-',
    transportFailure: '-',
    routeName: '-',
    statistics: undefined,
    clusterName: '-',
    upstreamHost: '-',
    upstreamLocal: '-',
    upstreamServiceTime: -1,
    bytesReceived: 0,
    bytesSent: 0,
    responseHeadBytes: 0,
    durationMs: 0,
    responseFields: undefined,
    responseTrailers: '',
    grpcStatus: '',
    messages: undefined,
    trace: undefined,
    tap: undefined,
    target: undefined,
    host: undefined,
  }
}

/** One function for all exchanges: the request is `this`, so that none is made per request. */
function headerOf(this: Exchange, name: string): string | undefined {
  return fieldValue(this.head, name) ?? addedValue(this.head.added, name)
}

/** What the proxy itself has added, such as x-forwarded-for at the edge: routes and the access log see it, as in Envoy. */
function addedValue(lines: HeadBlock['added'], name: string): string | undefined {
  for (const line of lines) {
    if (typeof line !== 'string') continue
    if (line.charCodeAt(name.length) === COLON && line.startsWith(name))
      return line.slice(name.length + 2, -2)
  }
  return undefined
}

const COLON = 0x3a
