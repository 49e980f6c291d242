import { fail, ok, type Result } from '../../../base/index.ts'
import type { KubeObject, PersistentVolumeClaim, Pod, Volume } from '../../../kube/index.ts'
import type { KindRef, KubeClient } from '../../../kube/client/index.ts'

const CLAIM: KindRef = kindOf('persistentvolumeclaims', 'PersistentVolumeClaim', true)
const VOLUME: KindRef = kindOf('persistentvolumes', 'PersistentVolume', false)

function kindOf(plural: string, kind: string, namespaced: boolean): KindRef {
  return { group: '', version: 'v1', plural, kind, namespaced }
}

/** What of a PersistentVolume this node can use. */
interface PersistentVolume extends KubeObject {
  readonly spec?: {
    readonly hostPath?: { readonly path: string; readonly type?: string }
    readonly local?: { readonly path: string }
    readonly volumeMode?: string
  }
}

/** Where a claim's volume is on this machine. */
export interface ClaimedPath {
  readonly path: string
  readonly type: string
}

/** The claims that a pod's volumes stand for; those of `ephemeral` are named after pod and volume. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName
  return volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`
}

/** Finds the volume of a claim. @returns what is in the way, in the words of the event FailedMount */
export async function claimedPath(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<Result<ClaimedPath, string>> {
  const claim = await client.get<PersistentVolumeClaim>(CLAIM, name, namespace)
  if (claim === undefined) return fail(`persistentvolumeclaims "${name}" not found`)
  const { volumeName = '' } = claim.spec ?? {}
  if (volumeName === '' || claim.status?.phase !== 'Bound')
    return fail(`can't use PersistentVolumeClaim ${namespace}/${name}: it is not bound to a PersistentVolume`)
  const volume = await client.get<PersistentVolume>(VOLUME, volumeName)
  if (volume === undefined) return fail(`persistentvolumes "${volumeName}" not found`)
  const { hostPath, local, volumeMode } = volume.spec ?? {}
  if (volumeMode === 'Block')
    return fail(
      `PersistentVolume ${volumeName} is a block device, which this node cannot give to a container`,
    )
  if (hostPath !== undefined) return ok({ path: hostPath.path, type: hostPath.type ?? '' })
  if (local !== undefined) return ok({ path: local.path, type: 'Directory' })
  return fail(`PersistentVolume ${volumeName} is none of this node's kinds: hostPath and local`)
}

/** Why a pod's claims keep it from being scheduled, in the scheduler's words. */
export async function unboundClaims(client: KubeClient, pod: Pod): Promise<string | undefined> {
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume)
    if (name === undefined) continue
    const claim = await client.get<PersistentVolumeClaim>(CLAIM, name, pod.metadata.namespace)
    if (claim === undefined && volume.ephemeral !== undefined)
      return `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
    if (claim === undefined) return `persistentvolumeclaim "${name}" not found`
    if (claim.metadata.deletionTimestamp !== undefined)
      return `persistentvolumeclaim "${name}" is being deleted`
    if (claim.status?.phase === 'Lost')
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume`
    if (claim.status?.phase !== 'Bound') return 'pod has unbound immediate PersistentVolumeClaims'
  }
  return undefined
}
