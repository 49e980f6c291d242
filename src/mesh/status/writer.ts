import { type Clock, type Collection, createWorkQueue, type Logger, type Random } from '../../base/index.ts'
import { type KubeObject, parseApiVersion } from '../../kube/index.ts'
import { isConflict, isNotFound, type KubeClient } from '../../kube/client/index.ts'
import { RESOURCE_KINDS } from '../resources/index.ts'
import type { ConditionIntent, StatusUpdate } from '../translate/index.ts'
import { isSameStatus, mergeStatus } from './merge.ts'
import { createOwnWrites } from './own-writes.ts'

export interface StatusWriterOptions {
  readonly client: KubeClient
  readonly statuses: Collection<StatusUpdate>
  /** The object as the informers have it: what is there already need not be read or written. */
  readonly observed: (update: StatusUpdate) => KubeObject | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly written: (update: StatusUpdate) => void
}

export interface StatusWriter {
  /** Takes up all statuses; what changes from now on follows. Only the leader does it. */
  readonly start: () => void
  /**
   * The object changed: if its status is not what it should be, it is put right. That also catches what was decided on
   * a copy that was behind.
   */
  readonly look: (key: string) => void
  readonly idle: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Writes at once; one object is never written twice at the same time, and the newest wins. */
const CONCURRENCY = 8

export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, statuses, clock } = options
  /** What was said last of objects about which nothing is said any more. */
  const withdrawn = new Map<string, StatusUpdate>()
  const ownWrites = createOwnWrites()
  let unsubscribe = (): void => {}

  const reconcile = async (key: string): Promise<undefined> => {
    const update = statuses.get(key) ?? withdrawal(withdrawn.get(key))
    if (!update) return undefined
    const observed = options.observed(update)
    const seen = ownWrites.latest(key, observed)
    if (!observed || !seen || isNewer(seen, update)) {
      // Gone, or changed meanwhile: then a newer update is on its way.
      withdrawn.delete(key)
      return undefined
    }
    const written = await write(seen, update)
    if (written) {
      ownWrites.wrote(key, observed, written)
      options.written(update)
    }
    withdrawn.delete(key)
    return undefined
  }

  /** @returns the object with its new status; undefined when there was nothing to write */
  const write = async (seen: KubeObject, update: StatusUpdate): Promise<KubeObject | undefined> => {
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
    const merged = (object: KubeObject) => mergeStatus(object.status, update.status, now)
    // Where older definitions serve another version, objects are read and written in that one.
    const kind = { ...update.kind, version: parseApiVersion(seen.apiVersion).version }
    if (isSameStatus(seen.status, merged(seen))) return undefined
    try {
      return await client.update(kind, { ...seen, status: merged(seen) }, { subresource: 'status' })
    } catch (error) {
      if (!isConflict(error)) {
        if (isNotFound(error)) return undefined
        throw error
      }
    }
    // The informer was behind: once more on what the API server has now.
    const present = await client.get<KubeObject>(kind, update.name, update.namespace)
    if (!present || isNewer(present, update) || isSameStatus(present.status, merged(present)))
      return undefined
    return client.update(kind, { ...present, status: merged(present) }, { subresource: 'status' })
  }

  const queue = createWorkQueue({
    name: 'statuses',
    concurrency: CONCURRENCY,
    retryBaseMs: 20,
    retryMaxMs: 5000,
    clock,
    random: options.random,
    logger: options.logger,
    reconcile,
  })

  return {
    start() {
      unsubscribe = statuses.subscribe((changes) => {
        for (const { key, before, after } of changes) {
          if (before && !after) withdrawn.set(key, before)
          else withdrawn.delete(key)
          queue.add(key)
        }
      })
      for (const update of statuses.list()) queue.add(update.key)
    },
    look(key) {
      if (statuses.get(key)) queue.add(key)
    },
    idle: queue.idle,
    async stop() {
      unsubscribe()
      await queue.stop()
    },
  }
}

/**
 * A route that no longer names a parent of ours loses what we said of it, and a ListenerSet without its Gateway must
 * not go on saying that it serves; other kinds keep their last status.
 */
function withdrawal(last: StatusUpdate | undefined): StatusUpdate | undefined {
  if (!last) return undefined
  const observedGeneration = Number.MAX_SAFE_INTEGER
  if ('parents' in last.status) {
    return { ...last, observedGeneration, status: { ...last.status, parents: [] } }
  }
  if (last.kind.kind !== RESOURCE_KINDS.listenerSet.kind) return undefined
  return { ...last, observedGeneration, status: withoutParent(last.status) }
}

function withoutParent(status: StatusUpdate['status']): StatusUpdate['status'] {
  const message = 'The Gateway that spec.parentRef names does not exist any more, or is another controller’s'
  const conditions = (status['conditions'] ?? []) as readonly ConditionIntent[]
  return {
    conditions: conditions.map((condition): ConditionIntent => ({
      ...condition,
      status: 'False',
      reason: condition.type === 'Accepted' ? 'ParentNotAccepted' : 'ParentNotProgrammed',
      message,
    })),
    listeners: [],
  }
}

/** What was decided on an older object must not be said of a newer one. */
function isNewer(object: KubeObject, update: StatusUpdate): boolean {
  return (object.metadata.generation ?? 0) > update.observedGeneration
}
