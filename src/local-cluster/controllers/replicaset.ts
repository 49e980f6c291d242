import { createWorkQueue } from '../../base/index.ts'
import { matchesLabels, type Pod, type ReplicaSet, type ReplicaSetStatus } from '../../kube/index.ts'
import { isConflict, isNotFound, KINDS } from '../../kube/client/index.ts'
import { createExpectations, type Expectations } from './expectations.ts'
import { controllerOf, controllerReference, isActivePod, isPodReady, readySinceMs } from './pods.ts'
import { type Controller, type ControllerContext, keyOf, splitKey } from './shared-informers.ts'

/** Pods made or deleted in one go; what is left over follows in the next round (Kubernetes' burst is 500). */
const BURST = 100

/** Keeps as many pods of a template running as the ReplicaSet says. */
export function createReplicaSetController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context
  const sets = informers.of<ReplicaSet>(KINDS.replicaSet)
  const pods = informers.of<Pod>(KINDS.pod)
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
    reconcile: async (key) => {
      await ready
      const { namespace, name } = splitKey(key)
      const set = sets.get(name, namespace)
      if (!set) return undefined
      const owned = await claimPods(set)
      const active = owned.filter(isActivePod)
      if (expectations.satisfied(key) && set.metadata.deletionTimestamp === undefined) {
        await scale(set, active, key, context, expectations)
      }
      const { status, againMs } = statusOf(set, owned, clock.now())
      await writeStatus(set, status)
      return againMs
    },
  })

  /** The pods it controls, and those that match its selector and nobody controls, which it adopts. */
  const claimPods = async (set: ReplicaSet): Promise<readonly Pod[]> => {
    const owned: Pod[] = []
    for (const pod of pods.list()) {
      if (pod.metadata.namespace !== set.metadata.namespace) continue
      const controller = controllerOf(pod)
      if (controller?.uid === set.metadata.uid) owned.push(pod)
      else if (!controller && isActivePod(pod) && selects(set, pod) && !set.metadata.deletionTimestamp) {
        const ownerReferences = [...(pod.metadata.ownerReferences ?? []), controllerReference(set)]
        const patch = { metadata: { uid: pod.metadata.uid, ownerReferences } }
        owned.push(
          await client.patch<Pod>(KINDS.pod, pod.metadata.name, pod.metadata.namespace, patch, {
            type: 'merge',
          }),
        )
      }
    }
    return owned
  }

  const writeStatus = async (set: ReplicaSet, status: ReplicaSetStatus) => {
    if (JSON.stringify(set.status ?? {}) === JSON.stringify(status)) return
    try {
      await client.update(KINDS.replicaSet, { ...set, status }, { subresource: 'status' })
    } catch (error) {
      // A newer version is on its way through the watch and brings the key back.
      if (!isConflict(error) && !isNotFound(error)) throw error
      queue.add(keyOf(set))
    }
  }

  sets.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  pods.onChange((changes) => {
    for (const { before, after } of changes) {
      const pod = after ?? before
      if (!pod) continue
      expectations.observe(
        pod.metadata.uid ?? '',
        after !== undefined && after.metadata.deletionTimestamp === undefined,
      )
      const owner = controllerOf(pod)
      if (owner?.kind === 'ReplicaSet') queue.add(`${pod.metadata.namespace}/${owner.name}`)
      else if (!owner && after) for (const set of sets.list()) if (selects(set, pod)) queue.add(keyOf(set))
    }
  })
  return { name: 'replicaset', stop: queue.stop }
}

async function scale(
  set: ReplicaSet,
  active: readonly Pod[],
  key: string,
  context: ControllerContext,
  expectations: Expectations,
): Promise<void> {
  const missing = (set.spec.replicas ?? 1) - active.length
  if (missing > 0) {
    const creations = Array.from({ length: Math.min(missing, BURST) }, async () => {
      const pod = await context.client.create<Pod>(KINDS.pod, podFrom(set))
      expectations.created(key, pod.metadata.uid ?? '')
    })
    rethrowFirst(await Promise.allSettled(creations))
  } else if (missing < 0) {
    const doomed = [...active].sort(byDispensability).slice(0, Math.min(-missing, BURST))
    const deletions = doomed.map(async (pod) => {
      expectations.deleted(key, pod.metadata.uid ?? '')
      await context.client.delete(KINDS.pod, pod.metadata.name, pod.metadata.namespace, {
        uid: pod.metadata.uid ?? '',
      })
    })
    rethrowFirst(await Promise.allSettled(deletions))
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

/** @returns the status, and when to look again because a ready pod will then count as available */
function statusOf(
  set: ReplicaSet,
  owned: readonly Pod[],
  nowMs: number,
): { status: ReplicaSetStatus; againMs: number | undefined } {
  const active = owned.filter(isActivePod)
  const ready = active.filter(isPodReady)
  const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000
  const waitsMs = ready
    .map((pod) => (readySinceMs(pod) ?? nowMs) + minReadyMs - nowMs)
    .filter((wait) => minReadyMs > 0 && wait > 0)
  const labels = set.spec.template?.metadata?.labels
  const status: ReplicaSetStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) =>
      matchesLabels(labels ? { matchLabels: labels } : {}, pod.metadata.labels),
    ).length,
    readyReplicas: ready.length,
    availableReplicas: ready.length - waitsMs.length,
    observedGeneration: set.metadata.generation ?? 0,
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
  }
  return { status, againMs: waitsMs.length > 0 ? Math.min(...waitsMs) : undefined }
}

function selects(set: ReplicaSet, pod: Pod): boolean {
  return (
    set.metadata.namespace === pod.metadata.namespace &&
    set.spec.selector !== undefined &&
    matchesLabels(set.spec.selector, pod.metadata.labels)
  )
}

function rethrowFirst(results: readonly PromiseSettledResult<unknown>[]): void {
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}
