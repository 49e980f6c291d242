import type { Random } from '../../base/index.ts'
import type { Workload } from '../../model/index.ts'
import {
  type FinishedSpan,
  type LogSurroundings,
  readTraceContext,
  type SpanAttribute,
  TRACE_FIELDS,
  type TraceContext,
  type TraceForm,
  traceLines,
  type TraceReason,
  traceReasonOf,
  type TracingSettings,
  withTraceReason,
} from '../../telemetry/index.ts'
import type { ProxyRole } from '../exchange/rules.ts'
import type { Exchange, RequestTrace, RequestTracer } from '../exchange/types.ts'
import { dropField, dropKnown } from '../http1/head-block.ts'
import { FIELD, hashName } from '../http1/known-fields.ts'
import type { TraceIdSource } from './ids.ts'
import { compileTags, isFailure, istioTags, outcomeTags, requestTags } from './tags.ts'

/** One attempt of a gateway, which is a client of its own for each. */
interface Attempt {
  readonly spanId: string
  readonly startedAt: number
  endedAt: number
  readonly host: string
  readonly number: number
}

interface Trace extends RequestTrace {
  readonly parentId: string
  readonly traceState: string
  readonly form: TraceForm
  readonly attempts: Attempt[]
}

export interface TracerOptions {
  readonly role: ProxyRole
  readonly settings: TracingSettings
  readonly random: Random
  readonly ids: TraceIdSource
  readonly surroundings: LogSurroundings
  readonly own: () => Workload | undefined
  readonly meshId: () => string
  /** What the requests of a role without a route's own name are for: `host:port/*`. */
  readonly operation: (exchange: Exchange) => string | undefined
  /** Envoy's `node_id`. */
  readonly nodeId: string
  /** undefined: spans are not reported. */
  readonly report: ((span: FinishedSpan) => void) | undefined
}

const DROPPED = TRACE_FIELDS.map((name) => ({ name, hash: hashName(name) }))

/**
 * Takes part in traces as Envoy's OpenTelemetry tracer does under Istio: a caller's decision is kept, and where there is
 * none it is made by chance and written into the request's id.
 */
export function createTracer(options: TracerOptions): RequestTracer {
  const { settings, random, ids } = options
  const writeTags = compileTags(settings.tags, options.surroundings)
  const hasAttemptSpans = options.role === 'gateway'

  /** Whether a request without a caller's decision is traced; the request's id says so from here on. */
  function decide(exchange: Exchange): boolean {
    const given = settings.usesRequestId ? traceReasonOf(exchange.requestId) : 'none'
    if (given !== 'none') return true
    const reason = reasonFor(exchange)
    if (reason === 'none') return false
    const packed = settings.usesRequestId ? withTraceReason(exchange.requestId, reason) : exchange.requestId
    if (packed !== exchange.requestId) setRequestId(exchange, packed)
    return true
  }

  /** What only proxies may ask for was taken from the request at the edge. */
  function reasonFor(exchange: Exchange): TraceReason {
    if (exchange.header('x-client-trace-id') !== undefined) return 'client-forced'
    if (exchange.header('x-envoy-force-trace') !== undefined) return 'service-forced'
    return random.next() * 100 < settings.samplingPercent ? 'sampled' : 'none'
  }

  const tracer: RequestTracer = {
    begin(exchange) {
      const caller = readTraceContext((name) => exchange.header(name))
      const decided = decide(exchange)
      const trace: Trace = {
        traceId: caller?.traceId ?? ids.traceId(),
        spanId: ids.spanId(),
        parentId: caller?.spanId ?? '',
        isSampled: caller?.isSampled ?? decided,
        traceState: caller?.traceState ?? '',
        form: caller?.form ?? 'w3c',
        tracer,
        attempts: [],
      }
      exchange.trace = trace
      if (settings.propagates) propagate(exchange, trace, caller)
    },
    attemptBegins(exchange) {
      const trace = exchange.trace as Trace
      if (!hasAttemptSpans || !trace.isSampled) return
      tracer.attemptEnds(exchange)
      const attempt: Attempt = {
        spanId: ids.spanId(),
        startedAt: exchange.sentAt,
        endedAt: 0,
        host: exchange.upstreamHost,
        number: exchange.attempt,
      }
      trace.attempts.push(attempt)
      if (!settings.propagates) return
      dropLines(exchange)
      exchange.head.added.push(...traceLines({ ...trace, spanId: attempt.spanId, parentId: trace.spanId }))
    },
    attemptEnds(exchange) {
      const last = (exchange.trace as Trace).attempts.at(-1)
      if (last !== undefined && last.endedAt === 0) last.endedAt = exchange.context.thread.clock.monotonic()
    },
    end(exchange) {
      const trace = exchange.trace as Trace
      if (options.report === undefined || !trace.isSampled) return
      options.report(requestSpan(exchange, trace))
      for (const attempt of trace.attempts) options.report(attemptSpan(exchange, trace, attempt))
    },
  }

  function requestSpan(exchange: Exchange, trace: Trace): FinishedSpan {
    const attributes: SpanAttribute[] = [
      ['node_id', options.nodeId],
      ['zone', options.own()?.locality?.zone ?? ''],
      ...requestTags(exchange, settings.provider.tagLengthMax),
      ...outcomeTags(exchange, { ...exchange, host: exchange.upstreamHost }),
    ]
    if (settings.hasIstioTags) attributes.push(...istioTags(options.own(), options.meshId()))
    writeTags(exchange, attributes)
    return {
      ...trace,
      name: operationOf(exchange, options),
      kind: options.role === 'outbound' ? 'client' : 'server',
      startMs: exchange.startTime,
      endMs: exchange.startTime + exchange.durationMs,
      attributes,
      isError: isFailure(exchange, exchange),
    }
  }

  /** An attempt that was followed by another has failed in a way that the last one's flags do not tell. */
  function attemptSpan(exchange: Exchange, trace: Trace, attempt: Attempt): FinishedSpan {
    const isLast = attempt === trace.attempts.at(-1)
    const outcome = { status: isLast ? exchange.status : 0, flags: isLast ? exchange.flags : 0 }
    const end = attempt.endedAt === 0 ? exchange.startedAt + exchange.durationMs : attempt.endedAt
    const attributes: SpanAttribute[] = [
      ['http.protocol', exchange.protocol],
      ['peer.address', attempt.host],
      ...outcomeTags(exchange, { ...outcome, host: attempt.host }),
    ]
    if (attempt.number > 1) attributes.push(['retry.count', String(attempt.number - 1)])
    writeTags(exchange, attributes)
    return {
      traceId: trace.traceId,
      spanId: attempt.spanId,
      parentId: trace.spanId,
      traceState: trace.traceState,
      name: `router ${exchange.clusterName} egress`,
      kind: 'client',
      startMs: exchange.startTime + (attempt.startedAt - exchange.startedAt),
      endMs: exchange.startTime + (end - exchange.startedAt),
      attributes,
      isError: isFailure(exchange, outcome),
    }
  }

  return tracer
}

function propagate(exchange: Exchange, trace: Trace, caller: TraceContext | undefined): void {
  // Malformed ones are there without meaning anything: they go as well.
  if (caller !== undefined || hasTraceField(exchange)) dropLines(exchange)
  exchange.head.added.push(...traceLines(trace))
}

function hasTraceField(exchange: Exchange): boolean {
  return TRACE_FIELDS.some((name) => exchange.header(name) !== undefined)
}

function dropLines(exchange: Exchange): void {
  for (const { name, hash } of DROPPED) dropField(exchange.head, name, hash)
}

function setRequestId(exchange: Exchange, id: string): void {
  dropKnown(exchange.head, FIELD['x-request-id'])
  dropField(exchange.head, 'x-request-id', REQUEST_ID_HASH)
  exchange.requestId = id
  exchange.head.added.push(`x-request-id: ${id}\r\n`)
}

const REQUEST_ID_HASH = hashName('x-request-id')

const DECORATION = /x-envoy-decorator-operation: (.*)\r\n/

/** The name that the route gives, as Istio's do; where no route was found, Envoy's for the direction. */
function operationOf(exchange: Exchange, options: TracerOptions): string {
  const named = DECORATION.exec(exchange.plan?.requestLines ?? '')?.[1] ?? options.operation(exchange)
  if (named !== undefined) return named
  return options.role === 'inbound' ? 'ingress' : `egress ${exchange.authority}`
}
