/**
 * store: every object of the one-machine cluster, in SQLite. One global revision is the resourceVersion of
 * Kubernetes; a write names the revision it expects (compare and set), resolves when it is durable, and is seen by
 * readers and subscribers only then. Neither kill -9 nor power loss loses a resolved write: the log is synced before,
 * beside the event loop, and concurrent writes share it. Objects handed out are frozen. The history of changes is kept
 * up to a bound (20,000 revisions, 128 MB of JSON), so that watches resume; before that the answer is "compacted". A
 * file that is damaged, foreign, of a newer version or short of acknowledged writes is refused before anything of it is
 * changed.
 */
export { createSqliteStore, type SqliteStoreOptions } from './sqlite-store.ts'
export { StoreError } from './store-error.ts'
export type {
  ListOptions,
  ListResult,
  Precondition,
  Store,
  StoredObject,
  StoreEvent,
  StoreKey,
  StoreWrite,
  SubscribeOptions,
  SubscribeResult,
  WriteResult,
} from './types.ts'
