import type { Container, Pod } from '../../../kube/index.ts'
import {
  containersOf,
  type ContainerView,
  type ContainerViews,
  type RoledContainer,
} from './container-view.ts'

/** What a pod needs next, decided from what is there and nothing else. */
export interface PodPlan {
  /** Containers to start now. */
  readonly start: readonly string[]
  /** Containers that have ended and wait for their back-off. */
  readonly backingOff: readonly string[]
  /** The main containers are done: sidecars are to stop, the pod has this phase. */
  readonly outcome?: 'Succeeded' | 'Failed'
  /** When to look again although nothing happened. */
  readonly wakeAtMs?: number
}

/**
 * The order of Kubernetes: init containers one after the other, a sidecar (an init container that restarts always)
 * as soon as those before it are done, the next once the sidecar has started; then all main containers.
 */
export function planPod(pod: Pod, views: ContainerViews, nowMs: number): PodPlan {
  const containers = containersOf(pod)
  const outcome = outcomeOf(pod, views)
  if (outcome !== undefined) return { start: [], backingOff: [], outcome }
  const candidates = startable(pod, containers, views)
  const due = candidates.filter((one) => (views.get(one.container.name)?.restartAtMs ?? 0) <= nowMs)
  const waiting = candidates.filter((one) => !due.includes(one))
  const wakeAtMs = Math.min(...waiting.map((one) => views.get(one.container.name)?.restartAtMs ?? Infinity))
  return {
    start: due.map((one) => one.container.name),
    backingOff: waiting.map((one) => one.container.name),
    ...(Number.isFinite(wakeAtMs) ? { wakeAtMs } : {}),
  }
}

/** @returns whether all init containers have done their work and all sidecars have started */
export function isInitialized(pod: Pod, views: ContainerViews): boolean {
  if (mainHasRun(pod, views)) return true
  return containersOf(pod)
    .filter(({ role }) => role === 'init' || role === 'sidecar')
    .every((one) => initDone(one, views.get(one.container.name)))
}

function startable(
  pod: Pod,
  containers: readonly RoledContainer[],
  views: ContainerViews,
): readonly RoledContainer[] {
  // A container for debugging runs once, also while those before it are not done.
  const chosen = containers.filter(
    ({ role, container }) => role === 'ephemeral' && mayStart(() => false, views.get(container.name)),
  )
  const passed = mainHasRun(pod, views)
  for (const one of containers.filter(({ role }) => role === 'init' || role === 'sidecar')) {
    const view = views.get(one.container.name)
    if (one.role === 'init' && (passed || initDone(one, view))) continue
    if (view?.state.kind !== 'running') chosen.push(one)
    if (!passed && !initDone(one, view)) return chosen
  }
  return [...chosen, ...startableMain(pod, containers, views)]
}

/** One after the other: what follows a container waits until its postStart hook is done, not longer. */
function startableMain(
  pod: Pod,
  containers: readonly RoledContainer[],
  views: ContainerViews,
): readonly RoledContainer[] {
  const chosen: RoledContainer[] = []
  for (const one of containers.filter(({ role }) => role === 'main')) {
    const view = views.get(one.container.name)
    if (mayStart((exitCode) => restarts(pod, one.container, exitCode), view)) chosen.push(one)
    const isUnsettled = view === undefined || (view.state.kind === 'running' && !view.settled)
    if (isUnsettled && one.container.lifecycle?.postStart !== undefined) break
  }
  return chosen
}

function initDone({ role }: RoledContainer, view: ContainerView | undefined): boolean {
  if (view === undefined) return false
  if (role === 'sidecar') return view.state.kind === 'running' && view.started
  return view.state.kind === 'terminated' && view.state.run.exitCode === 0
}

/** Once a main container has run, the init containers have had their turn. */
function mainHasRun(pod: Pod, views: ContainerViews): boolean {
  return pod.spec.containers.some(({ name }) => {
    const view = views.get(name)
    return view !== undefined && (view.state.kind !== 'waiting' || view.last !== undefined)
  })
}

function mayStart(again: (exitCode: number) => boolean, view: ContainerView | undefined): boolean {
  if (view?.state.kind === 'running') return false
  const lastRun = view?.state.kind === 'terminated' ? view.state.run : view?.last
  return lastRun === undefined || again(lastRun.exitCode)
}

/** Whether a container that ended so is started again: its own rules first, then its own policy, then its pod's. */
function restarts(pod: Pod, container: Container, exitCode: number): boolean {
  const rule = (container.restartPolicyRules ?? []).find(({ exitCodes }) => {
    const isListed = exitCodes?.values?.includes(exitCode) === true
    return exitCodes !== undefined && (exitCodes.operator === 'NotIn' ? !isListed : isListed)
  })
  if (rule?.action === 'Restart') return true
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always'
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
}

function outcomeOf(pod: Pod, views: ContainerViews): 'Succeeded' | 'Failed' | undefined {
  if (failedInit(pod, views)) return 'Failed'
  const exitCodes = pod.spec.containers.map((container) => {
    const state = views.get(container.name)?.state
    const exitCode = state?.kind === 'terminated' ? state.run.exitCode : undefined
    return exitCode === undefined || restarts(pod, container, exitCode) ? undefined : exitCode
  })
  if (exitCodes.includes(undefined)) return undefined
  return exitCodes.every((code) => code === 0) ? 'Succeeded' : 'Failed'
}

function failedInit(pod: Pod, views: ContainerViews): boolean {
  return containersOf(pod).some(({ role, container }) => {
    const state = views.get(container.name)?.state
    if (role !== 'init' || state?.kind !== 'terminated' || state.run.exitCode === 0) return false
    return !restarts(pod, container, state.run.exitCode)
  })
}

const BACKOFF_BASE_MS = 10_000
const BACKOFF_MAX_MS = 300_000
/** A run this long clears the record, as a pod that works now and then must not wait five minutes. */
export const BACKOFF_RESET_MS = 600_000

/**
 * How long a container waits after its end: the first restart is immediate, then 10 s doubling to 5 min.
 * @param failures ends in a row, this one included
 */
export function restartDelayMs(failures: number): number {
  if (failures <= 1) return 0
  return Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(failures - 2, 10))
}
