import type { Pod, StatefulSet, StatefulSetStatus } from '../../kube/index.ts'
import { isPodReady } from './pods.ts'
import { REVISION_LABEL } from './revisions.ts'
import { availableInMs } from './stateful-pods.ts'

export interface StatefulFacts {
  readonly set: StatefulSet
  readonly pods: readonly Pod[]
  /** Names of the revisions: what the set comes from, and where it goes. */
  readonly currentRevision: string
  readonly updateRevision: string
  readonly nowMs: number
}

/** Counts, and the end of an update: when every pod is of the new revision and ready, it becomes the current one. */
export function statefulSetStatus(facts: StatefulFacts): StatefulSetStatus {
  const { set, pods, updateRevision, nowMs } = facts
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod))
  const there = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
  const ofRevision = (name: string) =>
    there.filter((pod) => pod.metadata.labels?.[REVISION_LABEL] === name).length
  const updated = ofRevision(updateRevision)
  const wanted = set.spec.replicas ?? 1
  const isRolling = set.spec.updateStrategy?.type !== 'OnDelete'
  const isDone =
    isRolling && updated === pods.length && ready.length === pods.length && pods.length === wanted
  const currentRevision = isDone ? updateRevision : facts.currentRevision
  const { collisionCount = 0, conditions } = set.status ?? {}
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    ...withoutZeros({
      readyReplicas: ready.length,
      currentReplicas: ofRevision(currentRevision),
      updatedReplicas: updated,
    }),
    availableReplicas: ready.filter((pod) => availableInMs(set, pod, nowMs) === undefined).length,
    currentRevision,
    updateRevision,
    collisionCount,
    ...(conditions === undefined ? {} : { conditions }),
  }
}

/** Kubernetes leaves out counts of zero. */
function withoutZeros(counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}
