import type { Clock, Logger, Random } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { createInformer, type Informer, type KindRef, type KubeClient } from '../../kube/client/index.ts'

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
}

export interface SharedInformers {
  readonly of: <T extends KubeObject>(kind: KindRef) => SharedInformer<T>
  readonly stop: () => void
}

/** What every controller is given. */
export interface ControllerContext {
  readonly client: KubeClient
  readonly informers: SharedInformers
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface Controller {
  readonly name: string
  readonly stop: () => Promise<void>
}

export function createSharedInformers(options: {
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): SharedInformers {
  const shared = new Map<
    string,
    { readonly informer: Informer<KubeObject>; readonly view: SharedInformer<KubeObject> }
  >()
  const start = (kind: KindRef) => {
    const handlers: ((changes: readonly ObjectChange<KubeObject>[]) => void)[] = []
    const informer = createInformer<KubeObject>({
      ...options,
      kind,
      onChange: (changes) => {
        for (const handler of handlers) handler(changes)
      },
    })
    const view: SharedInformer<KubeObject> = {
      get: informer.get,
      list: informer.list,
      synced: informer.synced,
      onChange(handler) {
        handlers.push(handler)
        // A late comer is told of everything that is already known.
        const known = informer.list()
        if (known.length > 0) handler(known.map((after) => ({ key: keyOf(after), after })))
      },
    }
    return { informer, view }
  }
  return {
    of<T extends KubeObject>(kind: KindRef): SharedInformer<T> {
      const id = `${kind.group}/${kind.version}/${kind.plural}`
      const entry = shared.get(id) ?? start(kind)
      shared.set(id, entry)
      return entry.view as unknown as SharedInformer<T>
    },
    stop() {
      for (const { informer } of shared.values()) informer.stop()
    },
  }
}

export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata
  return namespace === undefined ? name : `${namespace}/${name}`
}

export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) }
}
