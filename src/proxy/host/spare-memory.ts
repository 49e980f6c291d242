import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import { releaseMemory } from '../../linux/index.ts'

/** Gives memory back that only a change of the configuration needed. */
export interface SpareMemory {
  /** There is a change now. Those that follow soon put nothing off: where there is always another, it would never come. */
  readonly expect: () => void
  readonly close: () => void
}

/**
 * What was read at the start is settled by the first; by the second what is used often has been compiled; after that a
 * few milliseconds now and then keep what is seldom used away.
 */
const WAITS_MS: readonly number[] = [11_000, 60_000]
const INTERVAL_MS = 10 * 60_000

export function createSpareMemory(clock: Clock, logger: Logger, release = releaseMemory): SpareMemory {
  let cancel: () => void = () => {}
  let waitsFor: number | undefined

  function schedule(turn: number): void {
    waitsFor = turn
    cancel = clock.after(WAITS_MS[turn] ?? INTERVAL_MS, () => {
      try {
        release()
        schedule(turn + 1)
      } catch (error) {
        waitsFor = undefined
        logger.debug(`memory that is not needed cannot be given back: ${messageOf(error)}`)
      }
    })
  }

  return {
    expect() {
      // Either of the first waits is short enough.
      if (waitsFor !== undefined && waitsFor < WAITS_MS.length) return
      cancel()
      schedule(0)
    },
    close: () => cancel(),
  }
}
