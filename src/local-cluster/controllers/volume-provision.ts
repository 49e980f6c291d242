import type { PersistentVolumeClaim } from '../../kube/index.ts'
import {
  BOUND_BY_CONTROLLER,
  CLAIM,
  type PersistentVolume,
  PROVISIONED_BY,
  PROVISIONER,
  type StorageClass,
  storageOf,
} from './volume-kinds.ts'

/** The class that every cluster begins with. */
export function standardClass(): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name: 'standard',
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
    provisioner: PROVISIONER,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    allowVolumeExpansion: true,
  }
}

/** The name says whose it is to a person who looks, and its uid keeps it apart from a claim of the same name. */
export function directoryName({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata.uid}_${metadata.namespace}_${metadata.name}`
}

export function provisionedVolume(
  claim: PersistentVolumeClaim,
  { metadata, reclaimPolicy = 'Delete' }: StorageClass,
  path: string,
): PersistentVolume {
  const { namespace = '', name, uid = '', resourceVersion = '' } = claim.metadata
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: `pvc-${uid}`,
      annotations: { [PROVISIONED_BY]: PROVISIONER, [BOUND_BY_CONTROLLER]: 'yes' },
    },
    spec: {
      capacity: { storage: storageOf(claim) },
      accessModes: claim.spec?.accessModes ?? [],
      persistentVolumeReclaimPolicy: reclaimPolicy,
      storageClassName: metadata.name,
      volumeMode: 'Filesystem',
      claimRef: { kind: CLAIM.kind, apiVersion: 'v1', namespace, name, uid, resourceVersion },
      hostPath: { path, type: 'DirectoryOrCreate' },
    },
  }
}
