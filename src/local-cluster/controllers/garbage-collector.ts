import { createWorkQueue } from '../../base/index.ts'
import {
  type CustomResourceDefinition,
  formatApiVersion,
  type KubeObject,
  type OwnerReference,
} from '../../kube/index.ts'
import { isConflict, isNotFound, type KindRef, KINDS } from '../../kube/client/index.ts'
import type { ApiResources } from './api-resources.ts'
import { createOwnershipGraph, type OwnedObject, ownedObject } from './ownership.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'

const FOREGROUND = 'foregroundDeletion'
const ORPHAN = 'orphan'
/** Events come and go by the thousand and own nothing. */
const LEFT_OUT = new Set(['events'])

/** Deletes what has lost its last owner, and carries out foreground and orphan deletion. */
export function createGarbageCollector(
  context: ControllerContext & { readonly resources: ApiResources },
): Controller {
  const { client, informers, logger } = context
  const graph = createOwnershipGraph()
  const kinds = new Map<string, KindRef>()

  const queue = createWorkQueue({
    ...context,
    name: 'garbage-collector',
    concurrency: 8,
    retryBaseMs: 20,
    retryMaxMs: 5_000,
    logger: logger.scope('garbage-collector'),
    reconcile: async (uid) => {
      const object = graph.get(uid)
      if (!object) return undefined
      if (object.deleting && object.finalizers.includes(ORPHAN)) await orphanDependents(object)
      else if (object.deleting && object.finalizers.includes(FOREGROUND)) await deleteDependents(object)
      else if (!object.deleting && object.owners.length > 0) await deleteIfOwnerless(object)
      return undefined
    },
  })

  const deleteIfOwnerless = async (object: OwnedObject) => {
    const states = await Promise.all(object.owners.map((owner) => stateOf(owner, object.namespace)))
    if (states.includes('there')) return
    // An owner that waits for its dependents wants them gone in the foreground as well.
    const propagationPolicy =
      states.includes('waiting') && graph.dependentsOf(object.uid).length > 0 ? 'Foreground' : 'Background'
    logger.debug('deletes what has no owner left', {
      kind: object.kind.kind,
      name: object.name,
      namespace: object.namespace,
    })
    await client
      .delete(object.kind, object.name, object.namespace, { uid: object.uid, propagationPolicy })
      .catch(ignoreGone)
  }

  const stateOf = async (
    owner: OwnerReference,
    namespace: string | undefined,
  ): Promise<'there' | 'waiting' | 'gone'> => {
    const known = graph.get(owner.uid)
    if (known) return known.deleting && known.finalizers.includes(FOREGROUND) ? 'waiting' : 'there'
    const kind = kinds.get(`${owner.apiVersion}/${owner.kind}`)
    if (!kind) return 'there' // a kind that is not served (yet): nothing can be said, so nothing is deleted
    const live = await client.get<KubeObject>(kind, owner.name, kind.namespaced ? namespace : undefined)
    return live?.metadata.uid === owner.uid ? 'there' : 'gone'
  }

  const deleteDependents = async (object: OwnedObject) => {
    const dependents = graph.dependentsOf(object.uid)
    for (const dependent of dependents) queue.add(dependent.uid)
    const blocking = dependents.filter((one) =>
      one.owners.some((owner) => owner.uid === object.uid && owner.blockOwnerDeletion),
    )
    if (blocking.length === 0) await removeFinalizer(object, FOREGROUND)
  }

  const orphanDependents = async (object: OwnedObject) => {
    for (const dependent of graph.dependentsOf(object.uid)) {
      const ownerReferences = dependent.owners.filter((owner) => owner.uid !== object.uid)
      const patch = { metadata: { uid: dependent.uid, ownerReferences } }
      await client
        .patch(dependent.kind, dependent.name, dependent.namespace, patch, { type: 'merge' })
        .catch(ignoreGone)
    }
    await removeFinalizer(object, ORPHAN)
  }

  const removeFinalizer = async (object: OwnedObject, finalizer: string) => {
    const finalizers = object.finalizers.filter((one) => one !== finalizer)
    const patch = { metadata: { uid: object.uid, finalizers } }
    await client.patch(object.kind, object.name, object.namespace, patch, { type: 'merge' }).catch(ignoreGone)
  }

  const follow = (kind: KindRef) => {
    const id = `${formatApiVersion(kind)}/${kind.kind}`
    if (kinds.has(id) || LEFT_OUT.has(kind.plural)) return
    kinds.set(id, kind)
    informers.of<KubeObject>(kind).onChange((changes) => {
      for (const { before, after } of changes) {
        if (after) onPresent(ownedObject(kind, after))
        else if (before) onGone(ownedObject(kind, before))
      }
    })
  }

  const onPresent = (object: OwnedObject) => {
    graph.set(object)
    if (object.deleting || object.owners.length > 0) queue.add(object.uid)
    if (object.deleting) for (const dependent of graph.dependentsOf(object.uid)) queue.add(dependent.uid)
  }

  const onGone = (object: OwnedObject) => {
    graph.delete(object.uid)
    for (const dependent of graph.dependentsOf(object.uid)) queue.add(dependent.uid)
    for (const owner of object.owners) if (graph.get(owner.uid)?.deleting) queue.add(owner.uid)
  }

  const discovery = createWorkQueue({
    ...context,
    name: 'garbage-collector discovery',
    concurrency: 1,
    retryBaseMs: 100,
    retryMaxMs: 5_000,
    reconcile: async () => {
      for (const kind of await context.resources.list()) follow(kind)
      return undefined
    },
  })
  discovery.add('kinds')
  informers
    .of<CustomResourceDefinition>(KINDS.customResourceDefinition)
    .onChange(() => discovery.add('kinds'))
  return {
    name: 'garbage-collector',
    async stop() {
      await Promise.all([queue.stop(), discovery.stop()])
    },
  }
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error) && !isConflict(error)) throw error
}
