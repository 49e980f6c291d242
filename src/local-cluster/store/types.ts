import type { KubeObject } from '../../kube/index.ts'

/** Where an object lives. Keys of one collection sort by namespace, then name, as lists are answered. */
export interface StoreKey {
  /** `<group or core>/<plural>`, such as `apps/deployments` */
  readonly collection: string
  /** '' for kinds that live outside namespaces */
  readonly namespace: string
  readonly name: string
}

/** The revision that the key must be at: 0 means that it must not exist; undefined takes whatever is there. */
export type Precondition = number | undefined

export type StoreWrite =
  | {
      readonly kind: 'put'
      readonly key: StoreKey
      readonly object: KubeObject
      readonly expect: Precondition
    }
  | { readonly kind: 'delete'; readonly key: StoreKey; readonly expect: Precondition }

export type WriteResult =
  | { readonly kind: 'written'; readonly object: KubeObject; readonly revision: number }
  /** the precondition did not hold; nothing was written */
  | { readonly kind: 'conflict'; readonly current: StoredObject | undefined }

export interface StoredObject {
  readonly key: StoreKey
  /** the revision of the last write of this object; its `metadata.resourceVersion` says the same */
  readonly revision: number
  /** deeply frozen, so that it may be handed out without a copy */
  readonly object: KubeObject
}

export interface StoreEvent {
  readonly kind: 'created' | 'updated' | 'deleted'
  readonly revision: number
  readonly key: StoreKey
  /** the state after the change; for a deletion the last state, with the deletion's revision */
  readonly object: KubeObject
  /** the state before an update or deletion; undefined after a creation, or when it has been compacted */
  readonly previous: KubeObject | undefined
  /** of the object's JSON, in characters */
  readonly size: number
}

export interface ListOptions {
  readonly collection: string
  readonly namespace?: string
  /** the state as it was at this revision; the current one when absent */
  readonly atRevision?: number
}

export type ListResult =
  | { readonly kind: 'listed'; readonly objects: readonly StoredObject[]; readonly revision: number }
  | { readonly kind: 'compacted'; readonly oldest: number }
  | { readonly kind: 'future'; readonly revision: number }

export interface SubscribeOptions {
  readonly collection: string
  readonly namespace?: string
  /** every later event is delivered; the current revision when absent */
  readonly fromRevision?: number
  /** Called with the events of one commit, in order. Must not throw and must not wait. */
  readonly onEvents: (events: readonly StoreEvent[]) => void
}

export type SubscribeResult =
  | { readonly kind: 'subscribed'; readonly revision: number; readonly stop: () => void }
  | { readonly kind: 'compacted'; readonly oldest: number }
  | { readonly kind: 'future'; readonly revision: number }

/** Every object of the cluster, one global revision, and a bounded history of changes. */
export interface Store {
  /** the revision of the last committed write */
  readonly revision: () => number
  readonly get: (key: StoreKey) => StoredObject | undefined
  readonly list: (options: ListOptions) => ListResult
  /** the number of objects without building a list */
  readonly count: (collection: string) => number
  /**
   * Resolves when the write is durable: concurrent writes of one event-loop turn share a commit.
   * @throws StoreError (rejection) when the disk refuses; then nothing of that commit has happened
   */
  readonly write: (write: StoreWrite) => Promise<WriteResult>
  readonly subscribe: (options: SubscribeOptions) => SubscribeResult
  /** Forgets the history up to and including a revision, save what is needed to list at a later one. */
  readonly compact: (revision: number) => void
  /** Commits what is waiting, then closes. */
  readonly close: () => void
}
