import { createWorkQueue } from '../../base/index.ts'
import type { Deployment, Pod, ReplicaSet } from '../../kube/index.ts'
import { isAlreadyExists, isConflict, isNotFound, KINDS } from '../../kube/client/index.ts'
import { deploymentStatus } from './deployment-status.ts'
import { controllerOf, controllerReference } from './pods.ts'
import { planRollout, resolveFenceposts, splitSets } from './rollout.ts'
import { type Controller, type ControllerContext, splitKey } from './shared-informers.ts'
import { isSameTemplate, TEMPLATE_HASH_LABEL, templateHash } from './template-hash.ts'

const REVISION = 'deployment.kubernetes.io/revision'

/** Moves a Deployment's pods from one template to the next, through ReplicaSets. */
export function createDeploymentController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context
  const deployments = informers.of<Deployment>(KINDS.deployment)
  const replicaSets = informers.of<ReplicaSet>(KINDS.replicaSet)
  const pods = informers.of<Pod>(KINDS.pod)
  const ready = Promise.all([replicaSets.synced, pods.synced])

  const queue = createWorkQueue({
    ...context,
    name: 'deployment',
    concurrency: 8,
    retryBaseMs: 5,
    retryMaxMs: 5_000,
    logger: logger.scope('deployment'),
    reconcile: async (key) => {
      await ready
      const { namespace, name } = splitKey(key)
      const deployment = deployments.get(name, namespace)
      if (!deployment || deployment.metadata.deletionTimestamp !== undefined) return undefined
      const owned = replicaSets
        .list()
        .filter(
          (set) => set.metadata.namespace === namespace && controllerOf(set)?.uid === deployment.metadata.uid,
        )
      return reconcile(deployment, owned)
    },
  })

  const reconcile = async (
    deployment: Deployment,
    owned: readonly ReplicaSet[],
  ): Promise<number | undefined> => {
    const { newSet: existing, oldSets } = splitSets(deployment, owned)
    let newSet = existing
    if (!deployment.spec.paused) {
      newSet = existing ?? (await createSet(deployment, oldSets))
      newSet = await markRevision(deployment, newSet, oldSets)
      await rollOut(deployment, newSet, oldSets)
      await cleanUp(deployment, oldSets)
    } else if (newSet) await scaleSet(newSet, deployment.spec.replicas ?? 1)
    return writeStatus(deployment, newSet, oldSets)
  }

  const createSet = async (deployment: Deployment, oldSets: readonly ReplicaSet[]): Promise<ReplicaSet> => {
    const collisions = deployment.status?.collisionCount ?? 0
    const hash = templateHash(deployment.spec.template, collisions)
    const set = replicaSetFrom(deployment, hash, String(highestRevision(oldSets) + 1))
    try {
      return await client.create<ReplicaSet>(KINDS.replicaSet, set)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      const there = await client.get<ReplicaSet>(KINDS.replicaSet, set.metadata.name, set.metadata.namespace)
      const ours =
        there &&
        controllerOf(there)?.uid === deployment.metadata.uid &&
        there.spec.template &&
        isSameTemplate(there.spec.template, deployment.spec.template)
      if (ours) return there
      const status = { ...deployment.status, collisionCount: collisions + 1 }
      await client.update(KINDS.deployment, { ...deployment, status }, { subresource: 'status' })
      throw error
    }
  }

  /** A set that becomes the current one again (an undo) gets a new, highest revision. */
  const markRevision = async (
    deployment: Deployment,
    newSet: ReplicaSet,
    oldSets: readonly ReplicaSet[],
  ): Promise<ReplicaSet> => {
    const own = Number(newSet.metadata.annotations?.[REVISION] ?? 0)
    const revision = String(
      Math.max(own, highestRevision(oldSets) + (own > highestRevision(oldSets) ? 0 : 1)),
    )
    const annotate = { metadata: { annotations: { [REVISION]: revision } } }
    const { namespace } = deployment.metadata
    if (deployment.metadata.annotations?.[REVISION] !== revision) {
      await client.patch(KINDS.deployment, deployment.metadata.name, namespace, annotate, { type: 'merge' })
    }
    if (newSet.metadata.annotations?.[REVISION] === revision) return newSet
    return client.patch<ReplicaSet>(KINDS.replicaSet, newSet.metadata.name, namespace, annotate, {
      type: 'merge',
    })
  }

  const rollOut = async (deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]) => {
    const counts = (set: ReplicaSet) => ({
      name: set.metadata.name,
      replicas: set.spec.replicas ?? 1,
      available: set.status?.availableReplicas ?? 0,
    })
    const oldUids = new Set(oldSets.map((set) => set.metadata.uid))
    const plan = planRollout({
      wanted: deployment.spec.replicas ?? 1,
      strategy: deployment.spec.strategy?.type ?? 'RollingUpdate',
      ...resolveFenceposts(deployment),
      newSet: counts(newSet),
      oldSets: oldSets.map(counts),
      oldPods: pods.list().filter((pod) => oldUids.has(controllerOf(pod)?.uid ?? '')).length,
    })
    await scaleSet(newSet, plan.newReplicas)
    for (const set of oldSets) await scaleSet(set, plan.oldReplicas.get(set.metadata.name) ?? 0)
  }

  const scaleSet = async (set: ReplicaSet, replicas: number) => {
    if ((set.spec.replicas ?? 1) === replicas) return
    const { name, namespace, resourceVersion } = set.metadata
    const patch = { metadata: { resourceVersion }, spec: { replicas } }
    await client.patch(KINDS.replicaSet, name, namespace, patch, { type: 'merge' })
  }

  const cleanUp = async (deployment: Deployment, oldSets: readonly ReplicaSet[]) => {
    const empty = oldSets.filter((set) => set.spec.replicas === 0 && (set.status?.replicas ?? 0) === 0)
    const surplus = empty.length - (deployment.spec.revisionHistoryLimit ?? 10)
    for (const set of empty.slice(0, Math.max(0, surplus))) {
      await client.delete(KINDS.replicaSet, set.metadata.name, set.metadata.namespace, {
        propagationPolicy: 'Background',
      })
    }
  }

  const writeStatus = async (
    deployment: Deployment,
    newSet: ReplicaSet | undefined,
    oldSets: readonly ReplicaSet[],
  ) => {
    const { maxUnavailable } = resolveFenceposts(deployment)
    const { status, againMs } = deploymentStatus({
      deployment,
      newSet,
      oldSets,
      maxUnavailable,
      nowMs: clock.now(),
    })
    if (JSON.stringify(status) !== JSON.stringify(deployment.status)) {
      try {
        await client.update(KINDS.deployment, { ...deployment, status }, { subresource: 'status' })
      } catch (error) {
        // The newer version comes through the watch and brings the key back.
        if (!isConflict(error) && !isNotFound(error)) throw error
      }
    }
    return againMs
  }

  deployments.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  replicaSets.onChange((changes) => {
    for (const { before, after } of changes) {
      const set = after ?? before
      const owner = set && controllerOf(set)
      if (owner?.kind === 'Deployment') queue.add(`${set?.metadata.namespace}/${owner.name}`)
    }
  })
  pods.onChange((changes) => {
    // Only Recreate waits for pods to be gone; ReplicaSets tell the rest.
    for (const { before, after } of changes) {
      if (after || !before) continue
      const owner = controllerOf(before)
      if (owner?.kind !== 'ReplicaSet') continue
      const set = replicaSets.get(owner.name, before.metadata.namespace)
      const deployment = set && controllerOf(set)
      if (deployment?.kind === 'Deployment') queue.add(`${before.metadata.namespace}/${deployment.name}`)
    }
  })
  return { name: 'deployment', stop: queue.stop }
}

function highestRevision(sets: readonly ReplicaSet[]): number {
  return Math.max(0, ...sets.map((set) => Number(set.metadata.annotations?.[REVISION] ?? 0)))
}

function replicaSetFrom(deployment: Deployment, hash: string, revision: string): ReplicaSet {
  const { template, selector } = deployment.spec
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash }
  const { namespace, name } = deployment.metadata
  const wanted = deployment.spec.replicas ?? 1
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: {
        ...inheritedAnnotations(deployment),
        [REVISION]: revision,
        'deployment.kubernetes.io/desired-replicas': String(wanted),
        'deployment.kubernetes.io/max-replicas': String(wanted + resolveFenceposts(deployment).maxSurge),
      },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      // The plan says how many: a new set starts empty unless it is the first.
      replicas: 0,
      ...(deployment.spec.minReadySeconds === undefined
        ? {}
        : { minReadySeconds: deployment.spec.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [TEMPLATE_HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}

function inheritedAnnotations(deployment: Deployment): Readonly<Record<string, string>> {
  const own = ['kubectl.kubernetes.io/last-applied-configuration', REVISION]
  return Object.fromEntries(
    Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !own.includes(key)),
  )
}
