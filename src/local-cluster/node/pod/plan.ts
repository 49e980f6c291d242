import type { Pod } from '../../../kube/index.ts'
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
    ({ role, container }) => role === 'ephemeral' && mayStart('Never', views.get(container.name)),
  )
  const passed = mainHasRun(pod, views)
  for (const one of containers.filter(({ role }) => role === 'init' || role === 'sidecar')) {
    const view = views.get(one.container.name)
    if (one.role === 'init' && (passed || initDone(one, view))) continue
    if (view?.state.kind !== 'running') chosen.push(one)
    if (!passed && !initDone(one, view)) return chosen
  }
  const policy = pod.spec.restartPolicy ?? 'Always'
  return [
    ...chosen,
    ...containers.filter(
      ({ role, container }) => role === 'main' && mayStart(policy, views.get(container.name)),
    ),
  ]
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

function mayStart(policy: string, view: ContainerView | undefined): boolean {
  if (view === undefined || view.state.kind === 'waiting') return !ended(policy, view?.last?.exitCode)
  return view.state.kind === 'terminated' && !ended(policy, view.state.run.exitCode)
}

/** @returns whether a container that ended so is not to be started again */
function ended(policy: string, exitCode: number | undefined): boolean {
  if (exitCode === undefined || policy === 'Always') return false
  return policy === 'Never' || exitCode === 0
}

function outcomeOf(pod: Pod, views: ContainerViews): 'Succeeded' | 'Failed' | undefined {
  const policy = pod.spec.restartPolicy ?? 'Always'
  if (policy === 'Never' && failedInit(pod, views)) return 'Failed'
  const exitCodes = pod.spec.containers.map(({ name }) => {
    const state = views.get(name)?.state
    return state?.kind === 'terminated' ? state.run.exitCode : undefined
  })
  if (!exitCodes.every((code) => code !== undefined && ended(policy, code))) return undefined
  return exitCodes.every((code) => code === 0) ? 'Succeeded' : 'Failed'
}

function failedInit(pod: Pod, views: ContainerViews): boolean {
  return containersOf(pod).some(({ role, container }) => {
    const state = views.get(container.name)?.state
    return role === 'init' && state?.kind === 'terminated' && state.run.exitCode !== 0
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
