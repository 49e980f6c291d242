import type { TokenBucket } from '../model/index.ts'

/** Tokens that come back evenly with time, up to so many. */
export interface TokenBucketState {
  /** Takes one if there is one. @param now milliseconds on a clock that never goes back */
  readonly take: (now: number) => boolean
  /** Whole tokens. */
  readonly remaining: (now: number) => number
  /** Until there is one. */
  readonly waitMs: (now: number) => number
}

/** Like Envoy's, it fills steadily and not in steps of `fillIntervalMs`; nothing has to be done as time passes. */
export function createTokenBucket(bucket: TokenBucket, start: number): TokenBucketState {
  const { maxTokens } = bucket
  const perMs = bucket.tokensPerFill / bucket.fillIntervalMs
  let tokens = maxTokens
  let filledAt = start

  function fill(now: number): number {
    tokens = Math.min(maxTokens, tokens + (now - filledAt) * perMs)
    filledAt = now
    return tokens
  }

  return {
    take(now) {
      if (fill(now) < 1) return false
      tokens--
      return true
    },
    remaining: (now) => Math.floor(fill(now)),
    waitMs: (now) => Math.max(0, (1 - fill(now)) / perMs),
  }
}
