import type { ConnectionLimits, RetryBudget } from '../../../model/index.ts'
import type { IstioConnectionPool, IstioRetryBudget } from '../../resources/index.ts'
import { parseDurationMs } from '../../../base/index.ts'
import { durationOf } from './duration.ts'

/** Istio's defaults. */
const BUDGET_PERCENT = 20
const BUDGET_CONCURRENCY = 3

/** @see Istio, ConnectionPoolSettings @returns undefined when nothing is bounded */
export function translateConnectionPool(
  pool: IstioConnectionPool | undefined,
  path: string,
  problems: string[],
): ConnectionLimits | undefined {
  if (pool === undefined) return undefined
  reportIgnored(pool, path, problems)
  const limits = dropAbsent({ ...tcpLimits(pool, path, problems), ...httpLimits(pool, path, problems) })
  return Object.keys(limits).length === 0 ? undefined : limits
}

/** @returns milliseconds; undefined: nothing is said */
export function translateConnectTimeout(
  pool: IstioConnectionPool | undefined,
  path: string,
  problems: string[],
): number | undefined {
  const timeout = pool?.tcp?.connectTimeout
  if (timeout === undefined) return undefined
  const ms = parseDurationMs(timeout)
  if (ms === undefined) problems.push(`${path}.tcp.connectTimeout: ${timeout} is not a duration`)
  return ms
}

type Draft = { readonly [K in keyof ConnectionLimits]: ConnectionLimits[K] | undefined }

function tcpLimits({ tcp }: IstioConnectionPool, path: string, problems: string[]): Draft {
  if (tcp === undefined) return {}
  const duration = (name: 'idleTimeout' | 'maxConnectionDuration') =>
    durationOf(tcp[name], `${path}.tcp.${name}`, problems)
  const idleMs = duration('idleTimeout')
  return {
    connectionsMax: filled(tcp.maxConnections),
    // Where the part of HTTP names no idle timeout of its own, this one holds for it too.
    idleTimeoutMs: idleMs,
    tcpIdleTimeoutMs: idleMs,
    durationMaxMs: filled(duration('maxConnectionDuration')),
    keepAliveMs:
      tcp.tcpKeepalive === undefined
        ? undefined
        : (filled(durationOf(tcp.tcpKeepalive.time, `${path}.tcp.tcpKeepalive.time`, problems)) ??
          KEEP_ALIVE_MS),
  }
}

/** Linux's own silence before the first probe, which Envoy leaves alone. */
const KEEP_ALIVE_MS = 7_200_000

function httpLimits({ http }: IstioConnectionPool, path: string, problems: string[]): Draft {
  if (http === undefined) return {}
  const idleTimeoutMs = durationOf(http.idleTimeout, `${path}.http.idleTimeout`, problems)
  return {
    pendingMax: filled(http.http1MaxPendingRequests),
    requestsMax: filled(http.http2MaxRequests),
    requestsPerConnectionMax: filled(http.maxRequestsPerConnection),
    retriesMax: filled(http.maxRetries),
    streamsMax: filled(http.maxConcurrentStreams),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    http2KeepAlive: http2KeepAliveOf(http, path, problems),
    protocol: protocolOf(http),
  }
}

/** For the answer to a PING, where nothing is said of it. */
const PING_TIMEOUT_MS = 20_000

function http2KeepAliveOf(
  { http2KeepAlive }: NonNullable<IstioConnectionPool['http']>,
  path: string,
  problems: string[],
): ConnectionLimits['http2KeepAlive'] {
  if (http2KeepAlive === undefined) return undefined
  const at = `${path}.http.http2KeepAlive`
  const intervalMs = filled(durationOf(http2KeepAlive.interval, `${at}.interval`, problems))
  const timeoutMs = filled(durationOf(http2KeepAlive.timeout, `${at}.timeout`, problems))
  if (intervalMs === undefined) {
    problems.push(`${at} has no interval: nothing is sent`)
    return undefined
  }
  return { intervalMs, timeoutMs: timeoutMs ?? PING_TIMEOUT_MS }
}

function protocolOf(http: NonNullable<IstioConnectionPool['http']>): ConnectionLimits['protocol'] {
  if (http.useClientProtocol === true) return 'downstream'
  if (http.h2UpgradePolicy === 'DO_NOT_UPGRADE') return 'http1'
  return http.h2UpgradePolicy === 'UPGRADE' ? 'http2' : undefined
}

/** Zero is protobuf's way of saying nothing. */
function filled(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value
}

function dropAbsent(draft: Draft): ConnectionLimits {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined))
}

function reportIgnored({ tcp }: IstioConnectionPool, path: string, problems: string[]): void {
  for (const member of ['probes', 'interval'] as const) {
    if (tcp?.tcpKeepalive?.[member] !== undefined) {
      problems.push(
        `${path}.tcp.tcpKeepalive.${member} is not served: probes follow each second, ten at most`,
      )
    }
  }
}

/** @see Istio, TrafficPolicy.retryBudget */
export function translateRetryBudget(
  budget: IstioRetryBudget | undefined,
  path: string,
  problems: string[],
): RetryBudget | undefined {
  if (budget === undefined) return undefined
  if (budget.budgetInterval !== undefined) {
    problems.push(`${path}.budgetInterval is not served: retries are measured against the requests under way`)
  }
  return {
    percent: budget.percent ?? BUDGET_PERCENT,
    concurrencyMin: budget.minRetryConcurrency ?? BUDGET_CONCURRENCY,
  }
}
