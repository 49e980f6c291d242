import { createWorkQueue, type WorkQueue } from '../../base/index.ts'
import { type ControllerContext, orAborted, splitKey } from './shared-informers.ts'

export interface ObjectQueueOptions {
  readonly name: string
  readonly concurrency: number
  /** What has to be known before anything is done: acting on half a list would make what is there already. */
  readonly reads: readonly { readonly synced: Promise<void> }[]
  /**
   * Makes the world agree with an object, which may be gone. Throwing means "try again later"; a number of
   * milliseconds means "look again then".
   */
  readonly reconcile: (object: ObjectKey, signal: AbortSignal) => Promise<number | undefined>
  readonly retryBaseMs?: number
  readonly retryMaxMs?: number
}

export interface ObjectKey {
  /** `namespace/name`, or `name` for kinds without namespaces */
  readonly key: string
  readonly namespace: string
  readonly name: string
}

const RETRY_BASE_MS = 5
const RETRY_MAX_MS = 5_000

/** The queue of a controller that works on one object at a time, by its key. */
export function createObjectQueue(context: ControllerContext, options: ObjectQueueOptions): WorkQueue {
  const ready = Promise.all(options.reads.map(({ synced }) => synced))
  return createWorkQueue({
    ...context,
    name: options.name,
    concurrency: options.concurrency,
    retryBaseMs: options.retryBaseMs ?? RETRY_BASE_MS,
    retryMaxMs: options.retryMaxMs ?? RETRY_MAX_MS,
    logger: context.logger.scope(options.name),
    reconcile: async (key, signal) => {
      await orAborted(ready, signal)
      return options.reconcile({ key, ...splitKey(key) }, signal)
    },
  })
}
