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

/**
 * Instead of tokens it keeps the moment at which it would have been empty, so that nothing has to be done as time
 * passes and no rounding adds up. Like Envoy's, it fills steadily and not in steps of `fillIntervalMs`.
 */
export function createTokenBucket(bucket: TokenBucket, start: number): TokenBucketState {
  const tokenMs = bucket.fillIntervalMs / bucket.tokensPerFill
  const fullMs = bucket.maxTokens * tokenMs
  let emptyAt = start - fullMs

  const filledMs = (now: number): number => Math.min(fullMs, now - emptyAt)

  return {
    take(now) {
      const filled = filledMs(now)
      if (filled < tokenMs) return false
      emptyAt = now - filled + tokenMs
      return true
    },
    remaining: (now) => Math.max(0, Math.floor(filledMs(now) / tokenMs)),
    waitMs: (now) => Math.max(0, tokenMs - filledMs(now)),
  }
}
