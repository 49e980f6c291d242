import type { Random } from './random.ts'

export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
  readonly random: Random
}

export interface Backoff {
  /** The next wait in milliseconds: doubles up to the maximum, with "full jitter" over its upper half. */
  readonly nextMs: () => number
  readonly reset: () => void
}

export function createBackoff(options: BackoffOptions): Backoff {
  let attempt = 0
  return {
    nextMs() {
      const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt, 30))
      attempt += 1
      return ceiling / 2 + (ceiling / 2) * options.random.next()
    },
    reset() {
      attempt = 0
    },
  }
}
