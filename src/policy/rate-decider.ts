import type { Random } from '../base/index.ts'
import type { RateLimit } from '../model/index.ts'
import type { TokenBucketState } from './token-bucket.ts'

/** `uncounted`: not one of the share that is counted. `tolerated`: too many, but let through all the same. */
export type RateDecision = 'uncounted' | 'allowed' | 'tolerated' | 'refused'

/** One bucket of a limit, and what it has decided so far. */
export interface RateDecider {
  /** @param now milliseconds on a clock that never goes back */
  readonly decide: (now: number) => RateDecision
  readonly bucket: TokenBucketState
}

/** @see Envoy, local rate limit: the shares are drawn for each request, and only what is counted takes a token */
export function createRateDecider(
  limit: Pick<RateLimit, 'enabledPercent' | 'enforcedPercent'>,
  bucket: TokenBucketState,
  random: Random,
): RateDecider {
  const falls = (percent: number): boolean => percent >= 100 || random.next() * 100 < percent
  return {
    bucket,
    decide(now) {
      if (!falls(limit.enabledPercent)) return 'uncounted'
      if (bucket.take(now)) return 'allowed'
      return falls(limit.enforcedPercent) ? 'refused' : 'tolerated'
    },
  }
}
