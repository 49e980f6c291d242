import {
  compareOrderKeys,
  type RateLimit,
  type RateLimitName,
  type TokenBucket,
  type TrafficSide,
} from '../../../model/index.ts'
import type { Clock, Random } from '../../../base/index.ts'
import {
  createRateDecider,
  createTokenBucket,
  type RateDecider,
  type TokenBucketState,
} from '../../../policy/index.ts'
import type { CompiledRoute } from '../../../routing/index.ts'
import { sendLocalReply } from '../../exchange/local-reply.ts'
import type { LocalReply } from '../../exchange/local-reply.ts'
import { FLAG } from '../../../telemetry/index.ts'
import type { Exchange } from '../../exchange/types.ts'
import { applyChange, compileChange } from '../headers/change.ts'
import type { FilterVerdict } from '../order.ts'
import type { SharedTokens } from './shared-tokens.ts'

/** What a limit has counted, by Envoy's names. */
export interface LimitCounters {
  enabled: number
  ok: number
  rate_limited: number
  enforced: number
}

/** What holds somewhere: `stop` when the request was refused. */
export type Limiter = (exchange: Exchange) => FilterVerdict

/** The limits of one proxy, and the tokens that are left. A change of other configuration gives nobody new tokens. */
export interface RateLimits {
  readonly set: (limit: RateLimit) => void
  readonly delete: (key: RateLimitName) => void
  /** Changes with every change of a limit: what was compiled before does not hold any more. */
  readonly version: () => number
  /** @returns undefined when nothing is limited */
  readonly ofRoute: (side: TrafficSide, route: CompiledRoute) => Limiter | undefined
  /** What calls the proxy's own workload, which has no routes. */
  readonly ofInbound: () => Limiter | undefined
  /** Lets go of a route's tokens. */
  readonly forgetRoute: (route: CompiledRoute) => void
  readonly counters: () => Iterable<readonly [prefix: string, counters: LimitCounters]>
}

/** A limit with its tokens, by the thing that they are for. */
interface LimitState {
  readonly limit: RateLimit
  readonly counters: LimitCounters
  readonly deciders: Map<string, Map<number, RateDecider>>
  readonly refusal: LocalReply
}

export function createRateLimits(options: {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly random: Random
  /** Buckets that other threads take from too; absent: this thread is alone. */
  readonly tokens: SharedTokens | undefined
  /** Tells this proxy's buckets from those of others in the process. */
  readonly proxy: string
}): RateLimits {
  const { clock, random, tokens } = options
  const states = new Map<RateLimitName, LimitState>()
  let version = 0
  let inbound: Limiter | undefined
  let inboundVersion = -1

  function ofPlace(side: TrafficSide, place: LimitedPlace): Limiter | undefined {
    const here = [...states.values()].filter(({ limit }) => limit.sides.includes(side) && fits(limit, place))
    const parts = here.toSorted(mostSpecialFirst).flatMap((state) => asPart(state, place))
    return parts.length === 0 ? undefined : limiterOf(parts)
  }

  /** A general place without tokens says nothing of its own. */
  function asPart(state: LimitState, place: LimitedPlace): readonly LimiterPart[] {
    const { limit } = state
    const { bucket } = limit
    if (bucket === undefined) return []
    const id = scopeId(limit, place)
    return [
      {
        port: limit.place.port,
        isAlone: limit.place.kind !== 'listener',
        apply: apply(state, bucket, id),
      },
    ]
  }

  function bucketOf(
    key: RateLimitName,
    bucket: TokenBucket,
    at: { place: string; now: number },
  ): TokenBucketState {
    if (tokens === undefined) return createTokenBucket(bucket, at.now)
    const { maxTokens, tokensPerFill, fillIntervalMs } = bucket
    return tokens([options.proxy, key, at.place, maxTokens, tokensPerFill, fillIntervalMs].join('|'), bucket)
  }

  function apply(state: LimitState, bucket: TokenBucket, id: string): Limiter {
    const { limit, counters, refusal, deciders } = state
    const byPort = deciders.get(id) ?? new Map<number, RateDecider>()
    deciders.set(id, byPort)
    const tolerated = compileChange({ ...limit.requestHeaders, remove: [] })
    return (exchange) => {
      const now = clock.monotonic()
      let decider = byPort.get(exchange.port)
      if (decider === undefined) {
        // Ports of captured connections are whatever somebody dialled.
        if (byPort.size >= PORTS_MAX) byPort.clear()
        decider = createRateDecider(
          limit,
          bucketOf(limit.key, bucket, { place: `${id} ${exchange.port}`, now }),
          random,
        )
        byPort.set(exchange.port, decider)
      }
      const decision = decider.decide(now)
      if (decision === 'uncounted') return 'continue'
      counters.enabled++
      if (limit.hasLimitHeaders) exchange.responseLines += limitLines(bucket, decider, now)
      if (decision === 'allowed') {
        counters.ok++
        return 'continue'
      }
      counters.rate_limited++
      if (decision === 'tolerated') {
        applyChange(tolerated, exchange.head)
        return 'continue'
      }
      counters.enforced++
      sendLocalReply(exchange, refusal)
      return 'stop'
    }
  }

  function isMine({ selector }: RateLimit): boolean {
    if (selector.namespace !== undefined && selector.namespace !== options.namespace) return false
    return Object.entries(selector.labels).every(([name, value]) => options.labels[name] === value)
  }

  return {
    set(limit) {
      if (!isMine(limit)) {
        if (states.delete(limit.key)) version++
        return
      }
      version++
      const counters = { enabled: 0, ok: 0, rate_limited: 0, enforced: 0 }
      states.set(limit.key, { limit, counters, deciders: new Map(), refusal: refusalOf(limit) })
    },
    delete(key) {
      if (states.delete(key)) version++
    },
    version: () => version,
    ofRoute: (side, route) =>
      states.size === 0
        ? undefined
        : ofPlace(side, { id: route.key, domains: route.source.domains, name: route.name }),
    ofInbound() {
      if (states.size === 0) return undefined
      if (inboundVersion !== version) {
        inboundVersion = version
        inbound = ofPlace('inbound', INBOUND)
      }
      return inbound
    },
    forgetRoute(route) {
      for (const { deciders } of states.values()) deciders.delete(`route ${route.key}`)
    },
    counters() {
      const sums = new Map<string, LimitCounters>()
      for (const { limit, counters } of states.values()) {
        const sum = sums.get(limit.statPrefix)
        sums.set(limit.statPrefix, sum === undefined ? counters : addUp(sum, counters))
      }
      return sums
    },
  }
}

function addUp(a: LimitCounters, b: LimitCounters): LimitCounters {
  return {
    enabled: a.enabled + b.enabled,
    ok: a.ok + b.ok,
    rate_limited: a.rate_limited + b.rate_limited,
    enforced: a.enforced + b.enforced,
  }
}

const PORTS_MAX = 256

/** Where a limiter stands. */
interface LimitedPlace {
  readonly id: string
  readonly domains: readonly string[]
  /** Of the route. */
  readonly name: string
}

/** Istio's inbound routes have this name, and each port is a virtual host. */
const INBOUND: LimitedPlace = { id: 'inbound', domains: [], name: 'default' }

function fits({ place }: RateLimit, at: LimitedPlace): boolean {
  if (place.kind === 'listener') return true
  if (place.domain !== undefined && !at.domains.includes(place.domain)) return false
  return place.kind === 'virtual-host' || place.route === undefined || place.route === at.name
}

const RANKS = { route: 0, 'virtual-host': 1, listener: 2 } as const

function mostSpecialFirst(a: LimitState, b: LimitState): number {
  const rank = RANKS[a.limit.place.kind] - RANKS[b.limit.place.kind]
  return rank === 0 ? compareOrderKeys(b.limit.order, a.limit.order) : rank
}

/** What has tokens of its own, but for the port. */
function scopeId({ place }: RateLimit, at: LimitedPlace): string {
  switch (place.kind) {
    case 'listener':
      return 'listener'
    case 'virtual-host':
      return `virtual-host ${at.domains.join(',')}`
    case 'route':
      return `route ${at.id}`
  }
}

interface LimiterPart {
  readonly port: number | undefined
  /** It takes the place of all that come after it. */
  readonly isAlone: boolean
  readonly apply: Limiter
}

function limiterOf(parts: readonly LimiterPart[]): Limiter {
  return (exchange) => {
    for (const { port, isAlone, apply } of parts) {
      if (port !== undefined && port !== exchange.port) continue
      if (apply(exchange) === 'stop') return 'stop'
      if (isAlone) break
    }
    return 'continue'
  }
}

/** gRPC's RESOURCE_EXHAUSTED. */
const RESOURCE_EXHAUSTED = 8

function refusalOf(limit: RateLimit): LocalReply {
  return {
    status: limit.status,
    body: 'local_rate_limited',
    flags: FLAG.RL,
    details: 'local_rate_limited',
    lines: limit.responseHeaders.map(({ name, value }) => `${name}: ${value}\r\n`).join(''),
    ...(limit.isResourceExhausted && { grpcStatus: RESOURCE_EXHAUSTED }),
  }
}

/** draft-ietf-httpapi-ratelimit-headers-03, as Envoy writes it. */
function limitLines({ maxTokens }: TokenBucket, { bucket }: RateDecider, now: number): string {
  const reset = Math.ceil(bucket.waitMs(now) / 1000)
  return (
    `x-ratelimit-limit: ${maxTokens}\r\nx-ratelimit-remaining: ${bucket.remaining(now)}\r\n` +
    `x-ratelimit-reset: ${reset}\r\n`
  )
}
