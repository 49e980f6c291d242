import type { KubeObject } from '../../kube/index.ts'

/**
 * What this writer has written and the informer does not tell of yet. Without it a second look at an object, or a
 * second change of its status, would meet a conflict with our own first write.
 */
export interface OwnWrites {
  /** The object as it is, as far as is known. @param observed as the informer has it */
  readonly latest: (key: string, observed: KubeObject | undefined) => KubeObject | undefined
  /** @param observed what the informer had when it was written; @param written the API server's answer */
  readonly wrote: (key: string, observed: KubeObject, written: KubeObject) => void
}

export function createOwnWrites(): OwnWrites {
  /** Forgotten with the next look, which our own write's event brings about. */
  const writes = new Map<string, { readonly over: string | undefined; readonly written: KubeObject }>()
  return {
    latest(key, observed) {
      const own = writes.get(key)
      if (own === undefined) return observed
      if (observed?.metadata.resourceVersion === own.over) return own.written
      writes.delete(key)
      return observed
    },
    wrote(key, observed, written) {
      writes.set(key, { over: observed.metadata.resourceVersion, written })
    },
  }
}
