import { deepEqual, messageOf } from '../../base/index.ts'
import { matchesLabels, type Pod, type ReplicaSet, type ReplicaSetStatus } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { claim, ignoreOvertaken } from './claim.ts'
import { createExpectations } from './expectations.ts'
import { createPodControl, podFromTemplate } from './pod-control.ts'
import { followOwned, observeAll } from './follow-owned.ts'
import { createObjectQueue } from './object-queue.ts'
import { controllerKeys, isActivePod, isPodReady, orphansOf, readySinceMs } from './pods.ts'
import { replicaSetStatus } from './replicaset-status.ts'
import { type Controller, type ControllerContext } from './shared-informers.ts'

/** Pods made or deleted in one go; what is left over follows in the next round (Kubernetes' burst is 500). */
const BURST = 100

/** Keeps as many pods of a template running as the ReplicaSet says. */
export function createReplicaSetController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const sets = informers.of<ReplicaSet>(KINDS.replicaSet)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByController = pods.indexBy(controllerKeys)
  const setsByNamespace = sets.indexBy((set) => [set.metadata.namespace ?? ''])
  const expectations = createExpectations(clock)
  const podControl = createPodControl({ ...context, expectations, component: 'replicaset-controller' })

  const queue = createObjectQueue(context, {
    name: 'replicaset',
    concurrency: 8,
    reads: [sets, pods],
    reconcile: async ({ key, namespace, name }) => {
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
    const pod = podFromTemplate(set, set.spec.template, { generateName: `${set.metadata.name}-` })
    if (missing > 0) await podControl.create(set, Array(Math.min(missing, BURST)).fill(pod) as Pod[], key)
    const surplus = Math.min(-missing, BURST)
    if (surplus > 0) await podControl.remove(set, [...active].sort(byDispensability).slice(0, surplus), key)
  }

  const writeStatus = async (set: ReplicaSet, status: ReplicaSetStatus) => {
    if (deepEqual(set.status, status)) return
    await client
      .update(KINDS.replicaSet, { ...set, status }, { subresource: 'status' })
      .catch(ignoreOvertaken)
  }

  sets.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  observeAll(pods, expectations)
  followOwned(pods, { ownerKind: 'ReplicaSet', add: queue.add, adopters: setsByNamespace, selects })
  return { name: 'replicaset', stop: queue.stop }
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
