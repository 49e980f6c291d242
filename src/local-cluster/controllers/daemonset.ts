import { deepEqual } from '../../base/index.ts'
import {
  type DaemonSet,
  type DaemonSetStatus,
  type KubeObject,
  matchesLabels,
  type Node,
  type Pod,
} from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { claim, ignoreOvertaken } from './claim.ts'
import { type DaemonNode, type DaemonPod, type DaemonUpdate, planDaemons } from './daemon-plan.ts'
import { daemonPodFrom, nodeOf } from './daemon-pods.ts'
import { createExpectations } from './expectations.ts'
import { intOrPercent } from './int-or-percent.ts'
import { fitsNode } from './node-fit.ts'
import { createPodControl } from './pod-control.ts'
import { followOwned, observeAll } from './follow-owned.ts'
import { createObjectQueue } from './object-queue.ts'
import { controllerKeys, isActivePod, isPodReady, orphansOf, readySinceMs } from './pods.ts'
import {
  CONTROLLER_REVISION,
  type ControllerRevision,
  REVISION_LABEL,
  revisionHash,
  syncHistory,
  truncateHistory,
} from './revisions.ts'
import { type Controller, type ControllerContext, keyOf } from './shared-informers.ts'

const COMPONENT = 'daemonset-controller'
/** A pod that failed is replaced at once, then after ever longer pauses. */
const FAILED_BASE_MS = 1_000
const FAILED_MAX_MS = 900_000

/** Keeps one pod of a template on every node that it fits. */
export function createDaemonSetController(context: ControllerContext): Controller {
  const { client, informers, events, clock } = context
  const sets = informers.of<DaemonSet>(KINDS.daemonSet)
  const pods = informers.of<Pod>(KINDS.pod)
  const nodes = informers.of<Node>(KINDS.node)
  const revisions = informers.of<ControllerRevision>(CONTROLLER_REVISION)
  const podsByController = pods.indexBy(controllerKeys)
  const revisionsByController = revisions.indexBy(controllerKeys)
  const setsByNamespace = sets.indexBy((set) => [set.metadata.namespace ?? ''])
  const expectations = createExpectations(clock)
  const podControl = createPodControl({ ...context, expectations, component: COMPONENT })
  const failures = new Map<string, { readonly count: number; readonly untilMs: number }>()

  const queue = createObjectQueue(context, {
    name: 'daemonset',
    concurrency: 8,
    reads: [sets, pods, nodes, revisions],
    reconcile: async ({ key, namespace, name }) => {
      const set = sets.get(name, namespace)
      if (!set) failures.delete(key)
      if (!set || set.metadata.deletionTimestamp !== undefined) return undefined
      return reconcile(set, key)
    },
  })

  const reconcile = async (set: DaemonSet, key: string): Promise<number | undefined> => {
    const owned = await claimPods(set)
    const history = await syncHistory({
      client,
      owner: set,
      ownerKind: KINDS.daemonSet,
      byController: revisionsByController,
      selects: (object) => selects(set, object),
    })
    const hash = revisionHash(history.update)
    const state = nodesOf(set, { nodes: nodes.list(), owned, hash, nowMs: clock.now() })
    await writeStatus(set, daemonSetStatus(set, state))
    const waitMs = expectations.satisfied(key) ? await carryOut({ set, key, owned, hash, state }) : undefined
    const used = new Set(owned.map((pod) => pod.metadata.labels?.[REVISION_LABEL]))
    await truncateHistory(client, set, history, (one) => used.has(revisionHash(one)))
    const waits = owned.flatMap((pod) => availableInMs(set, pod, clock.now()) ?? [])
    const againMs = [...waits, ...(waitMs === undefined ? [] : [waitMs])]
    return againMs.length > 0 ? Math.min(...againMs) : undefined
  }

  /** @returns when to look again at pods that keep failing */
  const carryOut = async (facts: {
    readonly set: DaemonSet
    readonly key: string
    readonly owned: readonly Pod[]
    readonly hash: string
    readonly state: readonly DaemonNode[]
  }): Promise<number | undefined> => {
    const { set, key, owned, hash, state } = facts
    const plan = planDaemons(state, updateOf(set, state.filter((node) => node.isWanted).length))
    const doomed = owned.filter((pod) => plan.remove.includes(pod.metadata.name))
    const failed = doomed.filter((pod) => pod.status?.phase === 'Failed')
    const waitMs = failed.length > 0 ? pauseOf(key) : 0
    if (waitMs === 0) for (const pod of failed) tellOfFailed(set, pod)
    const now = waitMs > 0 ? doomed.filter((pod) => !failed.includes(pod)) : doomed
    await podControl.remove(set, now, key)
    const fresh = plan.create.map((node) => daemonPodFrom(set, { node, hash }))
    await podControl.create(set, fresh, key)
    return waitMs > 0 ? waitMs : undefined
  }

  /** @returns how long to wait before failed pods are replaced; zero starts the next, longer pause */
  const pauseOf = (key: string): number => {
    const nowMs = clock.monotonic()
    const known = failures.get(key)
    if (known && known.untilMs > nowMs) return known.untilMs - nowMs
    const isOld = known !== undefined && nowMs - known.untilMs > 2 * FAILED_MAX_MS
    const count = known && !isOld ? known.count + 1 : 0
    const untilMs = nowMs + Math.min(FAILED_MAX_MS, FAILED_BASE_MS * 2 ** Math.min(count, 20))
    failures.set(key, { count, untilMs })
    return 0
  }

  const tellOfFailed = (set: DaemonSet, pod: Pod) => {
    const message = `Found failed daemon pod ${keyOf(pod)} on node ${nodeOf(pod)}, will try to kill it`
    events.record(set, { type: 'Warning', reason: 'FailedDaemonPod', message, component: COMPONENT })
  }

  const claimPods = (set: DaemonSet): Promise<readonly Pod[]> =>
    claim<Pod>({
      client,
      owner: set,
      ownerKind: KINDS.daemonSet,
      kind: KINDS.pod,
      owned: podsByController.lookup(set.metadata.uid ?? ''),
      orphans: podsByController.lookup(orphansOf(set.metadata.namespace)).filter(isActivePod),
      selects: (pod) => selects(set, pod),
    })

  const writeStatus = async (set: DaemonSet, status: DaemonSetStatus) => {
    if (deepEqual(set.status, status)) return
    await client.update(KINDS.daemonSet, { ...set, status }, { subresource: 'status' }).catch(ignoreOvertaken)
  }

  sets.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  nodes.onChange((changes) => {
    const isMoved = changes.some(
      ({ before, after }) => !deepEqual(before && fitFacts(before), after && fitFacts(after)),
    )
    if (isMoved) for (const set of sets.list()) queue.add(keyOf(set))
  })
  followOwned(revisions, { ownerKind: 'DaemonSet', add: queue.add })
  observeAll(pods, expectations)
  followOwned(pods, { ownerKind: 'DaemonSet', add: queue.add, adopters: setsByNamespace, selects })
  return { name: 'daemonset', stop: queue.stop }
}

/** What of a node decides where daemons run; heartbeats do not. */
function fitFacts(node: Node): object {
  return { name: node.metadata.name, labels: node.metadata.labels, taints: node.spec?.taints }
}

function nodesOf(
  set: DaemonSet,
  facts: {
    readonly nodes: readonly Node[]
    readonly owned: readonly Pod[]
    readonly hash: string
    readonly nowMs: number
  },
): readonly DaemonNode[] {
  const byNode = new Map<string, Pod[]>()
  for (const pod of facts.owned) byNode.set(nodeOf(pod), [...(byNode.get(nodeOf(pod)) ?? []), pod])
  const wanted = facts.nodes.filter((node) => fitsNode(set.spec.template.spec, node))
  const names = new Set([...wanted.map((node) => node.metadata.name), ...byNode.keys()])
  return [...names].map((name) => ({
    name,
    isWanted: wanted.some((node) => node.metadata.name === name),
    pods: [...(byNode.get(name) ?? [])]
      .sort((a, b) => ageOrder(a).localeCompare(ageOrder(b)))
      .map((pod) => toDaemonPod(set, pod, facts)),
  }))
}

function toDaemonPod(
  set: DaemonSet,
  pod: Pod,
  { hash, nowMs }: { readonly hash: string; readonly nowMs: number },
): DaemonPod {
  const phase = pod.status?.phase
  return {
    name: pod.metadata.name,
    isUpdated: pod.metadata.labels?.[REVISION_LABEL] === hash,
    isTerminating: pod.metadata.deletionTimestamp !== undefined,
    isFinished: phase === 'Failed' || phase === 'Succeeded',
    isReady: isPodReady(pod),
    isAvailable: isPodReady(pod) && availableInMs(set, pod, nowMs) === undefined,
  }
}

function daemonSetStatus(set: DaemonSet, state: readonly DaemonNode[]): DaemonSetStatus {
  const { status, metadata } = set
  const wanted = state.filter((node) => node.isWanted)
  const counts = (test: (pod: DaemonPod) => boolean) =>
    wanted.filter((node) => node.pods.some((pod) => !pod.isTerminating && test(pod))).length
  const available = counts((pod) => pod.isAvailable)
  const updated = counts((pod) => pod.isUpdated)
  const unavailable = wanted.length - available
  return {
    currentNumberScheduled: counts(() => true),
    desiredNumberScheduled: wanted.length,
    numberMisscheduled: state.filter((node) => !node.isWanted && node.pods.length > 0).length,
    numberReady: counts((pod) => pod.isReady),
    observedGeneration: metadata.generation ?? 0,
    ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
    ...(available > 0 ? { numberAvailable: available } : {}),
    ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
    ...(status?.collisionCount === undefined ? {} : { collisionCount: status.collisionCount }),
    ...(status?.conditions === undefined ? {} : { conditions: status.conditions }),
  }
}

function updateOf({ spec }: DaemonSet, wanted: number): DaemonUpdate {
  if (spec.updateStrategy?.type === 'OnDelete') return { kind: 'on-delete' }
  const rolling = spec.updateStrategy?.rollingUpdate
  const maxSurge = intOrPercent(rolling?.maxSurge ?? 0, wanted, Math.ceil)
  const maxUnavailable = intOrPercent(rolling?.maxUnavailable ?? 1, wanted, Math.ceil)
  return { kind: 'rolling', maxSurge, maxUnavailable: maxSurge > 0 ? 0 : Math.max(1, maxUnavailable) }
}

/** @returns when a ready pod that counts as unavailable will be available; undefined for all others */
function availableInMs(set: DaemonSet, pod: Pod, nowMs: number): number | undefined {
  const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000
  if (minReadyMs === 0 || !isPodReady(pod)) return undefined
  const leftMs = (readySinceMs(pod) ?? nowMs) + minReadyMs - nowMs
  return leftMs > 0 ? leftMs : undefined
}

function ageOrder(pod: Pod): string {
  return `${pod.metadata.creationTimestamp ?? ''} ${pod.metadata.name}`
}

function selects(set: DaemonSet, object: KubeObject): boolean {
  return set.spec.selector !== undefined && matchesLabels(set.spec.selector, object.metadata.labels)
}
