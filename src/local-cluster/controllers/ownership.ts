import type { KubeObject, OwnerReference } from '../../kube/index.ts'
import type { KindRef } from '../../kube/client/index.ts'

/** An object as the garbage collector sees it. */
export interface OwnedObject {
  readonly uid: string
  readonly kind: KindRef
  readonly namespace: string | undefined
  readonly name: string
  readonly resourceVersion: string
  readonly owners: readonly OwnerReference[]
  readonly finalizers: readonly string[]
  readonly deleting: boolean
}

/** Who owns whom, by uid, over all kinds. */
export interface OwnershipGraph {
  readonly set: (object: OwnedObject) => void
  readonly delete: (uid: string) => void
  readonly get: (uid: string) => OwnedObject | undefined
  readonly dependentsOf: (ownerUid: string) => readonly OwnedObject[]
}

export function createOwnershipGraph(): OwnershipGraph {
  const objects = new Map<string, OwnedObject>()
  const dependents = new Map<string, Set<string>>()
  const unlink = (object: OwnedObject | undefined) => {
    for (const owner of object?.owners ?? []) {
      const uids = dependents.get(owner.uid)
      uids?.delete(object?.uid ?? '')
      if (uids?.size === 0) dependents.delete(owner.uid)
    }
  }
  return {
    set(object) {
      unlink(objects.get(object.uid))
      objects.set(object.uid, object)
      for (const owner of object.owners) {
        const uids = dependents.get(owner.uid) ?? new Set()
        dependents.set(owner.uid, uids.add(object.uid))
      }
    },
    delete(uid) {
      unlink(objects.get(uid))
      objects.delete(uid)
    },
    get: (uid) => objects.get(uid),
    dependentsOf: (ownerUid) =>
      [...(dependents.get(ownerUid) ?? [])].flatMap((uid) => objects.get(uid) ?? []),
  }
}

export function ownedObject(kind: KindRef, object: KubeObject): OwnedObject {
  const { metadata } = object
  return {
    uid: metadata.uid ?? '',
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    resourceVersion: metadata.resourceVersion ?? '',
    owners: metadata.ownerReferences ?? [],
    finalizers: metadata.finalizers ?? [],
    deleting: metadata.deletionTimestamp !== undefined,
  }
}
