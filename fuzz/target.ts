import type { Random } from '../src/base/index.ts'

/** Something that reads bytes from strangers, and the laws that hold whatever they are. */
export interface FuzzTarget {
  /** inputs to start from; files in `fuzz/corpus/NAME` are added */
  readonly seeds: readonly (string | Buffer)[]
  /** words that the language knows: mutations put them in */
  readonly words?: readonly string[]
  /** How many times as long as others a check takes: in `smoke` there are so many fewer. */
  readonly cost?: number
  /** Throws, or rejects, when a law is broken. @param random for choices that are no part of the input */
  readonly check: (input: Buffer, random: Random) => void | Promise<void>
}

/** Latin-1 keeps every byte, so that a text target sees bytes that are no UTF-8, too. */
export const textOf = (input: Buffer, encoding: 'utf8' | 'latin1' = 'utf8'): string =>
  input.toString(encoding)

/** Runs a parser that may refuse by an error of one of these kinds; anything else it throws is a bug. */
export function mayThrow<T>(run: () => T, isRefusal: (error: Error) => boolean): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof Error && isRefusal(error)) return undefined
    throw error
  }
}
