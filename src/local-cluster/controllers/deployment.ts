import { deepEqual } from '../../base/index.ts'
import { type Deployment, matchesLabels, type Pod, type ReplicaSet } from '../../kube/index.ts'
import { isAlreadyExists, KINDS } from '../../kube/client/index.ts'
import { claim, ignoreOvertaken } from './claim.ts'
import {
  currentSetPatch,
  deploymentMaxOf,
  isScaled,
  replicaSetFrom,
  REVISION,
  scalePatch,
} from './deployment-sets.ts'
import { deploymentStatus } from './deployment-status.ts'
import { followOwned } from './follow-owned.ts'
import { createObjectQueue } from './object-queue.ts'
import { controllerKeys, controllerOf, orphansOf } from './pods.ts'
import { scaleProportionally } from './proportional.ts'
import { planRollout, resolveFenceposts, splitSets } from './rollout.ts'
import { type Controller, type ControllerContext } from './shared-informers.ts'
import { isSameTemplate, templateHash } from './template-hash.ts'

const COMPONENT = 'deployment-controller'

/** Moves a Deployment's pods from one template to the next, through ReplicaSets. */
export function createDeploymentController(context: ControllerContext): Controller {
  const { client, informers, events, clock } = context
  const deployments = informers.of<Deployment>(KINDS.deployment)
  const replicaSets = informers.of<ReplicaSet>(KINDS.replicaSet)
  const pods = informers.of<Pod>(KINDS.pod)
  const setsByController = replicaSets.indexBy(controllerKeys)
  const podsByController = pods.indexBy(controllerKeys)
  const deploymentsByNamespace = deployments.indexBy((one) => [one.metadata.namespace ?? ''])

  const queue = createObjectQueue(context, {
    name: 'deployment',
    concurrency: 8,
    reads: [deployments, replicaSets, pods],
    reconcile: async ({ namespace, name }) => {
      const deployment = deployments.get(name, namespace)
      if (!deployment || deployment.metadata.deletionTimestamp !== undefined) return undefined
      return reconcile(deployment, await claimSets(deployment))
    },
  })

  const claimSets = (deployment: Deployment): Promise<readonly ReplicaSet[]> =>
    claim<ReplicaSet>({
      client,
      owner: deployment,
      ownerKind: KINDS.deployment,
      kind: KINDS.replicaSet,
      owned: setsByController.lookup(deployment.metadata.uid ?? ''),
      orphans: setsByController.lookup(orphansOf(deployment.metadata.namespace)),
      selects: (set) => selects(deployment, set),
    })

  const reconcile = async (
    deployment: Deployment,
    owned: readonly ReplicaSet[],
  ): Promise<number | undefined> => {
    const { newSet: existing, oldSets } = splitSets(deployment, owned)
    const isResized = isScaled(deployment, owned)
    if (deployment.spec.paused || isResized) {
      // Paused between two templates, the sizes are meant to stay as they are until somebody changes the whole.
      const isBetween = owned.filter((set) => (set.spec.replicas ?? 1) > 0).length > 1
      if (isResized || !isBetween) await scaleSets(deployment, existing, oldSets)
      return writeStatus(deployment, existing, oldSets)
    }
    const newSet = await markCurrent(deployment, existing ?? (await createSet(deployment, oldSets)), oldSets)
    await rollOut(deployment, newSet, oldSets)
    await cleanUp(deployment, oldSets)
    return writeStatus(deployment, newSet, oldSets)
  }

  const createSet = async (deployment: Deployment, oldSets: readonly ReplicaSet[]): Promise<ReplicaSet> => {
    const collisions = deployment.status?.collisionCount ?? 0
    const set = replicaSetFrom(deployment, templateHash(deployment.spec.template, collisions), oldSets)
    try {
      return await client.create<ReplicaSet>(KINDS.replicaSet, set)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      const there = await client.get<ReplicaSet>(KINDS.replicaSet, set.metadata.name, set.metadata.namespace)
      const isOurs =
        there?.spec.template &&
        controllerOf(there)?.uid === deployment.metadata.uid &&
        isSameTemplate(there.spec.template, deployment.spec.template)
      if (isOurs) return there
      const status = { ...deployment.status, collisionCount: collisions + 1 }
      await client.update(KINDS.deployment, { ...deployment, status }, { subresource: 'status' })
      throw error
    }
  }

  const markCurrent = async (
    deployment: Deployment,
    set: ReplicaSet,
    oldSets: readonly ReplicaSet[],
  ): Promise<ReplicaSet> => {
    const { revision, patch } = currentSetPatch(deployment, set, oldSets)
    const { namespace, name } = deployment.metadata
    if (deployment.metadata.annotations?.[REVISION] !== revision) {
      const annotate = { metadata: { annotations: { [REVISION]: revision } } }
      await client.patch(KINDS.deployment, name, namespace, annotate, { type: 'merge' })
    }
    if (!patch) return set
    return client.patch<ReplicaSet>(KINDS.replicaSet, set.metadata.name, namespace, patch, { type: 'merge' })
  }

  const rollOut = async (deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]) => {
    const counts = (set: ReplicaSet) => ({
      name: set.metadata.name,
      replicas: set.spec.replicas ?? 1,
      available: set.status?.availableReplicas ?? 0,
    })
    const plan = planRollout({
      wanted: deployment.spec.replicas ?? 1,
      strategy: deployment.spec.strategy?.type ?? 'RollingUpdate',
      ...resolveFenceposts(deployment),
      newSet: counts(newSet),
      oldSets: oldSets.map(counts),
      oldPods: oldSets.flatMap((set) => podsByController.lookup(set.metadata.uid ?? '')).filter(isUnfinished)
        .length,
    })
    await scaleSet(deployment, newSet, plan.newReplicas)
    for (const set of oldSets) await scaleSet(deployment, set, plan.oldReplicas.get(set.metadata.name) ?? 0)
  }

  /** No step of a rollout, only another size: while it is paused, or before it goes on. */
  const scaleSets = async (
    deployment: Deployment,
    newSet: ReplicaSet | undefined,
    oldSets: readonly ReplicaSet[],
  ) => {
    const sets = [...oldSets, ...(newSet ? [newSet] : [])]
    const sizes = scaleProportionally({
      wanted: deployment.spec.replicas ?? 1,
      maxSurge: resolveFenceposts(deployment).maxSurge,
      sets: sets.map((set) => ({
        name: set.metadata.name,
        replicas: set.spec.replicas ?? 1,
        deploymentMax: deploymentMaxOf(deployment, set),
        isNew: set === newSet,
      })),
    })
    for (const set of sets) await scaleSet(deployment, set, sizes.get(set.metadata.name) ?? 0)
  }

  const scaleSet = async (deployment: Deployment, set: ReplicaSet, replicas: number) => {
    const patch = scalePatch(deployment, set, replicas)
    if (!patch) return
    const { name, namespace } = set.metadata
    await client.patch(KINDS.replicaSet, name, namespace, patch, { type: 'merge' })
    const before = set.spec.replicas ?? 0
    if (before === replicas) return
    const direction = replicas > before ? 'up' : 'down'
    const message = `Scaled ${direction} replica set ${name} from ${before} to ${replicas}`
    events.record(deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message, component: COMPONENT })
  }

  const cleanUp = async (deployment: Deployment, oldSets: readonly ReplicaSet[]) => {
    const empty = oldSets.filter(
      (set) =>
        set.spec.replicas === 0 &&
        (set.status?.replicas ?? 0) === 0 &&
        set.metadata.deletionTimestamp === undefined,
    )
    const surplus = empty.length - (deployment.spec.revisionHistoryLimit ?? 10)
    const byRevision = [...empty].sort((a, b) => revisionOf(a) - revisionOf(b))
    for (const { metadata } of byRevision.slice(0, Math.max(0, surplus))) {
      await client
        .delete(KINDS.replicaSet, metadata.name, metadata.namespace, {
          propagationPolicy: 'Background',
          uid: metadata.uid ?? '',
        })
        .catch(ignoreOvertaken)
    }
  }

  const writeStatus = async (
    deployment: Deployment,
    newSet: ReplicaSet | undefined,
    oldSets: readonly ReplicaSet[],
  ) => {
    const { maxUnavailable } = resolveFenceposts(deployment)
    const nowMs = clock.now()
    const { status, againMs } = deploymentStatus({ deployment, newSet, oldSets, maxUnavailable, nowMs })
    if (!deepEqual(status, deployment.status)) {
      await client
        .update(KINDS.deployment, { ...deployment, status }, { subresource: 'status' })
        .catch(ignoreOvertaken)
    }
    return againMs
  }

  deployments.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  const adopters = deploymentsByNamespace
  followOwned(replicaSets, { ownerKind: 'Deployment', add: queue.add, adopters, selects })
  pods.onChange((changes) => {
    // Only Recreate waits for pods to be gone; ReplicaSets tell the rest.
    for (const { before, after } of changes) {
      const owner = before && (!after || !isUnfinished(after)) ? controllerOf(before) : undefined
      if (owner?.kind !== 'ReplicaSet') continue
      const set = replicaSets.get(owner.name, before?.metadata.namespace)
      const deployment = set && controllerOf(set)
      if (deployment?.kind === 'Deployment') queue.add(`${before?.metadata.namespace}/${deployment.name}`)
    }
  })
  return { name: 'deployment', stop: queue.stop }
}

function selects(deployment: Deployment, set: ReplicaSet): boolean {
  const { selector } = deployment.spec
  return selector !== undefined && matchesLabels(selector, set.metadata.labels)
}

function isUnfinished(pod: Pod): boolean {
  return pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0)
}
