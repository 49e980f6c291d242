import { messageOf } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Collections } from './collections.ts'
import { deepFreeze } from './freeze.ts'
import type { History, HistoryRow } from './history.ts'
import type { LogSync } from './log-sync.ts'
import { StoreError } from './store-error.ts'
import type { StoredObject, StoreEvent, StoreKey, StoreWrite, WriteResult } from './types.ts'

export interface CommitsOptions {
  readonly history: History
  readonly current: Collections
  /** undefined for a database in memory, which has no disk to wait for */
  readonly log: LogSync | undefined
  /** Called when the writes of a commit are durable and seen by readers, before anybody is told that they are. */
  readonly onDurable: (revision: number) => void
  /** Called when the writers have been told. */
  readonly onCommitted: (events: readonly StoreEvent[]) => void
}

/** Writes on their way: waiting → in the database → on the disk, when readers and watchers see them. */
export interface Commits {
  readonly revision: () => number
  readonly write: (write: StoreWrite) => Promise<WriteResult>
  /** Brings all to the disk at once. */
  readonly finish: () => void
}

interface Pending {
  readonly key: StoreKey
  /** undefined after a deletion */
  readonly stored: StoredObject | undefined
  readonly row: HistoryRow
  readonly event: StoreEvent
  readonly resolve: (result: WriteResult) => void
  readonly reject: (error: Error) => void
}

/** What is committed together. */
interface Batch {
  readonly writes: Pending[]
  /** writes that lost against one of the batch: what it brings about is told only when it is durable */
  readonly refused: { readonly answer: () => void; readonly reject: (error: Error) => void }[]
}

interface State {
  readonly options: CommitsOptions
  /** what the writes on their way make of their keys: later writes are checked against it */
  readonly claims: Map<string, { readonly batch: Batch; readonly stored: StoredObject | undefined }>
  waiting: Batch
  /** in the database, not yet on the disk; there is one at most */
  syncing: Batch | undefined
  committed: number
  next: number
  /** set when nobody knows what is on the disk: nothing more is written */
  broken: StoreError | undefined
}

const emptyBatch = (): Batch => ({ writes: [], refused: [] })

export function createCommits(options: CommitsOptions): Commits {
  const committed = options.history.lastRevision()
  const state: State = {
    options,
    claims: new Map(),
    waiting: emptyBatch(),
    syncing: undefined,
    committed,
    next: committed + 1,
    broken: undefined,
  }
  return {
    revision: () => state.committed,
    write: (write) =>
      new Promise((resolve, reject) => {
        if (state.broken) reject(state.broken)
        // While a commit is on its way to the disk, what arrives waits for it and shares the next.
        else if (
          stage(state, write, { resolve, reject }) &&
          state.waiting.writes.length === 1 &&
          !state.syncing
        )
          setImmediate(() => commit(state))
      }),
    finish() {
      if (state.syncing) syncNow(state, state.syncing)
      const batch = state.broken ? undefined : append(state)
      if (batch) syncNow(state, batch)
    },
  }
}

/** Checks the precondition and queues the write. @returns whether it was queued */
function stage(
  state: State,
  write: StoreWrite,
  { resolve, reject }: Pick<Pending, 'resolve' | 'reject'>,
): boolean {
  const id = claimKey(write.key)
  const claim = state.claims.get(id)
  const before = claim ? claim.stored : state.options.current.get(write.key)
  const missing = write.kind === 'delete' && !before
  if (missing || (write.expect !== undefined && write.expect !== (before?.revision ?? 0))) {
    const answer = () => resolve({ kind: 'conflict', current: before })
    // A retry reads what it lost against only when that is durable.
    if (claim) claim.batch.refused.push({ answer, reject })
    else answer()
    return false
  }
  const revision = state.next
  state.next += 1
  const object = atRevision(write.kind === 'put' ? write.object : (before as StoredObject).object, revision)
  const stored = write.kind === 'put' ? { key: write.key, revision, object } : undefined
  const kind = write.kind === 'delete' ? 'deleted' : before ? 'updated' : 'created'
  const json = JSON.stringify(object)
  state.claims.set(id, { batch: state.waiting, stored })
  state.waiting.writes.push({
    key: write.key,
    stored,
    row: { revision, key: write.key, kind, json },
    event: { kind, revision, key: write.key, object, previous: before?.object, size: json.length },
    resolve,
    reject,
  })
  return true
}

/** One transaction for all that waits, and then the disk. */
function commit(state: State): void {
  if (state.syncing || state.broken) return
  const batch = append(state)
  if (!batch) return
  const { log } = state.options
  if (!log) {
    publish(state, batch)
    return
  }
  state.syncing = batch
  log.start((error) => {
    if (state.syncing !== batch) return // `finish` has not waited
    if (error) breakOff(state, batch, error)
    else publish(state, batch)
    commit(state)
  })
}

/** @returns what is in the database now; undefined when nothing waited or the database refused */
function append(state: State): Batch | undefined {
  const batch = state.waiting
  if (batch.writes.length === 0) return undefined
  state.waiting = emptyBatch()
  try {
    state.options.history.append(batch.writes.map((write) => write.row))
    return batch
  } catch (error) {
    state.next = state.committed + 1
    refuse(
      state,
      batch,
      new StoreError(
        `the write was not stored: ${messageOf(error)}; check that the disk is neither full nor read-only`,
        { cause: error },
      ),
    )
    return undefined
  }
}

function syncNow(state: State, batch: Batch): void {
  try {
    state.options.log?.now()
  } catch (error) {
    breakOff(state, batch, error)
    return
  }
  publish(state, batch)
}

/** From now on readers and watchers see the writes. */
function publish(state: State, batch: Batch): void {
  const { current, onDurable, onCommitted } = state.options
  state.syncing = undefined
  release(state, batch)
  for (const { key, stored } of batch.writes) {
    if (stored) current.set(stored)
    else current.remove(key)
  }
  state.committed = batch.writes.at(-1)?.row.revision ?? state.committed
  onDurable(state.committed)
  for (const write of batch.writes) {
    write.resolve({ kind: 'written', object: write.event.object, revision: write.event.revision })
  }
  for (const { answer } of batch.refused) answer()
  onCommitted(batch.writes.map((write) => write.event))
}

/** Linux forgets what it could not bring to the disk, so a second attempt would succeed and mean nothing. */
function breakOff(state: State, batch: Batch, error: unknown): void {
  state.syncing = undefined
  state.broken = new StoreError(
    `whether the write is on the disk is not known: ${messageOf(error)}; nothing more is written until the ` +
      'API server is started again: check the disk first',
    { cause: error },
  )
  for (const each of [batch, state.waiting]) refuse(state, each, state.broken)
  state.waiting = emptyBatch()
}

function refuse(state: State, batch: Batch, error: StoreError): void {
  release(state, batch)
  for (const write of [...batch.writes, ...batch.refused]) write.reject(error)
}

/** A later write of the same key keeps its claim. */
function release({ claims }: State, batch: Batch): void {
  for (const { key } of batch.writes) {
    const id = claimKey(key)
    if (claims.get(id)?.batch === batch) claims.delete(id)
  }
}

function atRevision(object: KubeObject, revision: number): KubeObject {
  const metadata = { ...object.metadata, resourceVersion: String(revision) }
  return deepFreeze({ ...object, metadata })
}

function claimKey(key: StoreKey): string {
  return `${key.collection}/${key.namespace}/${key.name}`
}
