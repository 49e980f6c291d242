import type { DatabaseSync } from 'node:sqlite'
import { assert, type Logger, silentLogger } from '../../base/index.ts'
import { createCollections } from './collections.ts'
import { createCommits } from './commits.ts'
import { createCompaction } from './compaction.ts'
import { named, openDatabase, readDatabase, reclaimSpace } from './database.ts'
import { createHistory } from './history.ts'
import { openLogSync } from './log-sync.ts'
import { openMark } from './revision-mark.ts'
import { StoreError } from './store-error.ts'
import { createSubscriptions } from './subscriptions.ts'
import type { Store } from './types.ts'

export interface SqliteStoreOptions {
  /** a file, or `:memory:` */
  readonly path: string
  /** the revisions that watches may resume from */
  readonly historyMax?: number
  /** the JSON of these revisions, in bytes */
  readonly historyBytesMax?: number
  readonly logger?: Logger
}

const HISTORY_MAX = 20_000
const HISTORY_BYTES_MAX = 128 * 1024 * 1024

/**
 * Opens (or makes) the database.
 * @throws StoreError when the file is not a database, is damaged, or another process holds it
 */
export function createSqliteStore(options: SqliteStoreOptions): Store {
  const isFile = options.path !== ':memory:'
  const logger = (options.logger ?? silentLogger).scope('store')
  const contents = isFile ? readDatabase(options.path) : { current: [], lastRevision: 0 }
  const db = openDatabase(options.path)
  reclaimSpace(db, logger)
  const history = createHistory(db)
  assert(
    history.lastRevision() === contents.lastRevision,
    `${options.path} ends at ${contents.lastRevision}, not ${history.lastRevision()}`,
  )
  const { log, mark } = isFile ? openBeside(db, options.path, logger) : {}
  mark?.write(contents.lastRevision)
  const current = createCollections()
  for (const stored of contents.current) current.set(stored)
  const subscriptions = createSubscriptions()
  const compactWhenLong = createCompaction({
    history,
    revisionsMax: options.historyMax ?? HISTORY_MAX,
    bytesMax: options.historyBytesMax ?? HISTORY_BYTES_MAX,
    logger,
  })
  const commits = createCommits({
    history,
    current,
    log,
    onDurable: (revision) => mark?.write(revision),
    onCommitted(events) {
      subscriptions.publish(events)
      compactWhenLong(events, commits.revision())
    },
  })
  let isClosed = false
  return {
    revision: commits.revision,
    get: current.get,
    count: current.count,
    list(list) {
      const revision = commits.revision()
      const at = list.atRevision ?? revision
      if (at > revision) return { kind: 'future', revision }
      if (at === revision) {
        return { kind: 'listed', objects: current.list(list.collection, list.namespace), revision }
      }
      if (at < history.compacted()) return { kind: 'compacted', oldest: history.compacted() }
      const before = history.changedSince(at, list.collection, list.namespace)
      const objects = current.listBefore(list.collection, list.namespace, before)
      return { kind: 'listed', objects, revision: at }
    },
    write: (write) =>
      isClosed ? Promise.reject(new StoreError('the store is closed')) : commits.write(write),
    subscribe(subscribe) {
      const revision = commits.revision()
      const from = subscribe.fromRevision ?? revision
      if (from > revision) return { kind: 'future', revision }
      if (from < history.compacted()) return { kind: 'compacted', oldest: history.compacted() }
      if (from < revision) {
        const missed = history.eventsBetween({ after: from, upTo: revision }, subscribe)
        if (missed.length > 0) subscribe.onEvents(missed)
      }
      return { kind: 'subscribed', revision, stop: subscriptions.add(subscribe) }
    },
    compact(revision) {
      const upTo = Math.min(revision, commits.revision())
      if (upTo > history.compacted()) history.compact(upTo)
    },
    close() {
      if (isClosed) return
      commits.finish()
      isClosed = true
      log?.close()
      db.close()
      mark?.close()
    },
  }
}

/** The files beside the database. */
function openBeside(db: DatabaseSync, path: string, logger: Logger) {
  return named(path, () => {
    try {
      return { log: openLogSync(`${path}-wal`), mark: openMark(path, logger) }
    } catch (error) {
      db.close()
      throw error
    }
  })
}
