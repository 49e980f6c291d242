/** Randomness as a parameter. */
export interface Random {
  /** Uniform in [0, 1). */
  readonly next: () => number
}

export const systemRandom: Random = { next: () => Math.random() }

/** A reproducible stream (mulberry32) for tests and simulations. @param seed any 32-bit integer */
export function createSeededRandom(seed: number): Random {
  let state = seed | 0
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296
    },
  }
}

/** An integer in [0, bound). @param bound a positive integer */
export function randomIndex(random: Random, bound: number): number {
  return Math.floor(random.next() * bound)
}
