import type { SharedTokens } from '../filters/rate-limit/shared-tokens.ts'
import type { BlockPool, HeadBlock } from '../http1/head-block.ts'
import type { BodyKind, Framing } from '../http1/framing.ts'
import type { Slabs } from './slabs.ts'
import type { OutBuffer } from '../http1/out-buffer.ts'
import type { RequestTarget } from '../http1/request-target.ts'
import type { HttpRules, ProxyRole } from './rules.ts'
import type { TimerWheel, WheelTimer } from '../net/timer-wheel.ts'
import type { Http2Thread } from '../http2/types.ts'
import type { SharedLoads } from '../upstream/shared-load.ts'
import type { Clock, Random } from '../../base/index.ts'
import type { PeerIdentityFacts, RequestAuth } from '../../policy/index.ts'
import type { TlsFacts, TraceIds } from '../../telemetry/index.ts'
import type { MessageCounts } from './messages.ts'

/**
 * What all connections of one thread share. Everything in it is used within one turn of the event loop, so one of
 * each is enough, however many connections and instances there are.
 */
export interface ProxyThread {
  readonly clock: Clock
  readonly random: Random
  readonly wheel: TimerWheel
  readonly out: OutBuffer
  /** Every socket reads into it; what must be kept is copied. */
  readonly readBuffer: Buffer
  readonly blocks: BlockPool
  /** For bodies that are kept. */
  readonly slabs: Slabs
  /** For a response head, which is done with when the callback that read it returns. */
  readonly responseBlock: HeadBlock
  readonly framing: Framing
  readonly target: RequestTarget
  readonly http2: Http2Thread
  /** Lines about the client of the last request. */
  readonly edgeLines: EdgeLines
  /** What rate limits leave, where other threads of the process serve the same proxies. */
  readonly tokens: SharedTokens | undefined
  /** What clusters with limits have under way, where other threads of the process serve the same proxies. */
  readonly loads: SharedLoads | undefined
  /** A UUID for a request that has no id yet. */
  readonly requestId: () => string
  /** The time in a `date` field, made once a second. */
  readonly httpDate: () => string
}

export interface EdgeLines {
  address: string
  forwardedFor: string
  external: string
}

/** Where the response to one request goes: an HTTP/1.1 connection, or one stream of an HTTP/2 connection. */
export interface DownstreamStream {
  readonly protocol: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** @param head undefined when there are only `lines` */
  readonly sendHead: (response: ResponseHead) => void
  readonly sendInformational: (status: number, head: HeadBlock) => void
  readonly sendData: (bytes: Buffer, start: number, end: number) => void
  readonly sendEnd: (trailers: string) => void
  /** Writes what was put together. @returns false when the client is slow: stop until `events.drained` */
  readonly flush: () => boolean
  /** After the head of a 101, or of an answer to CONNECT: bytes pass unframed in both directions. */
  readonly becomeTunnel: () => void
  /** Sends the end of the tunnel's direction towards the client. */
  readonly endTunnel: () => void
  readonly pauseRequest: () => void
  readonly resumeRequest: () => void
  /** The exchange is over and its response complete. */
  readonly done: () => void
  /** Breaks off: the client must not take what it has for a whole response. */
  readonly reset: () => void
}

export interface ResponseHead {
  status: number
  /** Fields to forward; undefined for the proxy's own replies. */
  block: HeadBlock | undefined
  /** Further lines, each ending in CR LF; they go between the block's fields and its added lines. */
  lines: string
  kind: BodyKind
  length: number
  /** The request's part is not complete, or trust in the connection is gone. */
  close: boolean
}

/** What a downstream codec reports. */
export interface DownstreamEvents {
  /** A request head is complete and well formed. */
  readonly request: (exchange: Exchange) => void
  readonly data: (exchange: Exchange, bytes: Buffer, start: number, end: number) => void
  readonly end: (exchange: Exchange, trailers: string) => void
  /** The bytes at hand have been reported. */
  readonly flush: (exchange: Exchange) => void
  /** The client takes bytes again. */
  readonly drained: (exchange: Exchange) => void
  /** The client has gone, or sent something malformed after the head. */
  readonly gone: (exchange: Exchange, reason: 'closed' | 'malformed') => void
  /** A head that is refused. */
  readonly refused: (refusal: RefusedHead) => void
}

export interface RefusedHead {
  readonly context: HttpContext
  readonly stream: DownstreamStream
  readonly head: HeadBlock
  readonly status: number
  readonly details: string
}

/** The upstream side of one attempt. */
export interface UpstreamStream {
  readonly localAddress: () => string
  /** Whether an earlier request was answered on this connection. */
  readonly reused: () => boolean
  readonly sendHead: (exchange: Exchange) => void
  readonly sendData: (bytes: Buffer, start: number, end: number) => void
  readonly sendEnd: (trailers: string) => void
  readonly flush: () => boolean
  readonly pauseResponse: () => void
  readonly resumeResponse: () => void
  /** Sends the end of a tunnel's direction. */
  readonly endTunnel: () => void
  /** Gives the attempt up; nothing is reported for it any more. */
  readonly cancel: () => void
}

export type UpstreamFailure =
  /** More requests than may be are under way or wait. */
  | { readonly kind: 'overflow' }
  /** No connection came about. */
  | { readonly kind: 'connect'; readonly detail: string; readonly timeout: boolean }
  /** The connection ended before the response head. */
  | {
      readonly kind: 'reset'
      readonly detail: string
      readonly reused: boolean
      readonly answered: boolean
      /** The connection ended; or the peer broke this one request off, or says that it has not looked at it. */
      readonly by: 'connection' | 'peer' | 'refusal'
    }
  /** What came is not HTTP. */
  | { readonly kind: 'protocol'; readonly detail: string }

/** What an upstream codec reports. */
export interface UpstreamEvents {
  readonly ready: (exchange: Exchange) => void
  /** @returns false when the response is not wanted: its body is to be thrown away */
  readonly head: (exchange: Exchange, block: HeadBlock, framing: Framing) => boolean
  readonly informational: (exchange: Exchange, block: HeadBlock) => void
  readonly data: (exchange: Exchange, bytes: Buffer, start: number, end: number) => void
  readonly flush: (exchange: Exchange) => void
  readonly end: (exchange: Exchange, trailers: string) => void
  readonly drained: (exchange: Exchange) => void
  readonly failed: (exchange: Exchange, failure: UpstreamFailure) => void
}

/** What holds for all requests of one listener (or filter chain). */
export interface HttpContext {
  readonly thread: ProxyThread
  readonly role: ProxyRole
  readonly scheme: 'http' | 'https'
  /** The port that the client dialled. */
  readonly port: number
  /** `server: …` with its line end, or empty. */
  readonly serverLine: string
  readonly rules: HttpRules
  /** Decides what becomes of a request; ends in a reply or an attempt. */
  readonly handle: (exchange: Exchange) => void
  /** Who else is told of its requests. */
  readonly telemetry: RequestTelemetry
  /** Called once when all is over. */
  readonly record: (exchange: Exchange) => void
  /** New requests are refused politely: `connection: close` on every response. */
  readonly isDraining: () => boolean
  /** Bytes and events of this instance, for attributing the CPU time of a shared process. */
  readonly work: WorkCounter
  /** What the client named in its TLS handshake. */
  readonly serverName?: string
  /** Whom the client has proven to be. */
  readonly peer?: PeerIdentityFacts
  /** What the client has shown, for `x-forwarded-client-cert`. */
  readonly clientCertificate?: string
  /** For logs. */
  readonly downstreamTls?: () => TlsFacts | undefined
  /** In a sidecar, the proxy's own workload. */
  readonly source?: RouteSource | undefined
  /** The original destination of a captured connection, `address:port`. */
  readonly original?: { readonly address: string; readonly port: number }
}

/** Its members change with the configuration: what is absent costs a request one look. */
export interface RequestTelemetry {
  /** Response fields that logs ask for. */
  responseFields: readonly string[]
  tracer: RequestTracer | undefined
  /** Present while somebody taps. */
  tap: RequestTap | undefined
}

/** Follows requests that are part of a trace, or may become one. */
export interface RequestTracer {
  /** After the proxy's own changes of fields: decides, and says to the upstream what trace this is. */
  readonly begin: (exchange: Exchange) => void
  /** An attempt's request is about to be sent. */
  readonly attemptBegins: (exchange: Exchange) => void
  readonly attemptEnds: (exchange: Exchange) => void
  /** The exchange is over. */
  readonly end: (exchange: Exchange) => void
}

/** A request's part in a trace. */
export interface RequestTrace extends TraceIds {
  readonly isSampled: boolean
  /** The one that began it: the configuration may have another by now. */
  readonly tracer: RequestTracer
}

export interface RequestTap {
  /** Before any change of the request's fields. */
  readonly begin: (exchange: Exchange) => void
}

/** An exchange that somebody looks at. */
export interface TappedExchange {
  readonly requestData: (bytes: Buffer, start: number, end: number) => void
  /** @param block undefined when the proxy answers itself; then `lines` have all fields */
  readonly responseHead: (status: number, block: HeadBlock | undefined, lines: string) => void
  readonly responseData: (bytes: Buffer, start: number, end: number) => void
  readonly over: (exchange: Exchange) => void
}

/** The calling workload as routes see it. */
export interface RouteSource {
  readonly labels: Readonly<Record<string, string>>
  readonly namespace: string
}

export interface WorkCounter {
  events: number
}

/**
 * One request and its response, and what was decided about them. Created per request; its fields are filled as it
 * passes through the stages, and read by telemetry when it is over.
 */
export interface Exchange {
  readonly context: HttpContext
  /** Of the codec; a filter that changes the whole response puts its own before it. */
  stream: DownstreamStream
  readonly head: HeadBlock
  readonly protocol: string
  readonly method: string
  readonly scheme: string
  readonly requestedServerName: string
  /** The port that the client dialled. */
  readonly port: number
  /** A request field by its name in lower case; several lines joined by commas. */
  readonly header: (name: string) => string | undefined
  readonly source?: RouteSource | undefined
  /** Of the client, as proxies that are believed have seen it. */
  readonly clientAddress: () => string
  readonly startedAt: number
  /** Wall clock, milliseconds. */
  readonly startTime: number
  readonly hasBody: boolean
  /** −1: none was announced. */
  bodyLength: number
  /** `websocket` (of HTTP/1.1, or of an extended CONNECT), `connect`, or empty. */
  readonly upgrade: string
  authority: string
  path: string
  /** What the client asked for, when `path` or `authority` was rewritten. */
  originalPath: string | undefined
  originalAuthority: string | undefined
  /** `path` is not what stands in the head's first line any more. */
  targetChanged: boolean
  requestId: string
  /** What its token says, once that is verified. */
  auth: RequestAuth | undefined
  /** Whether it has a token has been looked at. */
  isAuthenticated: boolean
  /** Of the client, as a proxy before this one that is believed has seen it. */
  trustedAddress: string | undefined

  /** The whole request has arrived. */
  requestDone: boolean
  requestTrailers: string
  /** Request body kept for a first connection or another try; undefined when there is none to keep. */
  kept: KeptBody | undefined
  responseStarted: boolean
  /** The client was told to send the body that it waits with. */
  continued: boolean
  tunnel: boolean
  tunnelEnds: number
  finished: boolean

  /** Copies of the request on their way elsewhere. */
  mirrors: Exchange[] | undefined
  /** A filter made the request wait; it goes on from there. */
  resume: (() => void) | undefined
  /** A filter waits for the body: more of it is kept, or it is complete. */
  onBody: (() => void) | undefined
  /** What filters add to every answer, the proxy's own too: lines, each ending in CR LF. */
  responseLines: string
  /** Of a filter that changes the request's body. */
  bodyDecoder: BodyDecoder | undefined
  /** Of a filter that changes the upstream's answer to this request. */
  responseFilter: ResponseFilter | undefined
  /** What the request says itself of its time and tries. */
  terms: RequestTerms | undefined
  plan: ForwardPlan | undefined
  upstream: UpstreamStream | undefined
  upstreamReady: boolean
  attempt: number
  /** Attempts on a fresh connection after a kept one turned out to be closed; they do not count as retries. */
  replays: number
  /** The request is being read: what goes upstream is put together until the read is used up. */
  dispatching: boolean
  /** The try timer measures the wait before the next try. */
  waiting: boolean
  /** The try under way is a retry that counts against the target's bound on them. */
  retrying: boolean
  /** When the whole request had come; 0: it has not. */
  requestEndedAt: number
  /** When the last attempt's request was sent; 0: none was. */
  sentAt: number
  /** When the upstream's answer began; 0: there is none. */
  answeredAt: number
  tried: string[] | undefined
  timer: WheelTimer | undefined
  tryTimer: WheelTimer | undefined
  /** Watches a request that may not stand still for ever. */
  idle: StreamIdle | undefined
  /** While the request is bounded in time. */
  requestTimer: WheelTimer | undefined
  /** When the route's time is over; 0 while it has not begun. */
  deadlineAt: number

  status: number
  flags: number
  details: string
  terminationDetails: string
  transportFailure: string
  routeName: string
  /** What it is counted in beside the proxy's own; absent: nothing. */
  statistics: RouteStatistics | undefined
  clusterName: string
  upstreamHost: string
  upstreamLocal: string
  upstreamServiceTime: number
  /** Of the bodies. */
  bytesReceived: number
  bytesSent: number
  responseHeadBytes: number
  durationMs: number
  responseFields: ResponseFields | undefined
  responseTrailers: string
  /** How a call of gRPC ended, as a number in text; empty: it is none, or did not. */
  grpcStatus: string
  /** Present for calls of gRPC. */
  messages: MessageCounts | undefined
  trace: RequestTrace | undefined
  tap: TappedExchange | undefined
  /** The cluster and endpoint that served it, for telemetry. */
  target: ForwardTarget | undefined
  host: ForwardHost | undefined
}

/** @see stream-idle.ts */
export interface StreamIdle {
  readonly timer: WheelTimer
  mark: number
  since: number
}

/** Response fields that an access-log format asks for, by name. */
export type ResponseFields = Record<string, string | undefined>

export interface KeptBody {
  readonly chunks: Buffer[]
  /** The memory of some of them, to be given back. */
  readonly slabs: Buffer[]
  bytes: number
  /** More has arrived than is kept: it can be sent once, not again. */
  overflowed: boolean
}

/** What a route wants done with a request that is forwarded; made when the route is compiled. */
export interface ForwardPlan {
  readonly target: ForwardTarget
  readonly requestTimeoutMs: number
  readonly tryTimeoutMs: number
  readonly retry: RetryPlan
  readonly response: readonly ResponseFilter[]
  /** Lines that go out with every request of this plan. */
  readonly requestLines: string
  /** Those of them that say nothing of its time. */
  readonly baseLines: string
  readonly attemptCount: boolean
}

/** Takes what a filter wants changed in a request's body. */
export interface BodyDecoder {
  /** @returns what goes on, or undefined when it makes no sense; it may be the bytes themselves */
  readonly decode: (bytes: Buffer, start: number, end: number) => Buffer | undefined
  /** Nothing is missing where the body ends. */
  readonly isWhole: () => boolean
}

/** What a request asks for in the place of what its route says; milliseconds, 0 is no limit. */
export interface RequestTerms {
  readonly grpcTimeoutMs?: number
  readonly timeoutMs?: number
  readonly tryTimeoutMs?: number
  readonly retriesMax?: number
  readonly retryOn?: readonly string[]
  /** Names of response fields that make an answer worth another try. */
  readonly headers?: readonly string[]
}

export type ResponseFilter = (exchange: Exchange, block: HeadBlock) => void

export interface RetryPlan {
  readonly attempts: number
  readonly conditions: number
  readonly statuses: readonly number[]
  /** Names in lower case: an answer with one of them is no answer yet. */
  readonly headers?: readonly string[]
  readonly backoffMs: number
  /** Hosts that have failed the request are as good as others. */
  readonly sameHosts?: boolean
  /** After every second try the tiers of hosts tried so far are left alone. */
  readonly otherTiers?: boolean
}

/** A cluster as the request flow sees it. */
export interface ForwardTarget {
  readonly name: string
  /** @returns undefined when there is no healthy host */
  readonly pick: (exchange: Exchange) => ForwardHost | undefined
  /** Absent: retries are not bounded together. */
  readonly retries?: RetryPlaces
}

/** The retries of a target that may be under way at once (Envoy's circuit breaker of retries). */
export interface RetryPlaces {
  /** @returns false when all places are taken */
  readonly take: () => boolean
  readonly giveBack: () => void
  /** A request would have been tried again, but its route allows no more tries. */
  readonly limitReached: () => void
}

/** An endpoint with its connections. */
export interface ForwardHost {
  readonly address: string
  /**
   * Finds or makes a connection; `ready` or `failed` is reported for it, at once or later.
   * @param fresh no kept connection
   * @returns undefined when no more may be under way or wait
   */
  readonly open: (exchange: Exchange, fresh: boolean) => UpstreamStream | undefined
  /** How a request ended here: the status of its response, or `local` when none came about. */
  readonly report: (outcome: number | 'local') => void
}

/** What requests of one `statPrefix` have come to; all only grow. */
export interface RouteStatistics {
  readonly virtualHost: string
  readonly prefix: string
  /** Sent to an endpoint; a retry counts again. */
  sent: number
  retries: number
  timeouts: number
  /** Requests by the status of their answer; 0: none came about. */
  readonly byStatus: Map<number, number>
}
