import type { Clock, Logger, Random } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { createInformer, type Informer, type KindRef, type KubeClient } from '../../kube/client/index.ts'
import type { EventRecorder } from './events.ts'

export interface ObjectChange<T> {
  /** `namespace/name`, or `name` for kinds without namespaces. */
  readonly key: string
  readonly before?: T
  readonly after?: T
}

/** One informer of a kind, read and followed by several controllers. */
export interface SharedInformer<T extends KubeObject> {
  readonly get: (name: string, namespace?: string) => T | undefined
  readonly list: () => readonly T[]
  readonly synced: Promise<void>
  readonly onChange: (handler: (changes: readonly ObjectChange<T>[]) => void) => void
  /** Objects by something else than their name, so that one change does not cost a look at all of them. */
  readonly indexBy: (keysOf: (object: T) => readonly string[]) => ObjectIndex<T>
}

export interface ObjectIndex<T> {
  readonly lookup: (key: string) => readonly T[]
}

export interface SharedInformers {
  readonly of: <T extends KubeObject>(kind: KindRef) => SharedInformer<T>
  /** For a kind that is served no longer; asked for again, it is followed anew. */
  readonly release: (kind: KindRef) => void
  readonly stop: () => void
}

/** What every controller is given. */
export interface ControllerContext {
  readonly client: KubeClient
  readonly informers: SharedInformers
  readonly events: EventRecorder
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface Controller {
  readonly name: string
  readonly stop: () => Promise<void>
}

interface InformerSettings {
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export function createSharedInformers(options: InformerSettings): SharedInformers {
  const shared = new Map<string, Shared>()
  return {
    of<T extends KubeObject>(kind: KindRef): SharedInformer<T> {
      const id = idOf(kind)
      const entry = shared.get(id) ?? share(options, kind)
      shared.set(id, entry)
      // The map holds informers of all kinds; the kind decides the type.
      return entry.view as unknown as SharedInformer<T>
    },
    release(kind) {
      shared.get(idOf(kind))?.informer.stop()
      shared.delete(idOf(kind))
    },
    stop() {
      for (const { informer } of shared.values()) informer.stop()
    },
  }
}

interface Shared {
  readonly informer: Informer<KubeObject>
  readonly view: SharedInformer<KubeObject>
}

function share(options: InformerSettings, kind: KindRef): Shared {
  type Changes = readonly ObjectChange<KubeObject>[]
  const indexes: ((changes: Changes) => void)[] = []
  const handlers: ((changes: Changes) => void)[] = []
  const informer = createInformer<KubeObject>({
    ...options,
    kind,
    onChange: (changes) => {
      // Indexes first: handlers look things up.
      for (const index of indexes) index(changes)
      for (const handler of handlers) handler(changes)
    },
  })
  /** A late comer is told of everything that is already known. */
  const join = (listeners: ((changes: Changes) => void)[], listener: (changes: Changes) => void) => {
    listeners.push(listener)
    const known = informer.list()
    if (known.length > 0) listener(known.map((after) => ({ key: keyOf(after), after })))
  }
  const view: SharedInformer<KubeObject> = {
    get: informer.get,
    list: informer.list,
    synced: informer.synced,
    onChange: (handler) => join(handlers, handler),
    indexBy(keysOf) {
      const { index, update } = createObjectIndex(keysOf)
      join(indexes, update)
      return index
    },
  }
  return { informer, view }
}

function createObjectIndex(keysOf: (object: KubeObject) => readonly string[]): {
  readonly index: ObjectIndex<KubeObject>
  readonly update: (changes: readonly ObjectChange<KubeObject>[]) => void
} {
  const buckets = new Map<string, Map<string, KubeObject>>()
  const update = (changes: readonly ObjectChange<KubeObject>[]) => {
    for (const { key, before, after } of changes) {
      for (const bucket of before ? keysOf(before) : []) {
        const objects = buckets.get(bucket)
        objects?.delete(key)
        if (objects?.size === 0) buckets.delete(bucket)
      }
      for (const bucket of after ? keysOf(after) : []) {
        const objects = buckets.get(bucket) ?? new Map<string, KubeObject>()
        if (after) buckets.set(bucket, objects.set(key, after))
      }
    }
  }
  return { index: { lookup: (key) => [...(buckets.get(key)?.values() ?? [])] }, update }
}

function idOf(kind: KindRef): string {
  return `${kind.group}/${kind.version}/${kind.plural}`
}

export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata
  return namespace === undefined ? name : `${namespace}/${name}`
}

export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) }
}

/** Waits for informers, but not after the controller is told to stop: their server may be away for good. */
export async function orAborted(ready: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Error('the controller stops'))
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([ready, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
