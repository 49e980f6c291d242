import {
  type Condition,
  formatLabelSelector,
  type KubeObject,
  matchesLabels,
  type OwnerReference,
  parseApiVersion,
  type Pod,
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
} from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import type { ApiResources } from './api-resources.ts'
import { ignoreOvertaken } from './claim.ts'
import { intOrPercent } from './int-or-percent.ts'
import { createObjectQueue } from './object-queue.ts'
import { controllerOf, formatSeconds, isPodReady, isSameStatus } from './pods.ts'
import { findScaleTarget } from './scale-target.ts'
import { type Controller, type ControllerContext, keyOf } from './shared-informers.ts'

const COMPONENT = 'controllermanager'
/** An eviction that was granted must lead to a deletion within so long, or it counts no more. */
const DELETION_MS = 120_000

/** Says of each PodDisruptionBudget how many of its pods may be evicted just now; evictions go by it. */
export function createDisruptionController(
  context: ControllerContext & { readonly resources: ApiResources },
): Controller {
  const { client, informers, events, clock } = context
  const budgets = informers.of<PodDisruptionBudget>(KINDS.podDisruptionBudget)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByNamespace = pods.indexBy((pod) => [pod.metadata.namespace ?? ''])
  const budgetsByNamespace = budgets.indexBy((budget) => [budget.metadata.namespace ?? ''])

  const queue = createObjectQueue(context, {
    name: 'disruption',
    concurrency: 4,
    reads: [budgets, pods],
    reconcile: async ({ namespace, name }) => {
      const budget = budgets.get(name, namespace)
      if (!budget || budget.metadata.deletionTimestamp !== undefined) return undefined
      return reconcile(budget)
    },
  })

  const reconcile = async (budget: PodDisruptionBudget): Promise<number | undefined> => {
    const selected = podsByNamespace
      .lookup(budget.metadata.namespace ?? '')
      .filter((pod) => selects(budget, pod) && !isFinished(pod))
    if (selected.length === 0) tell(budget, 'Normal', 'NoPods', 'No matching pods found')
    const expected = await expectedPods(budget, selected)
    if (typeof expected === 'string') {
      const message = `Failed to calculate the number of expected pods: ${expected}`
      tell(budget, 'Warning', 'CalculateExpectedPodCountFailed', message)
      await writeStatus(budget, failedStatus(budget, expected, clock.now()))
      return undefined
    }
    const { status, againMs } = budgetStatus({ budget, pods: selected, expected, nowMs: clock.now() })
    await writeStatus(budget, status)
    return againMs
  }

  const tell = (
    budget: PodDisruptionBudget,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void => events.record(budget, { type, reason, message, component: COMPONENT })

  /** For shares and for maxUnavailable: what the pods' controllers want in all. @returns why not, as a text */
  const expectedPods = async (
    budget: PodDisruptionBudget,
    selected: readonly Pod[],
  ): Promise<number | string> => {
    const { spec, metadata } = budget
    if (spec.maxUnavailable === undefined && typeof spec.minAvailable !== 'string') return selected.length
    const owners = new Map(selected.flatMap((pod) => controllerOf(pod) ?? []).map((one) => [one.uid, one]))
    const scales = new Map<string, number>()
    for (const [uid, owner] of owners) {
      const wanted = await replicasOf(owner, metadata.namespace)
      if (typeof wanted === 'string') return wanted
      scales.set(uid, wanted)
    }
    // Nobody says how many of those without a controller there should be, so they do not count.
    if (selected.some((pod) => controllerOf(pod) === undefined)) {
      tell(budget, 'Warning', 'UnmanagedPods', unmanagedMessage(spec.selector))
    }
    return [...scales.values()].reduce((sum, count) => sum + count, 0)
  }

  const replicasOf = async (owner: OwnerReference, namespace: string | undefined) => {
    const target = await findScaleTarget(context, await scaledOwner(owner, namespace), namespace)
    return typeof target === 'string' ? target : target.replicas
  }

  /** A ReplicaSet's size changes during a rollout; its Deployment's does not. */
  const scaledOwner = async (owner: OwnerReference, namespace: string | undefined) => {
    if (owner.kind !== 'ReplicaSet' || parseApiVersion(owner.apiVersion).group !== 'apps') return owner
    const set = await client.get<KubeObject>(KINDS.replicaSet, owner.name, namespace)
    return (set && controllerOf(set)) ?? owner
  }

  const writeStatus = async (budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus) => {
    if (isSameStatus(budget.status, status)) return
    // On the version that was looked at: an eviction that was granted meanwhile must not be forgotten.
    await client
      .update(KINDS.podDisruptionBudget, { ...budget, status }, { subresource: 'status' })
      .catch(ignoreOvertaken)
  }

  budgets.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  pods.onChange((changes) => {
    for (const { before, after } of changes) {
      for (const pod of [before, after]) {
        for (const budget of budgetsByNamespace.lookup(pod?.metadata.namespace ?? '')) {
          if (pod && selects(budget, pod)) queue.add(keyOf(budget))
        }
      }
    }
  })
  return { name: 'disruption', stop: queue.stop }
}

function selects({ spec }: PodDisruptionBudget, pod: Pod): boolean {
  return spec.selector !== undefined && matchesLabels(spec.selector, pod.metadata.labels)
}

function unmanagedMessage(selector: PodDisruptionBudget['spec']['selector']): string {
  const shown = selector ? formatLabelSelector(selector) : ''
  return `Pods selected by this PodDisruptionBudget (selector: ${shown}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

function budgetStatus(facts: {
  readonly budget: PodDisruptionBudget
  readonly pods: readonly Pod[]
  readonly expected: number
  readonly nowMs: number
}): { readonly status: PodDisruptionBudgetStatus; readonly againMs: number | undefined } {
  const { budget, pods, expected, nowMs } = facts
  const granted = stillGranted(budget, pods, nowMs)
  const isCounted = (pod: Pod) =>
    isPodReady(pod) &&
    pod.metadata.deletionTimestamp === undefined &&
    granted.kept[pod.metadata.name] === undefined
  const currentHealthy = pods.filter(isCounted).length
  const desiredHealthy = desiredOf(budget, expected)
  const disruptionsAllowed = expected > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0
  const status = {
    observedGeneration: budget.metadata.generation ?? 0,
    ...(Object.keys(granted.kept).length > 0 ? { disruptedPods: granted.kept } : {}),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods: expected,
    conditions: [
      allowedCondition(budget, {
        status: disruptionsAllowed > 0 ? 'True' : 'False',
        reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        nowMs,
      }),
    ],
  }
  return { status, againMs: granted.againMs }
}

function desiredOf({ spec }: PodDisruptionBudget, expected: number): number {
  if (spec.maxUnavailable !== undefined) {
    return Math.max(0, expected - intOrPercent(spec.maxUnavailable, expected, Math.ceil))
  }
  return intOrPercent(spec.minAvailable ?? 1, expected, Math.ceil)
}

/** Evictions that were granted but whose deletion is not to be seen yet. */
function stillGranted(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): { readonly kept: Readonly<Record<string, string>>; readonly againMs: number | undefined } {
  const waiting = Object.entries(status?.disruptedPods ?? {}).flatMap(([name, time]) => {
    const pod = pods.find((one) => one.metadata.name === name)
    const leftMs = Date.parse(time) + DELETION_MS - nowMs
    const isGoing = !pod || pod.metadata.deletionTimestamp !== undefined
    return isGoing || leftMs <= 0 ? [] : [{ name, time, leftMs }]
  })
  const kept = Object.fromEntries(waiting.map(({ name, time }) => [name, time]))
  const againMs = waiting.length > 0 ? Math.min(...waiting.map((one) => one.leftMs)) : undefined
  return { kept, againMs }
}

/** Nothing may be evicted while nobody knows how many pods there should be. */
function failedStatus(
  budget: PodDisruptionBudget,
  message: string,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const condition = allowedCondition(budget, { status: 'False', reason: 'SyncFailed', message, nowMs })
  return {
    ...budget.status,
    observedGeneration: budget.metadata.generation ?? 0,
    disruptionsAllowed: 0,
    currentHealthy: budget.status?.currentHealthy ?? 0,
    desiredHealthy: budget.status?.desiredHealthy ?? 0,
    expectedPods: budget.status?.expectedPods ?? 0,
    conditions: [condition],
  }
}

function allowedCondition(
  budget: PodDisruptionBudget,
  next: {
    readonly status: 'True' | 'False'
    readonly reason: string
    readonly message: string
    readonly nowMs: number
  },
): Condition {
  const { nowMs, ...rest } = next
  const before = budget.status?.conditions?.find((one) => one.type === 'DisruptionAllowed')
  const isSame = before?.status === next.status
  return {
    type: 'DisruptionAllowed',
    ...rest,
    observedGeneration: budget.metadata.generation ?? 0,
    lastTransitionTime: (isSame ? before.lastTransitionTime : undefined) ?? formatSeconds(nowMs),
  }
}
