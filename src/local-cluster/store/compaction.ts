import { type Logger, messageOf } from '../../base/index.ts'
import type { History } from './history.ts'
import type { StoreEvent } from './types.ts'

export interface CompactionOptions {
  readonly history: History
  readonly revisionsMax: number
  readonly bytesMax: number
  readonly logger: Logger
}

/** So many revisions are forgotten at once, which takes a few milliseconds: nobody waits for more. */
const SLICE = 500
/** After a compaction that the disk refused, the next is tried so many revisions later. */
const RETRY_REVISIONS = 1000

/**
 * Forgets the oldest of the history whenever there are more revisions or more bytes than the bounds. Kubernetes goes by
 * time (five minutes); on one machine the disk is what has a bound.
 * @returns to be called after each commit
 */
export function createCompaction({ history, revisionsMax, bytesMax, logger }: CompactionOptions) {
  let bytes = history.bytesBetween(history.compacted(), history.lastRevision())
  let notBefore = 0
  return (events: readonly StoreEvent[], revision: number): void => {
    for (const { size } of events) bytes += size
    const revisions = revision - history.compacted()
    if ((revisions <= revisionsMax && bytes <= bytesMax) || revision < notBefore) return
    const slice = Math.max(Math.min(SLICE, Math.ceil(revisions / 4)), events.length)
    const upTo = Math.min(revision, history.compacted() + slice)
    try {
      const forgotten = history.bytesBetween(history.compacted(), upTo)
      history.compact(upTo)
      bytes -= forgotten
    } catch (error) {
      // Nobody waits for a compaction: one that fails is told and tried again later, and writes go on.
      notBefore = revision + RETRY_REVISIONS
      logger.warn('the history could not be compacted and grows', { error: messageOf(error) })
    }
  }
}
