import { deepEqual } from '../../base/index.ts'
import type { Deployment, ReplicaSet } from '../../kube/index.ts'
import { controllerReference } from './pods.ts'
import { resolveFenceposts } from './rollout.ts'
import { TEMPLATE_HASH_LABEL } from './template-hash.ts'

/** Annotations by which a Deployment and kubectl remember what each ReplicaSet was. */
export const REVISION = 'deployment.kubernetes.io/revision'
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const NOT_INHERITED = new Set([REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, LAST_APPLIED])

export function replicaSetFrom(
  deployment: Deployment,
  hash: string,
  oldSets: readonly ReplicaSet[],
): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash }
  const { namespace, name } = deployment.metadata
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: {
        ...inheritedAnnotations(deployment),
        ...sizeAnnotations(deployment),
        [REVISION]: String(highestRevision(oldSets) + 1),
      },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      // The plan says how many: a new set starts empty.
      replicas: 0,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [TEMPLATE_HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}

/**
 * What of the current set does not agree with its Deployment, as a merge patch: annotations, minReadySeconds, and a
 * new, highest revision for a set that became the current one again (an undo), its former one kept as history.
 */
export function currentSetPatch(
  deployment: Deployment,
  set: ReplicaSet,
  oldSets: readonly ReplicaSet[],
): { readonly revision: string; readonly patch: object | undefined } {
  const own = set.metadata.annotations?.[REVISION]
  const highest = highestRevision(oldSets)
  const revision = Number(own ?? 0) > highest ? (own ?? '') : String(highest + 1)
  const history = set.metadata.annotations?.[REVISION_HISTORY]
  const annotations = {
    ...inheritedAnnotations(deployment),
    [REVISION]: revision,
    ...(own === undefined || own === revision
      ? {}
      : { [REVISION_HISTORY]: history === undefined ? own : `${history},${own}` }),
  }
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0
  const isSame =
    Object.entries(annotations).every(([key, value]) => set.metadata.annotations?.[key] === value) &&
    (set.spec.minReadySeconds ?? 0) === minReadySeconds
  const { resourceVersion } = set.metadata
  return {
    revision,
    patch: isSame ? undefined : { metadata: { resourceVersion, annotations }, spec: { minReadySeconds } },
  }
}

/** A merge patch that brings a set to a size and writes down the Deployment's own; undefined when all is so already. */
export function scalePatch(deployment: Deployment, set: ReplicaSet, replicas: number): object | undefined {
  const { resourceVersion } = set.metadata
  const annotations = sizeAnnotations(deployment)
  const isSame = set.spec.replicas === replicas
  const isNoted = deepEqual({ ...set.metadata.annotations, ...annotations }, set.metadata.annotations)
  // Sets without pods are history: their annotations are of their own time.
  if (isSame && (isNoted || replicas === 0)) return undefined
  return { metadata: { resourceVersion, annotations }, spec: { replicas } }
}

/** Whether somebody has scaled the Deployment since its sets were last scaled. */
export function isScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const desired = set.metadata.annotations?.[DESIRED_REPLICAS]
    return (
      (set.spec.replicas ?? 0) > 0 &&
      desired !== undefined &&
      Number(desired) !== (deployment.spec.replicas ?? 1)
    )
  })
}

export function deploymentMaxOf(deployment: Deployment, set: ReplicaSet): number {
  const noted = Number(set.metadata.annotations?.[MAX_REPLICAS])
  return noted > 0 ? noted : (deployment.status?.replicas ?? set.spec.replicas ?? 0)
}

function highestRevision(sets: readonly ReplicaSet[]): number {
  return Math.max(0, ...sets.map((set) => Number(set.metadata.annotations?.[REVISION] ?? 0)))
}

function sizeAnnotations(deployment: Deployment): Readonly<Record<string, string>> {
  const wanted = deployment.spec.replicas ?? 1
  return {
    [DESIRED_REPLICAS]: String(wanted),
    [MAX_REPLICAS]: String(wanted + resolveFenceposts(deployment).maxSurge),
  }
}

function inheritedAnnotations(deployment: Deployment): Readonly<Record<string, string>> {
  const all = Object.entries(deployment.metadata.annotations ?? {})
  return Object.fromEntries(all.filter(([key]) => !NOT_INHERITED.has(key)))
}
