import { basename } from 'node:path'
import type { KubeObject, PersistentVolumeClaim, Pod } from '../../kube/index.ts'
import { type KindRef, KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { createObjectQueue } from './object-queue.ts'
import { isSameStatus } from './pods.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'
import { claimsOf } from './volume-claims.ts'
import type { VolumeDirectories } from './volume-directories.ts'
import {
  CLAIM,
  type PersistentVolume,
  PROVISIONED_BY,
  PROVISIONER,
  VOLUME,
  type VolumePhase,
} from './volume-kinds.ts'

const COMPONENT = 'persistentvolume-controller'
const CLAIM_PROTECTION = 'kubernetes.io/pvc-protection'
const VOLUME_PROTECTION = 'kubernetes.io/pv-protection'

/** Says of volumes whether they are taken, and does with those whose claim is gone what their policy says. */
export function createVolumeController(
  context: ControllerContext & { readonly directories: VolumeDirectories },
): Controller {
  const { client, informers, events, directories } = context
  const claims = informers.of<PersistentVolumeClaim>(CLAIM)
  const volumes = informers.of<PersistentVolume>(VOLUME)

  const queue = createObjectQueue(context, {
    name: 'volumes',
    concurrency: 2,
    reads: [claims, volumes],
    reconcile: async ({ name }) => {
      const volume = volumes.get(name)
      if (volume) await reconcile(volume)
      return undefined
    },
  })

  const reconcile = async (volume: PersistentVolume): Promise<void> => {
    const phase = phaseOf(volume)
    if (phase !== 'Bound' && volume.metadata.deletionTimestamp !== undefined) {
      return removeFinalizer(client, VOLUME, volume, VOLUME_PROTECTION)
    }
    if (phase === 'Released' && volume.spec.persistentVolumeReclaimPolicy === 'Delete') return reclaim(volume)
    await writeStatus(volume, { phase })
  }

  const phaseOf = ({ spec: { claimRef } }: PersistentVolume): VolumePhase => {
    if (claimRef === undefined || (claimRef.uid ?? '') === '') return 'Available'
    const claim = claims.get(claimRef.name ?? '', claimRef.namespace)
    return claim?.metadata.uid === claimRef.uid ? 'Bound' : 'Released'
  }

  const reclaim = async (volume: PersistentVolume): Promise<void> => {
    const { name, annotations, uid = '' } = volume.metadata
    const path = volume.spec.hostPath?.path
    if (annotations?.[PROVISIONED_BY] !== PROVISIONER || path === undefined) {
      const message = `error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`
      if (volume.status?.phase !== 'Failed') {
        const reason = 'VolumeFailedDelete'
        events.record(volume, { type: 'Warning', reason, message, component: COMPONENT })
      }
      return writeStatus(volume, { phase: 'Failed', message })
    }
    await writeStatus(volume, { phase: 'Released' })
    await directories.remove(basename(path))
    await client.delete(VOLUME, name, undefined, { uid })
  }

  const writeStatus = async (volume: PersistentVolume, status: NonNullable<PersistentVolume['status']>) => {
    if (isSameStatus(volume.status, { ...volume.status, ...status })) return
    await client.update(VOLUME, { ...volume, status }, { subresource: 'status' }).catch(ignoreOvertaken)
  }

  volumes.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  claims.onChange((changes) => {
    for (const { before, after } of changes) {
      const name = (after ?? before)?.spec?.volumeName ?? ''
      if (name !== '') queue.add(name)
    }
  })
  return { name: 'volumes', stop: queue.stop }
}

/** Lets a deleted claim go once no pod uses it any more. */
export function createClaimProtection(context: ControllerContext): Controller {
  const { client, informers } = context
  const claims = informers.of<PersistentVolumeClaim>(CLAIM)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByClaim = pods.indexBy(claimsOf)

  const queue = createObjectQueue(context, {
    name: 'claim-protection',
    concurrency: 2,
    reads: [claims, pods],
    reconcile: async ({ key, namespace, name }) => {
      const claim = claims.get(name, namespace)
      if (claim?.metadata.deletionTimestamp === undefined) return undefined
      // A pod that is not on a node yet holds nothing.
      const users = podsByClaim
        .lookup(key)
        .filter((pod) => pod.spec.nodeName !== undefined && !isFinished(pod))
      if (users.length === 0) await removeFinalizer(client, CLAIM, claim, CLAIM_PROTECTION)
      return undefined
    },
  })
  claims.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  pods.onChange((changes) => {
    for (const { before, after } of changes)
      for (const pod of [before, after]) if (pod) claimsOf(pod).forEach(queue.add)
  })
  return { name: 'claim-protection', stop: queue.stop }
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

async function removeFinalizer(
  client: ControllerContext['client'],
  kind: KindRef,
  object: KubeObject,
  finalizer: string,
): Promise<void> {
  const { name, namespace, finalizers = [], resourceVersion } = object.metadata
  if (!finalizers.includes(finalizer)) return
  const metadata = { resourceVersion, finalizers: finalizers.filter((one) => one !== finalizer) }
  await client.patch(kind, name, namespace, { metadata }, { type: 'merge' }).catch(ignoreOvertaken)
}
