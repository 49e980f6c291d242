import { deepEqual } from '../../base/index.ts'
import type { KubeObject, OwnerReference, Pod } from '../../kube/index.ts'

export function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false
}

export function readySinceMs(pod: Pod): number | undefined {
  const condition = pod.status?.conditions?.find((one) => one.type === 'Ready' && one.status === 'True')
  return condition?.lastTransitionTime === undefined ? undefined : Date.parse(condition.lastTransitionTime)
}

/** Counted among a controller's replicas: neither finished nor about to go. */
export function isActivePod(pod: Pod): boolean {
  const phase = pod.status?.phase
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true)
}

export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

/** Index keys: the uid of the controller, or the namespace of what nobody controls. */
export function controllerKeys(object: KubeObject): readonly string[] {
  const controller = controllerOf(object)
  return [controller ? controller.uid : orphansOf(object.metadata.namespace)]
}

export function orphansOf(namespace: string | undefined): string {
  return `without controller in ${namespace ?? ''}`
}

/** The time as Kubernetes writes it: whole seconds in UTC. */
export function formatSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The keys of the owners that what has changed has or had. */
export function addOwners(
  kind: string,
  add: (key: string) => void,
  ...versions: readonly (KubeObject | undefined)[]
): void {
  for (const object of versions) {
    const owner = object && controllerOf(object)
    if (owner?.kind === kind) add(`${object?.metadata.namespace}/${owner.name}`)
  }
}

/** Whether a status need not be written: counts of zero may be left out in what is stored. */
export function isSameStatus(before: object | undefined, after: object): boolean {
  const counts = (status: object) =>
    Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0))
  return before !== undefined && deepEqual(counts(before), counts(after))
}
