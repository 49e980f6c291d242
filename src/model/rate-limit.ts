import type { Origin, RateLimitName } from './names.ts'
import type { HeaderValue, OrderKey } from './route.ts'

/** How many requests a proxy lets through in a time, by itself, without asking anyone (Envoy's local rate limit). */
export interface RateLimit {
  readonly type: 'rate-limit'
  readonly key: RateLimitName
  /** The proxies that it is for: of the namespace when it is given, with all of the labels. */
  readonly selector: { readonly namespace?: string; readonly labels: Readonly<Record<string, string>> }
  /** Of a proxy: what it serves as a gateway, what calls its workload, what its workload calls. Never empty. */
  readonly sides: readonly TrafficSide[]
  readonly place: RateLimitPlace
  /** Absent: nothing is limited here; a more general place sets limits for more special ones only. */
  readonly bucket?: TokenBucket
  /** The share of requests that is counted, and of those too many the share that is refused; the rest is let through. */
  readonly enabledPercent: number
  readonly enforcedPercent: number
  /** Of the answer to a refused request. */
  readonly status: number
  /** Of the answer to a refused call of gRPC: RESOURCE_EXHAUSTED in the place of UNAVAILABLE. */
  readonly isResourceExhausted: boolean
  readonly responseHeaders: readonly HeaderValue[]
  /** On requests that are let through though they are too many. */
  readonly requestHeaders: { readonly set: readonly HeaderValue[]; readonly add: readonly HeaderValue[] }
  /** `x-ratelimit-limit`, `-remaining` and `-reset` on every answer. */
  readonly hasLimitHeaders: boolean
  /** What its figures are called. */
  readonly statPrefix: string
  /** Among limits of one place the last one counts. */
  readonly order: OrderKey
  readonly origin: Origin
}

export type TrafficSide = 'gateway' | 'inbound' | 'outbound'

/** The most special place decides. Each port, virtual host and route has tokens of its own. */
export type RateLimitPlace =
  | { readonly kind: 'listener'; readonly port?: number }
  | { readonly kind: 'virtual-host'; readonly port?: number; readonly domain?: string }
  /** `route`: its name. */
  | { readonly kind: 'route'; readonly port?: number; readonly domain?: string; readonly route?: string }

/** Starts full; a request takes a token. */
export interface TokenBucket {
  readonly maxTokens: number
  readonly tokensPerFill: number
  readonly fillIntervalMs: number
}
