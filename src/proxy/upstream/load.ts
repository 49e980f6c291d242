import type { ConnectionLimits, RetryBudget } from '../../model/index.ts'
import type { RetryPlaces } from '../exchange/types.ts'
import { LOAD, type LoadKind, type SharedLoad, type SharedLoads } from './shared-load.ts'
import type { TimerWheel, WheelTimer } from '../net/timer-wheel.ts'

/**
 * What a cluster has under way over all its hosts, beside the bounds of its policy. Its numbers change with every
 * request, so it is one record of numbers and no more.
 */
export interface ClusterLoad {
  limits: Limits
  /** The same in all threads of the process; absent: this one is alone, or nothing is limited. */
  shared: SharedLoad | undefined
  connections: number
  /** Requests that wait for a connection. */
  pending: number
  /** Requests that have one. */
  requests: number
  retries: number
  connectionOverflows: number
  pendingTotal: number
  pendingOverflows: number
  /** Connections that were closed because they had carried as many requests as they may. */
  connectionsUsedUp: number
  connectionsIdledOut: number
  connectionsOutlived: number
  retriesTotal: number
  retryOverflows: number
  retryLimitsReached: number
}

/** Whose change may matter to other threads. */
type Counted = keyof typeof LOAD

/** The bounds of a policy; infinite where it names none. */
export interface Limits {
  readonly connectionsMax: number
  readonly pendingMax: number
  readonly requestsMax: number
  readonly retriesMax: number
  readonly retryBudget: RetryBudget | undefined
  readonly requestsPerConnectionMax: number
  readonly streamsMax: number
  readonly idleTimeoutMs: number
  readonly tcpIdleTimeoutMs: number
  readonly durationMaxMs: number
  /** 0: the system's own setting. */
  readonly keepAliveMs: number
  readonly http2KeepAlive: ConnectionLimits['http2KeepAlive']
  /** How often idle connections are looked at. */
  readonly sweepMs: number
}

/** Envoy's default, of connections for HTTP and of those for bytes. */
const IDLE_TIMEOUT_MS = 3_600_000
const SWEEP_MIN_MS = 20
const SWEEP_MAX_MS = 60_000

export function limitsOf(policy: ConnectionLimits = {}, retryBudget?: RetryBudget): Limits {
  const idleTimeoutMs = endless(policy.idleTimeoutMs ?? IDLE_TIMEOUT_MS)
  const durationMaxMs = policy.durationMaxMs ?? Number.POSITIVE_INFINITY
  return {
    connectionsMax: policy.connectionsMax ?? Number.POSITIVE_INFINITY,
    pendingMax: policy.pendingMax ?? Number.POSITIVE_INFINITY,
    requestsMax: policy.requestsMax ?? Number.POSITIVE_INFINITY,
    retriesMax: policy.retriesMax ?? Number.POSITIVE_INFINITY,
    retryBudget,
    requestsPerConnectionMax: policy.requestsPerConnectionMax ?? Number.POSITIVE_INFINITY,
    streamsMax: policy.streamsMax ?? Number.POSITIVE_INFINITY,
    idleTimeoutMs,
    tcpIdleTimeoutMs: endless(policy.tcpIdleTimeoutMs ?? IDLE_TIMEOUT_MS),
    durationMaxMs,
    keepAliveMs: policy.keepAliveMs ?? 0,
    http2KeepAlive: policy.http2KeepAlive,
    sweepMs: Math.max(SWEEP_MIN_MS, Math.min(SWEEP_MAX_MS, idleTimeoutMs / 4, durationMaxMs / 4)),
  }
}

function endless(timeoutMs: number): number {
  return timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs
}

export function createLoad(limits: Limits = limitsOf()): ClusterLoad {
  return {
    limits,
    shared: undefined,
    connections: 0,
    pending: 0,
    requests: 0,
    retries: 0,
    connectionOverflows: 0,
    pendingTotal: 0,
    pendingOverflows: 0,
    connectionsUsedUp: 0,
    connectionsIdledOut: 0,
    connectionsOutlived: 0,
    retriesTotal: 0,
    retryOverflows: 0,
    retryLimitsReached: 0,
  }
}

/** Whether any of them needs what other threads have under way. */
export function isLimited({
  connectionsMax,
  pendingMax,
  requestsMax,
  retriesMax,
  retryBudget,
}: Limits): boolean {
  return (
    retryBudget !== undefined ||
    Math.min(connectionsMax, pendingMax, requestsMax, retriesMax) < Number.POSITIVE_INFINITY
  )
}

/** From now on, or no longer, with what other threads of the process have. */
export function shareLoad(load: ClusterLoad, shared: SharedLoad | undefined): void {
  load.shared?.release()
  load.shared = shared
  for (const name of Object.keys(LOAD) as Counted[]) shared?.add(LOAD[name], load[name])
}

/**
 * Counts what other threads of the process have, while the limits of a cluster need it.
 * @returns alone: there is no room for another cluster, so that each thread has the limits for itself
 */
export function shareLimits(
  load: ClusterLoad,
  loads: SharedLoads | undefined,
  cluster: string,
): 'as it should be' | 'alone' {
  const wanted = loads !== undefined && isLimited(load.limits)
  if (wanted === (load.shared !== undefined)) return 'as it should be'
  shareLoad(load, wanted ? loads(cluster) : undefined)
  return wanted && load.shared === undefined ? 'alone' : 'as it should be'
}

function elsewhere(load: ClusterLoad, kind: LoadKind): number {
  return load.shared === undefined ? 0 : load.shared.elsewhere(kind)
}

export function mayConnect(load: ClusterLoad): boolean {
  return load.connections + elsewhere(load, LOAD.connections) < load.limits.connectionsMax
}

export function mayWait(load: ClusterLoad): boolean {
  return load.pending + elsewhere(load, LOAD.pending) < load.limits.pendingMax
}

export function mayRequest(load: ClusterLoad): boolean {
  return load.requests + elsewhere(load, LOAD.requests) < load.limits.requestsMax
}

export function countConnection(load: ClusterLoad, by: 1 | -1): void {
  load.connections += by
  load.shared?.add(LOAD.connections, by)
}

export function countPending(load: ClusterLoad, by: 1 | -1): void {
  load.pending += by
  load.shared?.add(LOAD.pending, by)
}

export function countRequest(load: ClusterLoad, by: 1 | -1): void {
  load.requests += by
  load.shared?.add(LOAD.requests, by)
}

function countRetry(load: ClusterLoad, by: 1 | -1): void {
  load.retries += by
  load.shared?.add(LOAD.retries, by)
}

/** Takes a place for a retry, if there is one; it is given back by `giveRetryBack`. */
export function takeRetry(load: ClusterLoad): boolean {
  const { retryBudget, retriesMax } = load.limits
  const active = () =>
    load.requests + load.pending + elsewhere(load, LOAD.requests) + elsewhere(load, LOAD.pending)
  const most =
    retryBudget === undefined
      ? retriesMax
      : Math.max(retryBudget.concurrencyMin, (active() * retryBudget.percent) / 100)
  if (load.retries + elsewhere(load, LOAD.retries) >= most) {
    load.retryOverflows++
    return false
  }
  countRetry(load, 1)
  load.retriesTotal++
  return true
}

export function giveRetryBack(load: ClusterLoad): void {
  countRetry(load, -1)
}

/** The same as what requests use of it. */
export function retryPlaces(load: ClusterLoad): RetryPlaces {
  return {
    take: () => takeRetry(load),
    giveBack: () => giveRetryBack(load),
    limitReached: () => {
      load.retryLimitsReached++
    },
  }
}

/** Sees to it that idle connections are looked at often enough for none to live much longer than it may. */
export function armSweep(wheel: TimerWheel, timer: WheelTimer, everyMs: number, now: number): void {
  // Under another policy the look that is set may be too late.
  if (!wheel.isSet(timer) || timer.deadline - now > everyMs) wheel.set(timer, everyMs)
}
