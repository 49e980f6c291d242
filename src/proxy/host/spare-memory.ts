import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import { releaseMemory } from '../../linux/index.ts'

/** Gives memory back that only a change of the configuration needed. */
export interface SpareMemory {
  /** There is a change now. */
  readonly expect: () => void
  readonly close: () => void
}

/**
 * What was read at the start is settled by the first; by the second what is used often has been compiled; after that a
 * few milliseconds now and then keep what is seldom used away.
 */
const WAITS_MS: readonly number[] = [11_000, 60_000]
const INTERVAL_MS = 10 * 60_000

export function createSpareMemory(clock: Clock, logger: Logger): SpareMemory {
  let cancel: () => void = () => {}

  function schedule(turn: number): void {
    cancel = clock.after(WAITS_MS[turn] ?? INTERVAL_MS, () => {
      try {
        releaseMemory()
        schedule(turn + 1)
      } catch (error) {
        logger.debug(`memory that is not needed cannot be given back: ${messageOf(error)}`)
      }
    })
  }

  return {
    expect() {
      cancel()
      schedule(0)
    },
    close: () => cancel(),
  }
}
