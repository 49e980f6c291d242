import { assert, type Logger, messageOf, silentLogger } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { type Collections, createCollections } from './collections.ts'
import { openDatabase, readDatabase } from './database.ts'
import { deepFreeze } from './freeze.ts'
import { createHistory, type History, type HistoryRow } from './history.ts'
import { openMark, type RevisionMark } from './revision-mark.ts'
import { StoreError } from './store-error.ts'
import { createSubscriptions, type Subscriptions } from './subscriptions.ts'
import type { Store, StoredObject, StoreEvent, StoreKey, StoreWrite, WriteResult } from './types.ts'

export interface SqliteStoreOptions {
  /** a file, or `:memory:` */
  readonly path: string
  /** the history is compacted down to `historyMin` whenever it exceeds `historyMax` revisions */
  readonly historyMax?: number
  readonly historyMin?: number
  readonly logger?: Logger
}

/** After a compaction that the disk refused, the next is tried so many revisions later. */
const COMPACTION_RETRY_REVISIONS = 1000

interface Pending {
  readonly key: StoreKey
  /** undefined after a deletion */
  readonly stored: StoredObject | undefined
  readonly row: HistoryRow
  readonly event: StoreEvent
  readonly resolve: (result: WriteResult) => void
  readonly reject: (error: Error) => void
}

interface State {
  readonly history: History
  readonly current: Collections
  readonly subscriptions: Subscriptions
  readonly mark: RevisionMark | undefined
  readonly logger: Logger
  /** what the waiting writes make of their keys: later writes of the same turn are checked against it */
  readonly overlay: Map<string, StoredObject | undefined>
  pending: Pending[]
  /** refused writes that lost against one of the pending */
  afterCommit: { readonly answer: () => void; readonly reject: (error: Error) => void }[]
  committed: number
  next: number
  closed: boolean
  /** no compaction by itself before this revision */
  compactFrom: number
}

/**
 * Opens (or makes) the database.
 * @throws StoreError when the file is not a database, is damaged, or another process holds it
 */
export function createSqliteStore(options: SqliteStoreOptions): Store {
  const isFile = options.path !== ':memory:'
  const logger = (options.logger ?? silentLogger).scope('store')
  const contents = isFile ? readDatabase(options.path) : { current: [], lastRevision: 0 }
  const db = openDatabase(options.path)
  const history = createHistory(db)
  const committed = history.lastRevision()
  assert(
    committed === contents.lastRevision,
    `${options.path} ends at ${contents.lastRevision}, not ${committed}`,
  )
  const state: State = {
    history,
    current: createCollections(),
    subscriptions: createSubscriptions(),
    mark: isFile ? openMark(options.path, logger) : undefined,
    logger,
    overlay: new Map(),
    pending: [],
    afterCommit: [],
    committed,
    next: committed + 1,
    closed: false,
    compactFrom: 0,
  }
  state.mark?.write(committed)
  for (const stored of contents.current) state.current.set(stored)
  const historyMax = options.historyMax ?? 20_000
  const historyMin = options.historyMin ?? 10_000
  const flush = () => {
    commit(state)
    const isLong = state.committed - history.compacted() > historyMax
    if (isLong && state.committed >= state.compactFrom) compactOwn(state, state.committed - historyMin)
  }
  return {
    revision: () => state.committed,
    get: (key) => state.current.get(key),
    count: (collection) => state.current.count(collection),
    list(list) {
      const at = list.atRevision
      if (at === undefined || at === state.committed) {
        const objects = state.current.list(list.collection, list.namespace)
        return { kind: 'listed', objects, revision: state.committed }
      }
      if (at > state.committed) return { kind: 'future', revision: state.committed }
      if (at < history.compacted()) return { kind: 'compacted', oldest: history.compacted() }
      const before = history.changedSince(at, list.collection, list.namespace)
      const objects = state.current.listBefore(list.collection, list.namespace, before)
      return { kind: 'listed', objects, revision: at }
    },
    write: (write) =>
      new Promise((resolve, reject) => {
        if (state.closed) {
          reject(new StoreError('the store is closed'))
          return
        }
        if (stage(state, write, resolve, reject) && state.pending.length === 1) setImmediate(flush)
      }),
    subscribe(subscribe) {
      const from = subscribe.fromRevision ?? state.committed
      if (from > state.committed) return { kind: 'future', revision: state.committed }
      if (from < history.compacted()) return { kind: 'compacted', oldest: history.compacted() }
      if (from < state.committed) {
        const missed = history.eventsAfter(from, subscribe.collection, subscribe.namespace)
        if (missed.length > 0) subscribe.onEvents(missed)
      }
      return { kind: 'subscribed', revision: state.committed, stop: state.subscriptions.add(subscribe) }
    },
    compact(revision) {
      const upTo = Math.min(revision, state.committed)
      if (upTo > history.compacted()) history.compact(upTo)
    },
    close() {
      if (state.closed) return
      commit(state)
      state.closed = true
      db.close()
      state.mark?.close()
    },
  }
}

/** Checks the precondition and queues the write. @returns whether it was queued */
function stage(
  state: State,
  write: StoreWrite,
  resolve: Pending['resolve'],
  reject: Pending['reject'],
): boolean {
  const id = overlayKey(write.key)
  const before = state.overlay.has(id) ? state.overlay.get(id) : state.current.get(write.key)
  const missing = write.kind === 'delete' && !before
  if (missing || (write.expect !== undefined && write.expect !== (before?.revision ?? 0))) {
    const answer = () => resolve({ kind: 'conflict', current: before })
    // What a waiting write brings about is told only when it is durable; then a retry reads it, too.
    if (state.overlay.has(id)) state.afterCommit.push({ answer, reject })
    else answer()
    return false
  }
  const revision = state.next
  state.next += 1
  const object = atRevision(write.kind === 'put' ? write.object : (before as StoredObject).object, revision)
  const stored = write.kind === 'put' ? { key: write.key, revision, object } : undefined
  const kind = write.kind === 'delete' ? 'deleted' : before ? 'updated' : 'created'
  state.overlay.set(id, stored)
  state.pending.push({
    key: write.key,
    stored,
    row: { revision, key: write.key, kind, json: JSON.stringify(object) },
    event: { kind, revision, key: write.key, object, previous: before?.object },
    resolve,
    reject,
  })
  return true
}

/** One transaction for all waiting writes; readers and watchers see them only when they are durable. */
function commit(state: State): void {
  const batch = state.pending
  if (batch.length === 0) return
  const refused = state.afterCommit
  state.pending = []
  state.afterCommit = []
  state.overlay.clear()
  try {
    state.history.append(batch.map((write) => write.row))
  } catch (error) {
    state.next = state.committed + 1
    const failure = new StoreError(
      `the write was not stored: ${messageOf(error)}; check that the disk is neither full nor read-only`,
      { cause: error },
    )
    for (const write of [...batch, ...refused]) write.reject(failure)
    return
  }
  for (const { key, stored } of batch) {
    if (stored) state.current.set(stored)
    else state.current.remove(key)
  }
  state.committed = state.next - 1
  state.mark?.write(state.committed)
  for (const write of batch) {
    write.resolve({ kind: 'written', object: write.event.object, revision: write.event.revision })
  }
  for (const { answer } of refused) answer()
  state.subscriptions.publish(batch.map((write) => write.event))
}

/** Nobody waits for a compaction: one that fails is told and tried again later, and writes go on. */
function compactOwn(state: State, revision: number): void {
  try {
    state.history.compact(revision)
  } catch (error) {
    state.compactFrom = state.committed + COMPACTION_RETRY_REVISIONS
    state.logger.warn('the history could not be compacted and grows', { error: messageOf(error) })
  }
}

function atRevision(object: KubeObject, revision: number): KubeObject {
  const metadata = { ...object.metadata, resourceVersion: String(revision) }
  return deepFreeze({ ...object, metadata })
}

function overlayKey(key: StoreKey): string {
  return `${key.collection}/${key.namespace}/${key.name}`
}
