import { deepEqual } from '../../base/index.ts'
import type { OwnerReference, PersistentVolumeClaim, Pod, PodSpec, StatefulSet } from '../../kube/index.ts'
import { ignoreExisting, ignoreOvertaken } from './claim.ts'
import type { ControllerContext } from './shared-informers.ts'
import { CLAIM } from './volume-kinds.ts'

/** The claims of a StatefulSet's pods: each pod finds the same ones again, however often it is made anew. */
export interface StatefulClaims {
  /**
   * Makes what is missing. @returns the names of those that were made
   * @throws Error when one is being deleted: its pod must not start with what is about to go
   */
  readonly ensure: (set: StatefulSet, ordinal: number) => Promise<readonly string[]>
  /** Makes claims go with their set or their pod where the set says so. */
  readonly keepOwners: (set: StatefulSet, ordinal: number, pod: Pod | undefined) => Promise<void>
}

export function createStatefulClaims({ client, informers }: ControllerContext): StatefulClaims {
  const claims = informers.of<PersistentVolumeClaim>(CLAIM)
  return {
    async ensure(set, ordinal) {
      await claims.synced
      const made: string[] = []
      for (const wanted of claimsFor(set, ordinal)) {
        const { name, namespace } = wanted.metadata
        const there = claims.get(name, namespace)
        if (there?.metadata.deletionTimestamp !== undefined) {
          throw new Error(`pvc ${name} is being deleted`)
        }
        if (there) continue
        const created = await client.create(CLAIM, wanted).catch(ignoreExisting)
        if (created) made.push(name)
      }
      return made
    },
    async keepOwners(set, ordinal, pod) {
      for (const { metadata } of claimsFor(set, ordinal)) {
        const claim = claims.get(metadata.name, metadata.namespace)
        if (!claim) continue
        const { ownerReferences = [], uid, resourceVersion } = claim.metadata
        const next = ownersOf(set, { ordinal, pod, before: ownerReferences })
        if (deepEqual(next, ownerReferences)) continue
        const patch = { metadata: { uid, resourceVersion, ownerReferences: next } }
        await client
          .patch(CLAIM, metadata.name, metadata.namespace, patch, { type: 'merge' })
          .catch(ignoreOvertaken)
      }
    },
  }
}

/** The templates stand in for volumes of the same name. */
export function claimVolumes(set: StatefulSet, spec: PodSpec, ordinal: number): Pick<PodSpec, 'volumes'> {
  const templates = set.spec.volumeClaimTemplates ?? []
  if (templates.length === 0) return {}
  const others = (spec.volumes ?? []).filter(
    (volume) => !templates.some(({ metadata }) => metadata.name === volume.name),
  )
  const claimed = templates.map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: claimName(set, name, ordinal) },
  }))
  return { volumes: [...claimed, ...others] }
}

function claimName(set: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${set.metadata.name}-${ordinal}`
}

function claimsFor(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName(set, metadata.name, ordinal),
      namespace: set.metadata.namespace ?? '',
      labels: { ...metadata.labels, ...set.spec.selector?.matchLabels },
      ...(metadata.annotations ? { annotations: metadata.annotations } : {}),
    },
    ...(spec ? { spec } : {}),
  }))
}

/** @see StatefulSetPersistentVolumeClaimRetentionPolicy */
function ownersOf(
  set: StatefulSet,
  facts: {
    readonly ordinal: number
    readonly pod: Pod | undefined
    readonly before: readonly OwnerReference[]
  },
): readonly OwnerReference[] {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } =
    set.spec.persistentVolumeClaimRetentionPolicy ?? {}
  const { ordinal, pod, before } = facts
  const start = set.spec.ordinals?.start ?? 0
  const isWanted = ordinal >= start && ordinal < start + (set.spec.replicas ?? 1)
  const others = before.filter(
    ({ kind, uid, name }) =>
      uid !== set.metadata.uid && !(kind === 'Pod' && name === `${set.metadata.name}-${ordinal}`),
  )
  const bySet = whenDeleted === 'Delete' && (isWanted || whenScaled !== 'Delete')
  const byPod = whenScaled === 'Delete' && !isWanted
  return [
    ...others,
    ...(bySet ? [reference('apps/v1', 'StatefulSet', set)] : []),
    ...(byPod && pod ? [reference('v1', 'Pod', pod)] : []),
  ]
}

function reference(apiVersion: string, kind: string, { metadata }: StatefulSet | Pod): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' }
}
