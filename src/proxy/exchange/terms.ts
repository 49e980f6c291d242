import { dropField, dropKnown, fieldValue, type HeadBlock, knownValue } from '../http1/head-block.ts'
import { FIELD, hashName } from '../http1/known-fields.ts'
import { isGrpc } from './grpc.ts'
import { parseRetryOn } from './retry.ts'
import type { Exchange, ForwardPlan, RequestTerms, RetryPlan } from './types.ts'

/** Fields by which an application asks its own proxy for other terms than the route's, as bits of known fields. */
export const TERM_FIELDS: number =
  (1 << FIELD['x-envoy-upstream-rq-timeout-ms']) |
  (1 << FIELD['x-envoy-upstream-rq-per-try-timeout-ms']) |
  (1 << FIELD['x-envoy-retry-on']) |
  (1 << FIELD['x-envoy-retry-grpc-on']) |
  (1 << FIELD['x-envoy-max-retries'])
export const GRPC_TIMEOUT: number = 1 << FIELD['grpc-timeout']

const NO_TERMS: RequestTerms = {}

/**
 * What the request says of its time and its tries. The deadline of a gRPC call is heard from everyone; the rest from
 * the application that the proxy belongs to (Envoy: internal requests).
 * @param seen the known fields that the request has
 */
export function readTerms(exchange: Exchange, seen: number): RequestTerms | undefined {
  const { head, context } = exchange
  const grpcTimeoutMs =
    (seen & GRPC_TIMEOUT) !== 0 && isGrpc(exchange)
      ? parseGrpcTimeout(knownValue(head, FIELD['grpc-timeout']) as string)
      : undefined
  const grpc = grpcTimeoutMs === undefined ? undefined : { grpcTimeoutMs }
  if ((seen & TERM_FIELDS) === 0 || context.role !== 'outbound') return grpc
  return { ...grpc, ...envoyTerms(head) }
}

function envoyTerms(head: HeadBlock): RequestTerms {
  const timeoutMs = numberOf(knownValue(head, FIELD['x-envoy-upstream-rq-timeout-ms']))
  const tryTimeoutMs = numberOf(knownValue(head, FIELD['x-envoy-upstream-rq-per-try-timeout-ms']))
  const retriesMax = numberOf(knownValue(head, FIELD['x-envoy-max-retries']))
  const retryOn = [
    ...listOf(knownValue(head, FIELD['x-envoy-retry-on'])).filter(
      (word) => !/^\d/.test(word) || word === '5xx',
    ),
    ...listOf(knownValue(head, FIELD['x-envoy-retry-grpc-on'])),
    ...listOf(takeField(head, 'x-envoy-retriable-status-codes')),
  ]
  const headers = listOf(takeField(head, 'x-envoy-retriable-header-names'))
  return {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(tryTimeoutMs !== undefined && { tryTimeoutMs }),
    ...(retriesMax !== undefined && { retriesMax: Math.min(retriesMax, RETRIES_MAX) }),
    ...(retryOn.length > 0 && { retryOn }),
    ...(headers.length > 0 && { headers: headers.map((name) => name.toLowerCase()) }),
  }
}

/** As many as a route may ask for. */
const RETRIES_MAX = 1000

function takeField(head: HeadBlock, name: string): string | undefined {
  const value = fieldValue(head, name)
  if (value !== undefined) dropField(head, name, hashName(name))
  return value
}

function listOf(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').map((word) => word.trim())
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** @see gRPC over HTTP/2, Timeout; what is smaller than a millisecond is one, as 0 would be none */
export function parseGrpcTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text)
  return match === null
    ? undefined
    : Math.max(1, Math.floor(Number(match[1]) * (UNIT_MS[match[2] as string] as number)))
}

/**
 * The route's plan on the request's own terms. @see Envoy, FilterUtility::finalTimeout, with Istio's settings: the time of
 * a gRPC call is what its client says, up to the route's
 */
export function planOn(plan: ForwardPlan, exchange: Exchange): ForwardPlan {
  const terms = exchange.terms ?? NO_TERMS
  const grpc = (exchange.terms !== undefined || plan.requestTimeoutMs > 0) && isGrpc(exchange)
  if (exchange.terms === undefined && !grpc && exchange.context.rules.debugFields) return plan
  const requestTimeoutMs =
    terms.timeoutMs ?? lowest(grpc ? terms.grpcTimeoutMs : undefined, plan.requestTimeoutMs)
  const tryTimeoutMs = terms.tryTimeoutMs ?? plan.tryTimeoutMs
  const usesTry = requestTimeoutMs === 0 || tryTimeoutMs < requestTimeoutMs
  const timeouts = { requestTimeoutMs, tryTimeoutMs: usesTry ? tryTimeoutMs : 0 }
  return {
    ...plan,
    ...timeouts,
    retry: retryOn(plan.retry, terms),
    requestLines: plan.baseLines + deadlineLines(exchange, expectedMs(timeouts), grpc),
  }
}

/** 0 is no limit. */
function lowest(asked: number | undefined, max: number): number {
  return asked === undefined || (max !== 0 && max < asked) ? max : asked
}

function retryOn(plan: RetryPlan, terms: RequestTerms): RetryPlan {
  if (terms.retryOn === undefined && terms.retriesMax === undefined) return plan
  const { conditions, statuses } = parseRetryOn(terms.retryOn ?? [])
  const attempts = terms.retriesMax ?? (plan.attempts === 0 ? 1 : plan.attempts)
  return {
    ...plan,
    attempts: plan.conditions === 0 && conditions === 0 ? 0 : attempts,
    conditions: plan.conditions | conditions,
    statuses: [...plan.statuses, ...statuses],
    ...(terms.headers !== undefined && { headers: terms.headers }),
  }
}

function expectedMs(plan: Pick<ForwardPlan, 'requestTimeoutMs' | 'tryTimeoutMs'>): number {
  return plan.tryTimeoutMs > 0 ? plan.tryTimeoutMs : plan.requestTimeoutMs
}

/** Tells the upstream how long anybody waits for it. */
export function timeoutLine(plan: Pick<ForwardPlan, 'requestTimeoutMs' | 'tryTimeoutMs'>): string {
  const ms = expectedMs(plan)
  return ms > 0 ? `${EXPECTED}: ${ms}\r\n` : ''
}

const EXPECTED = 'x-envoy-expected-rq-timeout-ms'

function deadlineLines({ head, context }: Exchange, ms: number, grpc: boolean): string {
  if (ms === 0) return ''
  const expected = context.rules.debugFields ? `${EXPECTED}: ${ms}\r\n` : ''
  if (!grpc) return expected
  dropKnown(head, FIELD['grpc-timeout'])
  return `${expected}grpc-timeout: ${ms}m\r\n`
}

/** Of a later try less is left. */
export function planOfRetry(plan: ForwardPlan, exchange: Exchange): ForwardPlan {
  if (exchange.deadlineAt === 0) return plan
  const left = Math.floor(exchange.deadlineAt - exchange.context.thread.clock.monotonic())
  if (plan.tryTimeoutMs > 0 && plan.tryTimeoutMs <= left) return plan
  const ms = Math.max(1, left)
  const grpc = plan.requestLines.includes('grpc-timeout:')
  return { ...plan, requestLines: plan.baseLines + deadlineLines(exchange, ms, grpc) }
}
