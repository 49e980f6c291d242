import { messageOf } from '../../base/index.ts'
import {
  type KubeObject,
  matchesLabels,
  type Pod,
  type StatefulSet,
  type StatefulSetStatus,
} from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { claim, ignoreOvertaken } from './claim.ts'
import { intOrPercent } from './int-or-percent.ts'
import { controllerKeys, controllerOf, isActivePod, isSameStatus, orphansOf } from './pods.ts'
import {
  CONTROLLER_REVISION,
  type ControllerRevision,
  type History,
  REVISION_LABEL,
  syncHistory,
  templateOf,
  truncateHistory,
} from './revisions.ts'
import { followOwned } from './follow-owned.ts'
import { createObjectQueue } from './object-queue.ts'
import { type Controller, type ControllerContext, keyOf } from './shared-informers.ts'
import { planStateful, type StatefulInput, type StatefulPlan } from './stateful-plan.ts'
import { createStatefulClaims } from './stateful-claims.ts'
import { availableInMs, ordinalOf, statefulPodFrom, toStatefulPod } from './stateful-pods.ts'
import { statefulSetStatus } from './statefulset-status.ts'

const COMPONENT = 'statefulset-controller'
/** Pods made at once in parallel mode; the rest follows in the next round. */
const BURST = 100

/** Keeps pods with names of their own, in order. */
export function createStatefulSetController(context: ControllerContext): Controller {
  const { client, informers, events, clock } = context
  const sets = informers.of<StatefulSet>(KINDS.statefulSet)
  const pods = informers.of<Pod>(KINDS.pod)
  const revisions = informers.of<ControllerRevision>(CONTROLLER_REVISION)
  const podsByController = pods.indexBy(controllerKeys)
  const revisionsByController = revisions.indexBy(controllerKeys)
  const setsByNamespace = sets.indexBy((set) => [set.metadata.namespace ?? ''])
  const claims = createStatefulClaims(context)

  const queue = createObjectQueue(context, {
    name: 'statefulset',
    concurrency: 8,
    reads: [sets, pods, revisions],
    reconcile: async ({ namespace, name }) => {
      const set = sets.get(name, namespace)
      if (!set || set.metadata.deletionTimestamp !== undefined) return undefined
      return reconcile(set)
    },
  })

  const reconcile = async (set: StatefulSet): Promise<number | undefined> => {
    const owned = (await claimPods(set)).filter((pod) => ordinalOf(set, pod) !== undefined)
    const history = await syncHistory({
      client,
      owner: set,
      ownerKind: KINDS.statefulSet,
      byController: revisionsByController,
      selects: (object) => selects(set, object),
    })
    const facts = {
      set,
      pods: owned,
      currentRevision: set.status?.currentRevision ?? history.update.metadata.name,
      updateRevision: history.update.metadata.name,
      nowMs: clock.now(),
    }
    await writeStatus(set, statefulSetStatus(facts))
    await carryOut(set, owned, history, planFor(facts))
    const used = new Set([
      facts.currentRevision,
      ...owned.map((pod) => pod.metadata.labels?.[REVISION_LABEL]),
    ])
    await truncateHistory(client, set, history, ({ metadata }) => used.has(metadata.name))
    const waits = owned.flatMap((pod) => availableInMs(set, pod, facts.nowMs) ?? [])
    return waits.length > 0 ? Math.min(...waits) : undefined
  }

  const claimPods = (set: StatefulSet): Promise<readonly Pod[]> =>
    claim<Pod>({
      client,
      owner: set,
      ownerKind: KINDS.statefulSet,
      kind: KINDS.pod,
      owned: podsByController.lookup(set.metadata.uid ?? ''),
      orphans: podsByController
        .lookup(orphansOf(set.metadata.namespace))
        .filter((pod) => isActivePod(pod) && ordinalOf(set, pod) !== undefined),
      selects: (pod) => selects(set, pod),
    })

  const carryOut = async (set: StatefulSet, owned: readonly Pod[], history: History, plan: StatefulPlan) => {
    const create = plan.create.slice(0, BURST)
    // Before a pod goes: its claims may be meant to go with it.
    for (const pod of owned) await claims.keepOwners(set, ordinalOf(set, pod) ?? 0, pod)
    const results = await Promise.allSettled([
      ...create.map((ordinal) => createPod(set, history, ordinal)),
      ...plan.remove.map(({ ordinal, because }) => {
        const pod = owned.find((one) => ordinalOf(set, one) === ordinal)
        return pod ? removePod(set, pod, because) : undefined
      }),
    ])
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
    if (plan.create.length > create.length) queue.add(keyOf(set))
  }

  const createPod = async (set: StatefulSet, history: History, ordinal: number) => {
    const revision = revisionFor(set, history, ordinal)
    const from = { template: templateOf(revision), revision: revision.metadata.name }
    const pod = statefulPodFrom(set, from, ordinal)
    const { name, namespace } = pod.metadata
    try {
      for (const made of await claims.ensure(set, ordinal)) {
        const message = `create Claim ${made} Pod ${name} in StatefulSet ${set.metadata.name} success`
        tell(set, 'SuccessfulCreate', message)
      }
      await claims.keepOwners(set, ordinal, undefined)
      await client.create<Pod>(KINDS.pod, pod)
      tell(set, 'SuccessfulCreate', `create Pod ${name} in StatefulSet ${set.metadata.name} successful`)
    } catch (error) {
      const there = await client.get<Pod>(KINDS.pod, name, namespace)
      // Made already, but not seen yet.
      if (there && controllerOf(there)?.uid === set.metadata.uid) return
      const message = `create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`
      tell(set, 'FailedCreate', message, 'Warning')
      throw error
    }
  }

  const removePod = async (
    set: StatefulSet,
    pod: Pod,
    because: StatefulPlan['remove'][number]['because'],
  ) => {
    const { name, namespace, uid = '' } = pod.metadata
    if (because === 'finished') {
      const [reason, word] =
        pod.status?.phase === 'Failed'
          ? ['RecreatingFailedPod', 'failed']
          : ['RecreatingTerminatedPod', 'terminated']
      tell(set, reason, `StatefulSet ${keyOf(set)} is recreating ${word} Pod ${name}`, 'Warning')
    }
    const isDeleted = await client.delete(KINDS.pod, name, namespace, { uid })
    if (isDeleted)
      tell(set, 'SuccessfulDelete', `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`)
  }

  const tell = (
    set: StatefulSet,
    reason: string,
    message: string,
    type: 'Normal' | 'Warning' = 'Normal',
  ): void => events.record(set, { type, reason, message, component: COMPONENT })

  const writeStatus = async (set: StatefulSet, status: StatefulSetStatus) => {
    if (isSameStatus(set.status, status)) return
    await client
      .update(KINDS.statefulSet, { ...set, status }, { subresource: 'status' })
      .catch(ignoreOvertaken)
  }

  sets.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  const owned = { ownerKind: 'StatefulSet', add: queue.add }
  followOwned(revisions, owned)
  const isOurs = (set: StatefulSet, pod: Pod) => selects(set, pod) && ordinalOf(set, pod) !== undefined
  followOwned(pods, { ...owned, adopters: setsByNamespace, selects: isOurs })
  return { name: 'statefulset', stop: queue.stop }
}

function planFor(facts: {
  readonly set: StatefulSet
  readonly pods: readonly Pod[]
  readonly updateRevision: string
  readonly nowMs: number
}): StatefulPlan {
  const { spec } = facts.set
  const replicas = spec.replicas ?? 1
  return planStateful({
    pods: facts.pods.flatMap((pod) => {
      const ordinal = ordinalOf(facts.set, pod)
      return ordinal === undefined ? [] : [toStatefulPod(facts.set, pod, { ...facts, ordinal })]
    }),
    start: spec.ordinals?.start ?? 0,
    replicas,
    isOrdered: spec.podManagementPolicy !== 'Parallel',
    update: updateOf(facts.set, replicas),
  })
}

function updateOf({ spec }: StatefulSet, replicas: number): StatefulInput['update'] {
  if (spec.updateStrategy?.type === 'OnDelete') return { kind: 'on-delete' }
  const { partition = 0, maxUnavailable = 1 } = spec.updateStrategy?.rollingUpdate ?? {}
  const bound = intOrPercent(maxUnavailable, replicas, Math.ceil)
  return { kind: 'rolling', partition, maxUnavailable: Math.max(1, bound) }
}

/** Below the partition a pod that was lost comes back as what it was. */
function revisionFor(set: StatefulSet, history: History, ordinal: number): ControllerRevision {
  const { updateStrategy, ordinals } = set.spec
  const partition = updateStrategy?.rollingUpdate?.partition ?? 0
  if (updateStrategy?.type === 'OnDelete' || ordinal >= (ordinals?.start ?? 0) + partition)
    return history.update
  const current = history.all.find((one) => one.metadata.name === set.status?.currentRevision)
  return current ?? history.update
}

function selects(set: StatefulSet, object: KubeObject): boolean {
  return set.spec.selector !== undefined && matchesLabels(set.spec.selector, object.metadata.labels)
}
