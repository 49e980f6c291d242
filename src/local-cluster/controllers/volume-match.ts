import { matchesLabels, parseQuantity, type PersistentVolumeClaim } from '../../kube/index.ts'
import { classOf, isKeptFor, type PersistentVolume, storageOf } from './volume-kinds.ts'

/** @returns the volume to bind a claim to: one that is kept for it, or the smallest free one that is enough */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): PersistentVolume | undefined {
  const there = volumes.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const kept = there.find(({ spec }) => isKeptFor(spec, claim))
  if (kept) return kept
  const fitting = there.filter((volume) => volume.spec.claimRef === undefined && fits(claim, volume))
  return fitting.sort(
    (a, b) => Number(sizeOf(a) - sizeOf(b)) || (a.metadata.name < b.metadata.name ? -1 : 1),
  )[0]
}

function fits(claim: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  const { accessModes = [], selector, volumeMode = 'Filesystem' } = claim.spec ?? {}
  const { spec, metadata } = volume
  return (
    (spec.storageClassName ?? '') === classOf(claim) &&
    (spec.volumeMode ?? 'Filesystem') === volumeMode &&
    accessModes.every((mode) => spec.accessModes?.includes(mode)) &&
    (selector === undefined || matchesLabels(selector, metadata.labels)) &&
    sizeOf(volume) >= nanosOf(storageOf(claim))
  )
}

function sizeOf({ spec }: PersistentVolume): bigint {
  return nanosOf(spec.capacity?.['storage'] ?? '0')
}

export function nanosOf(text: string): bigint {
  return parseQuantity(text)?.nanos ?? 0n
}
