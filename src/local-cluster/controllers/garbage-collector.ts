import { createWorkQueue } from '../../base/index.ts'
import {
  type CustomResourceDefinition,
  type KubeObject,
  type OwnerReference,
  parseApiVersion,
} from '../../kube/index.ts'
import { type KindRef, KINDS } from '../../kube/client/index.ts'
import type { ApiResources } from './api-resources.ts'
import { ignoreOvertaken } from './claim.ts'
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
    if (states.includes('there')) {
      // It lives on, but must not hold up an owner that waits for its dependents.
      const owners = object.owners.filter((_, index) => states[index] === 'there')
      if (owners.length < object.owners.length) await patchMeta(object, { ownerReferences: owners })
      return
    }
    // An owner that waits for its dependents wants them gone in the foreground as well.
    const propagationPolicy =
      states.includes('waiting') && graph.dependentsOf(object.uid).length > 0 ? 'Foreground' : 'Background'
    const { kind, name, namespace, uid, resourceVersion } = object
    logger.debug('deletes what has no owner left', { kind: kind.kind, name, namespace })
    // The resourceVersion: somebody may have given it another owner just now.
    const options = { uid, resourceVersion, propagationPolicy } as const
    await client.delete(kind, name, namespace, options).catch(ignoreOvertaken)
  }

  const stateOf = async (
    owner: OwnerReference,
    namespace: string | undefined,
  ): Promise<'there' | 'waiting' | 'gone'> => {
    const known = graph.get(owner.uid)
    if (known) return known.deleting && known.finalizers.includes(FOREGROUND) ? 'waiting' : 'there'
    const kind = kinds.get(kindId(parseApiVersion(owner.apiVersion).group, owner.kind))
    if (!kind) return 'there' // a kind that is not served (yet): nothing can be said, so nothing is deleted
    const live = await client.get<KubeObject>(kind, owner.name, kind.namespaced ? namespace : undefined)
    return live?.metadata.uid === owner.uid ? 'there' : 'gone'
  }

  const deleteDependents = async (object: OwnedObject) => {
    const dependents = graph.dependentsOf(object.uid)
    for (const dependent of dependents) queue.add(dependent.uid)
    const isBlocking = (one: OwnedObject) =>
      one.owners.some((owner) => owner.uid === object.uid && owner.blockOwnerDeletion)
    if (!dependents.some(isBlocking)) await removeFinalizer(object, FOREGROUND)
  }

  const orphanDependents = async (object: OwnedObject) => {
    for (const dependent of graph.dependentsOf(object.uid)) {
      const ownerReferences = dependent.owners.filter((owner) => owner.uid !== object.uid)
      await patchMeta(dependent, { ownerReferences })
    }
    // Each patch comes back through the watch; with the last one nothing depends on it any more.
    if (graph.dependentsOf(object.uid).length === 0) await removeFinalizer(object, ORPHAN)
  }

  const removeFinalizer = (object: OwnedObject, finalizer: string) =>
    patchMeta(object, { finalizers: object.finalizers.filter((one) => one !== finalizer) })

  /** Only on the version that was looked at: a newer one comes through the watch and is looked at again. */
  const patchMeta = async (object: OwnedObject, change: object) => {
    const { kind, name, namespace, uid, resourceVersion } = object
    const patch = { metadata: { uid, resourceVersion, ...change } }
    await client.patch(kind, name, namespace, patch, { type: 'merge' }).catch(ignoreOvertaken)
  }

  const follow = (kind: KindRef) => {
    if (LEFT_OUT.has(kind.plural)) return
    kinds.set(kindId(kind.group, kind.kind), kind)
    informers.of<KubeObject>(kind).onChange((changes) => {
      for (const { before, after } of changes) {
        if (after) onPresent(ownedObject(kind, after), before && ownedObject(kind, before))
        else if (before) onGone(ownedObject(kind, before))
      }
    })
  }

  const onPresent = (object: OwnedObject, before: OwnedObject | undefined) => {
    // The same name with another uid: deleted and made again between two looks.
    if (before && before.uid !== object.uid) onGone(before)
    graph.set(object)
    if (object.deleting || object.owners.length > 0) queue.add(object.uid)
    if (object.deleting) for (const dependent of graph.dependentsOf(object.uid)) queue.add(dependent.uid)
    for (const owner of before?.owners ?? []) if (graph.get(owner.uid)?.deleting) queue.add(owner.uid)
  }

  const onGone = (object: OwnedObject) => {
    graph.delete(object.uid)
    for (const dependent of graph.dependentsOf(object.uid)) queue.add(dependent.uid)
    for (const owner of object.owners) if (graph.get(owner.uid)?.deleting) queue.add(owner.uid)
  }

  /** Follows what is served and lets go of what is not any more. */
  const followServed = async () => {
    const served = new Map(
      (await context.resources.list()).map((kind) => [kindId(kind.group, kind.kind), kind]),
    )
    for (const [id, kind] of kinds) {
      if (served.get(id)?.version === kind.version) continue
      kinds.delete(id)
      for (const object of informers.of<KubeObject>(kind).list()) onGone(ownedObject(kind, object))
      informers.release(kind)
    }
    for (const [id, kind] of served) if (!kinds.has(id)) follow(kind)
  }

  const discovery = createWorkQueue({
    ...context,
    name: 'garbage-collector discovery',
    concurrency: 1,
    retryBaseMs: 100,
    retryMaxMs: 5_000,
    reconcile: async () => {
      await followServed()
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

/** The version is left out: an owner may be named by another one than its kind is followed in. */
function kindId(group: string, kind: string): string {
  return `${group}/${kind}`
}
