import type { KubeObject } from '../../kube/index.ts'
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KindRef,
  type KubeClient,
} from '../../kube/client/index.ts'
import { controllerReference } from './pods.ts'

export interface ClaimOptions<T extends KubeObject> {
  readonly client: KubeClient
  readonly owner: KubeObject
  readonly ownerKind: KindRef
  readonly kind: KindRef
  /** What the owner controls now. */
  readonly owned: readonly T[]
  /** What nobody controls, in the same namespace. */
  readonly orphans: readonly T[]
  readonly selects: (object: T) => boolean
}

/**
 * What belongs to an owner: it keeps what it selects, lets go of what it does not select any more (a pod whose label
 * somebody changed to look at it in peace), and adopts what it selects and nobody controls.
 */
export async function claim<T extends KubeObject>(options: ClaimOptions<T>): Promise<readonly T[]> {
  const { client, owner, owned, orphans, selects, kind } = options
  if (owner.metadata.deletionTimestamp !== undefined) return owned
  const kept = owned.filter(selects)
  for (const object of owned) {
    if (selects(object) || object.metadata.deletionTimestamp !== undefined) continue
    const ownerReferences = object.metadata.ownerReferences?.filter((one) => one.uid !== owner.metadata.uid)
    await client
      .patch<T>(kind, object.metadata.name, object.metadata.namespace, ownersPatch(object, ownerReferences), {
        type: 'merge',
      })
      .catch(ignoreOvertaken)
  }
  const adoptable = orphans.filter(
    (object) => object.metadata.deletionTimestamp === undefined && selects(object),
  )
  if (adoptable.length === 0 || !(await isStillThere(options))) return kept
  const adopted: T[] = []
  for (const object of adoptable) {
    const ownerReferences = [...(object.metadata.ownerReferences ?? []), controllerReference(owner)]
    const { name, namespace } = object.metadata
    const patch = ownersPatch(object, ownerReferences)
    adopted.push(await client.patch<T>(kind, name, namespace, patch, { type: 'merge' }))
  }
  return [...kept, ...adopted]
}

/** An owner that is being deleted must not adopt what its deletion has just orphaned: the informer may be late. */
async function isStillThere<T extends KubeObject>(options: ClaimOptions<T>): Promise<boolean> {
  const { name, namespace, uid } = options.owner.metadata
  const live = await options.client.get<KubeObject>(options.ownerKind, name, namespace)
  return live?.metadata.uid === uid && live?.metadata.deletionTimestamp === undefined
}

function ownersPatch(object: KubeObject, ownerReferences: unknown) {
  const { uid, resourceVersion } = object.metadata
  return { metadata: { uid, resourceVersion, ownerReferences } }
}

/** A newer version comes through the watch and brings the key back. */
export function ignoreOvertaken(error: unknown): void {
  if (!isConflict(error) && !isNotFound(error)) throw error
}

/** What was to be made is there: made before, but not seen yet. */
export function ignoreExisting(error: unknown): void {
  if (!isAlreadyExists(error)) throw error
}
