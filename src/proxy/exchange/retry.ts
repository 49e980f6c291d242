import type { Retries } from '../../model/index.ts'
import { fieldValue, type HeadBlock } from '../http1/head-block.ts'
import type { Exchange, RetryPlan, UpstreamFailure } from './types.ts'

/** Envoy's retry conditions as bits. */
export const RETRY = {
  '5xx': 1,
  'gateway-error': 2,
  'connect-failure': 4,
  'retriable-4xx': 8,
  'refused-stream': 16,
  reset: 32,
  'reset-before-request': 64,
  'retriable-status-codes': 128,
  unavailable: 256,
  cancelled: 512,
  'deadline-exceeded': 1024,
  internal: 2048,
  'resource-exhausted': 4096,
  'retriable-headers': 8192,
  'envoy-ratelimited': 16384,
} as const

/** What Istio gives a route that says nothing of retries; since 1.24 no status of HTTP is among it. */
export const DEFAULT_RETRY: RetryPlan = {
  attempts: 2,
  conditions:
    RETRY['connect-failure'] |
    RETRY['refused-stream'] |
    RETRY.unavailable |
    RETRY.cancelled |
    RETRY['retriable-status-codes'],
  statuses: [],
  backoffMs: 25,
}

export const NO_RETRY: RetryPlan = { attempts: 0, conditions: 0, statuses: [], backoffMs: 25 }

/** Istio's inbound side tries again only where the application cannot have seen the request. */
export const INBOUND_RETRY: RetryPlan = {
  attempts: 2,
  conditions: RETRY['reset-before-request'] | RETRY['connect-failure'],
  statuses: [],
  backoffMs: 25,
}

/** Unknown words are left out: Envoy does the same. Numbers are status codes. */
export function parseRetryOn(words: readonly string[]): { conditions: number; statuses: number[] } {
  let conditions = 0
  const statuses: number[] = []
  for (const word of words) {
    if (/^[1-5]\d\d$/.test(word)) statuses.push(Number(word))
    else conditions |= RETRY[word as keyof typeof RETRY] ?? 0
  }
  if (statuses.length > 0) conditions |= RETRY['retriable-status-codes']
  return { conditions, statuses }
}

/** @param retries what a route, or the mesh, says; absent: Istio's default */
export function retryPlanOf(retries: Retries | undefined): RetryPlan {
  if (retries === undefined) return DEFAULT_RETRY
  const { conditions, statuses } = parseRetryOn(retries.retryOn)
  const fallback = retries.retryOn.length === 0
  return {
    attempts: retries.attempts,
    conditions: fallback ? DEFAULT_RETRY.conditions : conditions,
    statuses: statuses.length > 0 ? statuses : DEFAULT_RETRY.statuses,
    backoffMs: retries.backoffMs ?? DEFAULT_RETRY.backoffMs,
    ...(retries.sameHosts === true && { sameHosts: true }),
    ...(retries.otherLocalities === true && { otherTiers: true }),
  }
}

export function isRetriableFailure(plan: RetryPlan, failure: UpstreamFailure): boolean {
  switch (failure.kind) {
    case 'connect':
      return (
        (plan.conditions &
          (RETRY['connect-failure'] |
            RETRY['reset-before-request'] |
            RETRY['5xx'] |
            RETRY['gateway-error'] |
            RETRY.reset)) !==
        0
      )
    case 'reset':
      if (failure.by === 'refusal' && (plan.conditions & RETRY['refused-stream']) !== 0) return true
      return (plan.conditions & (RETRY.reset | RETRY['5xx'] | RETRY['gateway-error'])) !== 0
    case 'overflow':
      return false
    case 'protocol':
      return (plan.conditions & (RETRY.reset | RETRY['5xx'] | RETRY['gateway-error'])) !== 0
  }
}

const GRPC_STATUS: Readonly<Record<string, number>> = {
  '1': RETRY.cancelled,
  '4': RETRY['deadline-exceeded'],
  '8': RETRY['resource-exhausted'],
  '13': RETRY.internal,
  '14': RETRY.unavailable,
}
const GRPC_CONDITIONS =
  RETRY.cancelled |
  RETRY['deadline-exceeded'] |
  RETRY['resource-exhausted'] |
  RETRY.internal |
  RETRY.unavailable

export function isRetriableResponse(plan: RetryPlan, block: HeadBlock): boolean {
  const { status } = block
  const { conditions } = plan
  // A limit that an upstream's own proxy has set is not worn down by trying, unless that is asked for by name.
  if (status === 429 && fieldValue(block, 'x-envoy-ratelimited') !== undefined)
    return (conditions & RETRY['envoy-ratelimited']) !== 0
  if (status >= 500) {
    if ((conditions & RETRY['5xx']) !== 0) return true
    if (status >= 502 && status <= 504 && (conditions & RETRY['gateway-error']) !== 0) return true
  }
  if (status === 409 && (conditions & RETRY['retriable-4xx']) !== 0) return true
  if ((conditions & RETRY['retriable-status-codes']) !== 0 && plan.statuses.includes(status)) return true
  if (plan.headers !== undefined && (conditions & RETRY['retriable-headers']) !== 0)
    if (plan.headers.some((name) => fieldValue(block, name) !== undefined)) return true
  // A gRPC failure without a message comes as a head with grpc-status.
  if (status !== 200 || (conditions & GRPC_CONDITIONS) === 0) return false
  const type = block.known[CONTENT_TYPE] === 0 ? undefined : fieldValue(block, 'content-type')
  if (type === undefined || !type.startsWith('application/grpc')) return false
  return (conditions & (GRPC_STATUS[fieldValue(block, 'grpc-status') ?? ''] ?? 0)) !== 0
}

import { FIELD } from '../http1/known-fields.ts'
const CONTENT_TYPE = FIELD['content-type']

/** RFC 9110 9.2.2: sending it twice has the effect of sending it once. */
export function isIdempotent(method: string): boolean {
  return (
    method === 'GET' ||
    method === 'HEAD' ||
    method === 'PUT' ||
    method === 'DELETE' ||
    method === 'OPTIONS' ||
    method === 'TRACE'
  )
}

/**
 * Whether a request whose kept connection was closed before any byte of an answer may go out again on a fresh one.
 * The server may have closed it just before the request arrived, which is no failure of anyone; but a request
 * that is not idempotent may have been carried out (RFC 9110 9.2.2), so it is not repeated.
 */
export function mayReplay(exchange: Exchange, failure: UpstreamFailure): boolean {
  if (failure.kind !== 'reset') return false
  // RFC 9113 8.7: what was refused was not looked at, whatever its method.
  if (failure.by === 'refusal') return exchange.replays < REPLAYS_MAX && isReplayable(exchange)
  if (!failure.reused || failure.answered) return false
  return exchange.replays < REPLAYS_MAX && isIdempotent(exchange.method) && isReplayable(exchange)
}

const REPLAYS_MAX = 2

/** The whole body so far is still in hand. */
export function isReplayable(exchange: Exchange): boolean {
  return !exchange.hasBody || (exchange.kept !== undefined && !exchange.kept.overflowed)
}
