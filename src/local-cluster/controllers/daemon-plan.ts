/** A pod of a DaemonSet as its decisions see it. */
export interface DaemonPod {
  readonly name: string
  readonly isUpdated: boolean
  readonly isTerminating: boolean
  /** Failed or succeeded: a daemon has no end. */
  readonly isFinished: boolean
  readonly isReady: boolean
  /** Ready for as long as minReadySeconds says. */
  readonly isAvailable: boolean
}

export interface DaemonNode {
  readonly name: string
  readonly isWanted: boolean
  /** The oldest first. */
  readonly pods: readonly DaemonPod[]
}

export interface DaemonPlan {
  /** Names of nodes. */
  readonly create: readonly string[]
  /** Names of pods. */
  readonly remove: readonly string[]
}

export type DaemonUpdate =
  | { readonly kind: 'on-delete' }
  /** Of the two bounds exactly one is above zero. */
  | { readonly kind: 'rolling'; readonly maxUnavailable: number; readonly maxSurge: number }

/**
 * One pod on every node that wants one, and none elsewhere. A rolling update either takes old pods away within
 * maxUnavailable, or puts new ones beside them within maxSurge and takes the old away once the new are available.
 */
export function planDaemons(nodes: readonly DaemonNode[], update: DaemonUpdate): DaemonPlan {
  const create: string[] = []
  const remove: string[] = []
  const isSurging = update.kind === 'rolling' && update.maxSurge > 0
  for (const node of nodes) {
    const staying = node.pods.filter((pod) => !pod.isTerminating && !pod.isFinished)
    remove.push(...node.pods.filter((pod) => pod.isFinished && !pod.isTerminating).map(({ name }) => name))
    if (!node.isWanted) remove.push(...staying.map((pod) => pod.name))
    else if (node.pods.length === 0) create.push(node.name)
    else remove.push(...surplusOf(staying, isSurging))
  }
  if (update.kind === 'on-delete') return { create, remove }
  const wanted = nodes.filter((node) => node.isWanted)
  const step = isSurging ? surge(wanted, update.maxSurge) : replace(wanted, update.maxUnavailable)
  return {
    create: [...create, ...step.create],
    remove: [...new Set([...remove, ...step.remove])],
  }
}

/** Of several pods on one node the oldest stays; while surging an old and a new one may stand side by side. */
function surplusOf(staying: readonly DaemonPod[], isSurging: boolean): readonly string[] {
  if (!isSurging) return staying.slice(1).map((pod) => pod.name)
  const ofKind = (isUpdated: boolean) => staying.filter((pod) => pod.isUpdated === isUpdated).slice(1)
  return [...ofKind(true), ...ofKind(false)].map((pod) => pod.name)
}

function replace(nodes: readonly DaemonNode[], maxUnavailable: number): DaemonPlan {
  const remove: string[] = []
  const candidates: string[] = []
  let unavailable = 0
  for (const { pods } of nodes) {
    const isServed = pods.some((pod) => pod.isAvailable && !pod.isTerminating)
    if (!isServed) unavailable += 1
    for (const pod of pods) {
      if (pod.isUpdated || pod.isTerminating || pod.isFinished) continue
      // What serves nobody costs nothing to take away.
      if (pod.isAvailable) candidates.push(pod.name)
      else remove.push(pod.name)
    }
  }
  const room = Math.max(0, maxUnavailable - unavailable)
  return { create: [], remove: [...remove, ...candidates.slice(0, room)] }
}

function surge(nodes: readonly DaemonNode[], maxSurge: number): DaemonPlan {
  const create: string[] = []
  const remove: string[] = []
  const waiting: string[] = []
  let surging = 0
  for (const { name, pods } of nodes) {
    const there = pods.filter((pod) => !pod.isTerminating && !pod.isFinished)
    const old = there.filter((pod) => !pod.isUpdated)
    const fresh = there.find((pod) => pod.isUpdated)
    if (old.length === 0) continue
    if (fresh?.isAvailable) remove.push(...old.map((pod) => pod.name))
    else if (fresh) surging += 1
    // An old pod that serves nobody needs no successor beside it.
    else if (old.every((pod) => !pod.isAvailable)) remove.push(...old.map((pod) => pod.name))
    else waiting.push(name)
  }
  create.push(...waiting.slice(0, Math.max(0, maxSurge - surging)))
  return { create, remove }
}
