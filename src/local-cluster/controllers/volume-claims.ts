import type { PersistentVolumeClaim, Pod } from '../../kube/index.ts'
import { isNotFound, KINDS } from '../../kube/client/index.ts'
import { ignoreExisting, ignoreOvertaken } from './claim.ts'
import { createObjectQueue } from './object-queue.ts'
import { isActivePod, isSameStatus } from './pods.ts'
import { type Controller, type ControllerContext, keyOf } from './shared-informers.ts'
import type { VolumeDirectories } from './volume-directories.ts'
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  CLAIM,
  classOf,
  isKeptFor,
  type PersistentVolume,
  PROVISIONER,
  STORAGE_CLASS,
  type StorageClass,
  storageOf,
  VOLUME,
} from './volume-kinds.ts'
import { findVolume, nanosOf } from './volume-match.ts'
import { directoryName, provisionedVolume, standardClass } from './volume-provision.ts'

const COMPONENT = 'persistentvolume-controller'
const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner'

/** Binds claims to volumes, and makes volumes for those of a class that this cluster provides. */
export function createVolumeClaimController(
  context: ControllerContext & { readonly directories: VolumeDirectories },
): Controller {
  const { client, informers, events, directories } = context
  const claims = informers.of<PersistentVolumeClaim>(CLAIM)
  const volumes = informers.of<PersistentVolume>(VOLUME)
  const classes = informers.of<StorageClass>(STORAGE_CLASS)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByClaim = pods.indexBy(claimsOf)
  const claimsByClass = claims.indexBy((claim) => [classOf(claim)])
  let hasStandardClass = false

  const queue = createObjectQueue(context, {
    name: 'volume-claims',
    concurrency: 2,
    reads: [claims, volumes, classes, pods],
    reconcile: async ({ key, namespace, name }) => {
      if (key === STANDARD) await ensureStandardClass()
      const claim = claims.get(name, namespace)
      if (!claim || claim.metadata.deletionTimestamp !== undefined) return undefined
      if ((claim.spec?.volumeName ?? '') === '') await findFor(claim)
      else await keepBound(claim)
      return undefined
    },
  })

  /** Made once in the life of a cluster: who deletes it, or makes another class the default, is not overruled. */
  const ensureStandardClass = async () => {
    if (hasStandardClass) return
    hasStandardClass = true
    if (classes.list().length > 0 || volumes.list().length > 0) return
    await client.create(STORAGE_CLASS, standardClass()).catch(ignoreExisting)
  }

  const tell = (about: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string) =>
    events.record(about, { type, reason, message, component: COMPONENT })

  const findFor = async (claim: PersistentVolumeClaim): Promise<void> => {
    await writeStatus(claim, { phase: 'Pending' })
    const volume = findVolume(claim, volumes.list())
    if (volume) return bind(claim, volume)
    const className = classOf(claim)
    if (className === '') {
      const message = 'no persistent volumes available for this claim and no storage class is set'
      return tell(claim, 'Normal', 'FailedBinding', message)
    }
    const storageClass = classes.get(className)
    if (!storageClass) {
      const message = `storageclass.storage.k8s.io "${className}" not found`
      return tell(claim, 'Warning', 'ProvisioningFailed', message)
    }
    if (storageClass.volumeBindingMode === 'WaitForFirstConsumer' && !isConsumed(claim)) {
      const message = 'waiting for first consumer to be created before binding'
      return tell(claim, 'Normal', 'WaitForFirstConsumer', message)
    }
    if (storageClass.provisioner === PROVISIONER) return provision(claim, storageClass)
    await markForProvisioner(claim, storageClass.provisioner)
  }

  const isConsumed = (claim: PersistentVolumeClaim) => podsByClaim.lookup(keyOf(claim)).some(isActivePod)

  const markForProvisioner = async (claim: PersistentVolumeClaim, provisioner: string) => {
    const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`
    tell(claim, 'Normal', 'ExternalProvisioning', message)
    if (claim.metadata.annotations?.[STORAGE_PROVISIONER] === provisioner) return
    const annotations = { [STORAGE_PROVISIONER]: provisioner }
    await patchClaim(claim, { metadata: { annotations } })
  }

  const provision = async (claim: PersistentVolumeClaim, storageClass: StorageClass) => {
    if (claim.spec?.selector !== undefined || claim.spec?.volumeMode === 'Block') {
      const what = claim.spec.selector === undefined ? 'volumeMode Block' : 'claim.Spec.Selector'
      const message = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${what} is not supported`
      return tell(claim, 'Warning', 'ProvisioningFailed', message)
    }
    const path = await directories.create(directoryName(claim))
    const volume = provisionedVolume(claim, storageClass, path)
    // Made already, but not seen yet: the informer brings it.
    const made = await client.create<PersistentVolume>(VOLUME, volume).catch(ignoreExisting)
    if (!made) return
    const message = `Successfully provisioned volume ${volume.metadata.name}`
    tell(claim, 'Normal', 'ProvisioningSucceeded', message)
    await bind(claim, made)
  }

  const bind = async (claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> => {
    if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
      const { namespace, name, uid, resourceVersion } = claim.metadata
      const claimRef = { kind: CLAIM.kind, apiVersion: 'v1', namespace, name, uid, resourceVersion }
      const isPreBound = volume.spec.claimRef !== undefined
      const annotations = isPreBound ? {} : { [BOUND_BY_CONTROLLER]: 'yes' }
      const metadata = { resourceVersion: volume.metadata.resourceVersion, annotations }
      const patch = { metadata, spec: { claimRef } }
      const taken = await client
        .patch<PersistentVolume>(VOLUME, volume.metadata.name, undefined, patch, { type: 'merge' })
        .catch(ignoreOvertaken)
      // Somebody else changed it: its next event brings this claim back.
      if (!taken) return
    }
    const isChosen = (claim.spec?.volumeName ?? '') === ''
    const annotations = { [BIND_COMPLETED]: 'yes', ...(isChosen ? { [BOUND_BY_CONTROLLER]: 'yes' } : {}) }
    const bound = await patchClaim(claim, {
      metadata: { annotations },
      spec: { volumeName: volume.metadata.name },
    })
    if (bound) await writeStatus(bound, boundStatus(volume))
  }

  const keepBound = async (claim: PersistentVolumeClaim): Promise<void> => {
    const volume = volumes.get(claim.spec?.volumeName ?? '')
    const isCompleted = claim.metadata.annotations?.[BIND_COMPLETED] !== undefined
    if (!volume || (isCompleted && !isKeptFor(volume.spec, claim))) {
      // A volume may be asked for by name before it is made.
      if (!isCompleted) return writeStatus(claim, { phase: 'Pending' })
      if (claim.status?.phase !== 'Lost') {
        const message = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!'
        tell(claim, 'Warning', 'ClaimLost', message)
      }
      return writeStatus(claim, { ...claim.status, phase: 'Lost' })
    }
    if (volume.spec.claimRef !== undefined && !isKeptFor(volume.spec, claim)) {
      const message = `volume "${volume.metadata.name}" already bound to a different claim.`
      tell(claim, 'Warning', 'FailedBinding', message)
      return writeStatus(claim, { phase: 'Pending' })
    }
    if (!isCompleted || volume.spec.claimRef?.uid !== claim.metadata.uid) return bind(claim, volume)
    await writeStatus(claim, boundStatus(await expanded(claim, volume)))
  }

  /** A directory has no size of its own, so a claim that wants more has it at once. */
  const expanded = async (
    claim: PersistentVolumeClaim,
    volume: PersistentVolume,
  ): Promise<PersistentVolume> => {
    const wanted = storageOf(claim)
    const isOurs = classes.get(volume.spec.storageClassName ?? '')?.provisioner === PROVISIONER
    if (!isOurs || nanosOf(wanted) <= nanosOf(volume.spec.capacity?.['storage'] ?? '0')) return volume
    const patch = { spec: { capacity: { storage: wanted } } }
    const { name } = volume.metadata
    return client.patch<PersistentVolume>(VOLUME, name, undefined, patch, { type: 'merge' })
  }

  const patchClaim = ({ metadata }: PersistentVolumeClaim, patch: object) =>
    client
      .patch<PersistentVolumeClaim>(CLAIM, metadata.name, metadata.namespace, patch, { type: 'merge' })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
        return undefined
      })

  const writeStatus = async (
    claim: PersistentVolumeClaim,
    status: NonNullable<PersistentVolumeClaim['status']>,
  ) => {
    if (isSameStatus(claim.status, status)) return
    await client.update(CLAIM, { ...claim, status }, { subresource: 'status' }).catch(ignoreOvertaken)
  }

  claims.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  volumes.onChange((changes) => {
    for (const { before, after } of changes) {
      for (const ref of [before?.spec.claimRef, after?.spec.claimRef]) {
        if (ref?.name !== undefined) queue.add(`${ref.namespace}/${ref.name}`)
      }
      // A volume that is free is one for any claim that waits.
      const waiting =
        after && !after.spec.claimRef ? claimsByClass.lookup(after.spec.storageClassName ?? '') : []
      for (const claim of waiting) queue.add(keyOf(claim))
    }
  })
  classes.onChange((changes) => {
    for (const { key } of changes) for (const claim of claimsByClass.lookup(key)) queue.add(keyOf(claim))
  })
  pods.onChange((changes) => {
    for (const { before, after } of changes) if (!before && after) claimsOf(after).forEach(queue.add)
  })
  queue.add(STANDARD)
  return { name: 'volume-claims', stop: queue.stop }
}

/** Not a claim's key: those have a namespace. */
const STANDARD = 'standard'

function boundStatus({ spec }: PersistentVolume): NonNullable<PersistentVolumeClaim['status']> {
  const { accessModes, capacity } = spec as Required<NonNullable<PersistentVolumeClaim['status']>>
  return { phase: 'Bound', accessModes, capacity }
}

/** The claims that a pod names, by their keys. */
export function claimsOf({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap((volume) => {
    const name =
      volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral && `${metadata.name}-${volume.name}`)
    return name === undefined ? [] : [`${metadata.namespace}/${name}`]
  })
}
