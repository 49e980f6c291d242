import type { KubeObject } from '../../kube/index.ts'
import type { Expectations } from './expectations.ts'
import { addOwners, controllerOf } from './pods.ts'
import { keyOf, type ObjectIndex, type SharedInformer } from './shared-informers.ts'

/** Brings a controller back to an owner whenever one of its objects changes, or one that it might adopt. */
export function followOwned<T extends KubeObject, O extends KubeObject>(
  objects: SharedInformer<T>,
  options: {
    readonly ownerKind: string
    readonly add: (key: string) => void
    /** The owners of a namespace, one of which may select what nobody controls; undefined where none adopts. */
    readonly adopters?: ObjectIndex<O>
    readonly selects?: (owner: O, object: T) => boolean
  },
): void {
  const { ownerKind, add, adopters, selects } = options
  objects.onChange((changes) => {
    for (const { before, after } of changes) {
      addOwners(ownerKind, add, before, after)
      if (!after || !adopters || controllerOf(after)) continue
      for (const owner of adopters.lookup(after.metadata.namespace ?? '')) {
        if (selects?.(owner, after)) add(keyOf(owner))
      }
    }
  })
}

/** What an informer shows is no longer only expected. To be called before whatever acts on expectations follows it. */
export function observeAll<T extends KubeObject>(
  objects: SharedInformer<T>,
  expectations: Expectations,
): void {
  objects.onChange((changes) => {
    for (const { before, after } of changes) {
      const isThere = after !== undefined && after.metadata.deletionTimestamp === undefined
      expectations.observe((after ?? before)?.metadata.uid ?? '', isThere)
    }
  })
}
