import { messageOf } from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import type { ServerContext } from '../context.ts'
import { at, formatTime, listAt, sameJson, stringAt, withAt, withMeta } from '../json.ts'
import { CRD_CLEANUP_FINALIZER, CRD_COLLECTION, withStatus } from '../kinds/crd.ts'
import { collectionOf, type Resources } from '../resources.ts'
import { servedBy } from './served.ts'

/** Serves the stored CustomResourceDefinitions, and follows their changes from the commit on. */
export function serveCustomResources(store: Store, resources: Resources): () => void {
  const listed = store.list({ collection: CRD_COLLECTION })
  if (listed.kind === 'listed') {
    for (const { object } of listed.objects) resources.setCustom(object.metadata.name, servedBy(object))
  }
  const subscribed = store.subscribe({
    collection: CRD_COLLECTION,
    onEvents(events) {
      for (const event of events) {
        const isSame = event.kind === 'updated' && servesTheSame(event.previous, event.object)
        if (isSame) continue
        resources.setCustom(event.key.name, event.kind === 'deleted' ? [] : servedBy(event.object))
      }
    },
  })
  return subscribed.kind === 'subscribed' ? subscribed.stop : () => {}
}

/** A change of labels or conditions keeps the compiled schemas. */
function servesTheSame(previous: KubeObject | undefined, object: KubeObject): boolean {
  if (!previous || previous.metadata.generation !== object.metadata.generation) return false
  return servedBy(previous).length === servedBy(object).length
}

/**
 * Deletes the objects of definitions that are being deleted, then lets the definitions go; names that become free are
 * given to the definitions that wait for them.
 */
export function cleanUpDeletedDefinitions(context: ServerContext): () => void {
  const { store, logger } = context
  const running = new Set<string>()
  const start = (crd: KubeObject) => {
    const { name, deletionTimestamp, finalizers } = crd.metadata
    if (deletionTimestamp === undefined || !finalizers?.includes(CRD_CLEANUP_FINALIZER) || running.has(name))
      return
    running.add(name)
    cleanUp(context, name)
      .catch((error: unknown) =>
        logger.error('a deleted CRD could not be cleaned up', { crd: name, error: messageOf(error) }),
      )
      .finally(() => running.delete(name))
  }
  const settle = (crd: KubeObject) => {
    const group = stringAt(crd.spec, 'group') ?? ''
    acceptFreeNames(context, group).catch((error: unknown) =>
      logger.error('names of CRDs could not be settled', { group, error: messageOf(error) }),
    )
  }
  const listed = store.list({ collection: CRD_COLLECTION })
  if (listed.kind === 'listed') for (const { object } of listed.objects) start(object)
  const subscribed = store.subscribe({
    collection: CRD_COLLECTION,
    onEvents: (events) => {
      for (const event of events) {
        if (event.kind === 'deleted' || event.previous) settle(event.object)
        if (event.kind !== 'deleted') start(event.object)
      }
    },
  })
  return subscribed.kind === 'subscribed' ? subscribed.stop : () => {}
}

/** Looks again at the definitions of a group whose names were taken. */
async function acceptFreeNames(context: ServerContext, group: string): Promise<void> {
  const { store } = context
  const listed = store.list({ collection: CRD_COLLECTION })
  if (listed.kind !== 'listed') return
  for (const { object, revision } of listed.objects) {
    const isWaiting = listAt(object.status, 'conditions').some(
      (condition) =>
        stringAt(condition, 'type') === 'NamesAccepted' && stringAt(condition, 'status') === 'False',
    )
    const isLeaving = object.metadata.deletionTimestamp !== undefined
    if (!isWaiting || isLeaving || stringAt(object.spec, 'group') !== group) continue
    const next = withStatus(object, object, context)
    if (sameJson(next.status, object.status)) continue
    const key = { collection: CRD_COLLECTION, namespace: '', name: object.metadata.name }
    await store.write({ kind: 'put', key, object: next, expect: revision })
  }
}

const POLL_MS = 200
/** Objects with finalizers hold the definition back; after this long the next change of it tries again. */
const CLEAN_UP_MAX_MS = 600_000

async function cleanUp(context: ServerContext, name: string): Promise<void> {
  const { store, clock } = context
  const key = { collection: CRD_COLLECTION, namespace: '', name }
  const deadline = clock.monotonic() + CLEAN_UP_MAX_MS
  for (;;) {
    const crd = store.get(key)
    if (!crd || crd.object.metadata.deletionTimestamp === undefined) return
    const collection = collectionOf(
      stringAt(crd.object.spec, 'group') ?? '',
      stringAt(crd.object.spec, 'names', 'plural') ?? '',
    )
    const left = await deleteAll(context, collection)
    if (left === 0) {
      const finalizers = (crd.object.metadata.finalizers ?? []).filter(
        (each) => each !== CRD_CLEANUP_FINALIZER,
      )
      const result =
        finalizers.length === 0
          ? await store.write({ kind: 'delete', key, expect: crd.revision })
          : await store.write({
              kind: 'put',
              key,
              object: withMeta(crd.object, { finalizers }),
              expect: crd.revision,
            })
      if (result.kind === 'written') return
    } else {
      await markTerminating(context, crd)
      if (clock.monotonic() > deadline) return
    }
    await clock.sleep(POLL_MS)
  }
}

/** @returns how many objects are still there, held back by finalizers */
async function deleteAll({ store, clock }: ServerContext, collection: string): Promise<number> {
  const listed = store.list({ collection })
  if (listed.kind !== 'listed') return 0
  const now = formatTime(clock.now())
  await Promise.all(
    listed.objects.map(async ({ object, revision }) => {
      const { namespace = '', name, finalizers, deletionTimestamp } = object.metadata
      const key = { collection, namespace, name }
      if ((finalizers ?? []).length === 0) await store.write({ kind: 'delete', key, expect: revision })
      if ((finalizers ?? []).length === 0 || deletionTimestamp !== undefined) return
      const marked = withMeta(object, { deletionTimestamp: now, deletionGracePeriodSeconds: 0 })
      await store.write({ kind: 'put', key, object: marked, expect: revision })
    }),
  )
  return store.count(collection)
}

async function markTerminating(
  { store, clock }: ServerContext,
  crd: { readonly object: KubeObject; readonly revision: number },
): Promise<void> {
  const conditions = listAt(crd.object.status, 'conditions')
  if (conditions.some((condition) => at(condition, 'type') === 'Terminating')) return
  const terminating = {
    type: 'Terminating',
    status: 'True',
    lastTransitionTime: formatTime(clock.now()),
    reason: 'InstanceDeletionInProgress',
    message: 'CustomResource deletion is in progress',
  }
  const object = withAt(crd.object, ['status', 'conditions'], [...conditions, terminating])
  const key = { collection: CRD_COLLECTION, namespace: '', name: crd.object.metadata.name }
  await store.write({ kind: 'put', key, object, expect: crd.revision })
}
