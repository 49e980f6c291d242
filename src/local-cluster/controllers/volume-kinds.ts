import type { KubeObject, PersistentVolumeClaim } from '../../kube/index.ts'
import type { KindRef } from '../../kube/client/index.ts'

export const CLAIM = kindOf('', 'persistentvolumeclaims', 'PersistentVolumeClaim', true)
export const VOLUME = kindOf('', 'persistentvolumes', 'PersistentVolume', false)
export const STORAGE_CLASS = kindOf('storage.k8s.io', 'storageclasses', 'StorageClass', false)

function kindOf(group: string, plural: string, kind: string, namespaced: boolean): KindRef {
  return { group, version: 'v1', plural, kind, namespaced }
}

export interface ClaimRef {
  readonly apiVersion?: string
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
  readonly uid?: string
  readonly resourceVersion?: string
}

export interface PersistentVolume extends KubeObject {
  readonly spec: {
    readonly capacity?: Readonly<Record<string, string>>
    readonly accessModes?: readonly string[]
    readonly claimRef?: ClaimRef
    readonly persistentVolumeReclaimPolicy?: 'Retain' | 'Delete' | 'Recycle'
    readonly storageClassName?: string
    readonly volumeMode?: 'Filesystem' | 'Block'
    readonly hostPath?: { readonly path: string; readonly type?: string }
  }
  readonly status?: { readonly phase?: VolumePhase; readonly message?: string; readonly reason?: string }
}

export type VolumePhase = 'Pending' | 'Available' | 'Bound' | 'Released' | 'Failed'

export interface StorageClass extends KubeObject {
  readonly provisioner: string
  readonly reclaimPolicy?: 'Retain' | 'Delete'
  readonly volumeBindingMode?: 'Immediate' | 'WaitForFirstConsumer'
  readonly allowVolumeExpansion?: boolean
}

/** Who makes the volumes of the class `standard`: directories of this machine. */
export const PROVISIONER = 'lateen.dev/directory'
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by'
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller'
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed'
const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'

/** '' where a claim wants a volume without a class */
export function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.[OLD_CLASS] ?? spec?.storageClassName ?? ''
}

export function storageOf(claim: PersistentVolumeClaim): string {
  return claim.spec?.resources?.requests?.['storage'] ?? '0'
}

/** Whether a volume is kept for this very claim; one that names it without its uid is kept for it too. */
export function isKeptFor(
  { claimRef }: PersistentVolume['spec'],
  { metadata }: PersistentVolumeClaim,
): boolean {
  if (claimRef?.namespace !== metadata.namespace || claimRef?.name !== metadata.name) return false
  return (claimRef.uid ?? '') === '' || claimRef.uid === metadata.uid
}
