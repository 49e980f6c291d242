import { createWorkQueue, deepEqual, messageOf } from '../../base/index.ts'
import { matchesLabels, type Pod, type ReplicaSet, type ReplicaSetStatus } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { claim, ignoreOvertaken } from './claim.ts'
import { createExpectations } from './expectations.ts'
import {
  controllerKeys,
  controllerOf,
  controllerReference,
  isActivePod,
  isPodReady,
  orphansOf,
  readySinceMs,
} from './pods.ts'
import { replicaSetStatus } from './replicaset-status.ts'
import { type Controller, type ControllerContext, keyOf, orAborted, splitKey } from './shared-informers.ts'

/** Pods made or deleted in one go; what is left over follows in the next round (Kubernetes' burst is 500). */
const BURST = 100

/** Keeps as many pods of a template running as the ReplicaSet says. */
export function createReplicaSetController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context
  const sets = informers.of<ReplicaSet>(KINDS.replicaSet)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByController = pods.indexBy(controllerKeys)
  const setsByNamespace = sets.indexBy((set) => [set.metadata.namespace ?? ''])
  const expectations = createExpectations(clock)
  // Acting on half a list would make what is there already.
  const ready = Promise.all([sets.synced, pods.synced])

  const queue = createWorkQueue({
    ...context,
    name: 'replicaset',
    concurrency: 8,
    retryBaseMs: 5,
    retryMaxMs: 5_000,
    logger: logger.scope('replicaset'),
    reconcile: async (key, signal) => {
      await orAborted(ready, signal)
      const { namespace, name } = splitKey(key)
      const set = sets.get(name, namespace)
      return set ? reconcile(set, key) : undefined
    },
  })

  const reconcile = async (set: ReplicaSet, key: string): Promise<number | undefined> => {
    const owned = await claimPods(set)
    let failure: unknown
    if (expectations.satisfied(key) && set.metadata.deletionTimestamp === undefined) {
      failure = await scale(set, owned.filter(isActivePod), key).catch((error: unknown) => error ?? 'unknown')
    }
    const problem = failure === undefined ? undefined : messageOf(failure)
    const { status, againMs } = replicaSetStatus(set, owned, { nowMs: clock.now(), problem })
    await writeStatus(set, status)
    if (failure !== undefined) throw failure
    return againMs
  }

  const claimPods = (set: ReplicaSet): Promise<readonly Pod[]> =>
    claim<Pod>({
      client,
      owner: set,
      ownerKind: KINDS.replicaSet,
      kind: KINDS.pod,
      owned: podsByController.lookup(set.metadata.uid ?? ''),
      orphans: podsByController.lookup(orphansOf(set.metadata.namespace)).filter(isActivePod),
      selects: (pod) => selects(set, pod),
    })

  const scale = async (set: ReplicaSet, active: readonly Pod[], key: string): Promise<void> => {
    const missing = (set.spec.replicas ?? 1) - active.length
    if (missing > 0) await createPods(set, Math.min(missing, BURST), key)
    else if (missing < 0) await deletePods(active, Math.min(-missing, BURST), key)
  }

  /** One, two, four…: where the first is refused, a hundred others need not be. */
  const createPods = async (set: ReplicaSet, count: number, key: string) => {
    for (let made = 0, batch = 1; made < count; made += batch, batch = Math.min(batch * 2, count - made)) {
      const creations = Array.from({ length: Math.min(batch, count - made) }, async () => {
        const pod = await client.create<Pod>(KINDS.pod, podFrom(set))
        expectations.created(key, pod.metadata.uid ?? '')
      })
      rethrowFirst(await Promise.allSettled(creations))
    }
  }

  const deletePods = async (active: readonly Pod[], count: number, key: string) => {
    const doomed = [...active].sort(byDispensability).slice(0, count)
    rethrowFirst(await Promise.allSettled(doomed.map((pod) => deletePod(pod, key))))
  }

  const deletePod = async (pod: Pod, key: string) => {
    const { name, namespace, uid = '' } = pod.metadata
    expectations.deleted(key, uid)
    try {
      await client.delete(KINDS.pod, name, namespace, { uid })
    } catch (error) {
      expectations.observe(uid, false) // nothing will be seen of a deletion that was refused
      throw error
    }
  }

  const writeStatus = async (set: ReplicaSet, status: ReplicaSetStatus) => {
    if (deepEqual(set.status, status)) return
    await client
      .update(KINDS.replicaSet, { ...set, status }, { subresource: 'status' })
      .catch(ignoreOvertaken)
  }

  sets.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  pods.onChange((changes) => {
    for (const { before, after } of changes) {
      const pod = after ?? before
      if (!pod) continue
      const isThere = after !== undefined && after.metadata.deletionTimestamp === undefined
      expectations.observe(pod.metadata.uid ?? '', isThere)
      addOwners(queue.add, before, after)
      if (!after || controllerOf(after)) continue
      for (const set of setsByNamespace.lookup(after.metadata.namespace ?? '')) {
        if (selects(set, after)) queue.add(keyOf(set))
      }
    }
  })
  return { name: 'replicaset', stop: queue.stop }
}

function addOwners(add: (key: string) => void, ...versions: readonly (Pod | undefined)[]): void {
  for (const pod of versions) {
    const owner = pod && controllerOf(pod)
    if (owner?.kind === 'ReplicaSet') add(`${pod?.metadata.namespace}/${owner.name}`)
  }
}

function podFrom(set: ReplicaSet): Pod {
  const template = set.spec.template
  const { namespace, name } = set.metadata
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(template?.metadata?.labels ? { labels: template.metadata.labels } : {}),
      ...(template?.metadata?.annotations ? { annotations: template.metadata.annotations } : {}),
      ...(template?.metadata?.finalizers ? { finalizers: template.metadata.finalizers } : {}),
      ownerReferences: [controllerReference(set)],
    },
    spec: template?.spec ?? { containers: [] },
  }
}

/** Who goes first when there are too many, as Kubernetes ranks: without node, pending, not ready, the younger. */
function byDispensability(a: Pod, b: Pod): number {
  const rank = (pod: Pod) =>
    (pod.spec?.nodeName ? 1 : 0) + (pod.status?.phase === 'Running' ? 2 : 0) + (isPodReady(pod) ? 4 : 0)
  if (rank(a) !== rank(b)) return rank(a) - rank(b)
  const younger = (readySinceMs(b) ?? 0) - (readySinceMs(a) ?? 0)
  if (younger !== 0) return younger
  return (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '')
}

function selects(set: ReplicaSet, pod: Pod): boolean {
  return set.spec.selector !== undefined && matchesLabels(set.spec.selector, pod.metadata.labels)
}

function rethrowFirst(results: readonly PromiseSettledResult<unknown>[]): void {
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}
