import type { Cell } from './cell.ts'
import type { Container, ContainerStatus } from '../types/container.ts'
import type { Pod } from '../types/pod.ts'
import { ageOf } from './age.ts'

/** What the containers of one list add to a pod's row. */
interface Tally {
  readonly ready: number
  readonly restarts: number
  /** when a container last ended and was started again; 0 if none */
  readonly lastRestart: number
}

const NOTHING: Tally = { ready: 0, restarts: 0, lastRestart: 0 }

/** The cells of a pod: name, ready, status, restarts, age and the wide ones. */
export function podCells(pod: Pod, now: number): readonly Cell[] {
  const summary = summarizePod(pod)
  return [
    pod.metadata.name,
    `${summary.ready}/${summary.total}`,
    summary.status,
    restartsText(summary, now),
    ageOf(pod.metadata.creationTimestamp, now),
    pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || '<none>',
    pod.spec.nodeName || '<none>',
    pod.status?.nominatedNodeName || '<none>',
    readinessGates(pod),
  ]
}

/** What `kubectl get pods` says of a pod. */
export interface PodSummary extends Tally {
  readonly total: number
  /** `Running`, `Init:0/1`, `CrashLoopBackOff`, `Terminating`… */
  readonly status: string
}

/** Native sidecars (init containers that restart always) count among the containers. */
export function summarizePod(pod: Pod): PodSummary {
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar)
  const total = pod.spec.containers.length + sidecars.length
  const init = initializationOf(pod)
  const base = startReason(pod)
  const initialized =
    pod.status?.conditions?.some((it) => it.type === 'Initialized' && it.status === 'True') ?? false
  if (init.reason !== undefined && !initialized) {
    return { ...init.all, ready: init.sidecars.ready, total, status: finalReason(pod, init.reason) }
  }
  const main = mainContainers(pod, init.reason ?? base)
  return {
    ready: main.tally.ready + init.sidecars.ready,
    restarts: main.tally.restarts + init.sidecars.restarts,
    lastRestart: Math.max(main.tally.lastRestart, init.sidecars.lastRestart),
    total,
    status: finalReason(pod, main.reason),
  }
}

function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

function startReason(pod: Pod): string {
  const gated = pod.status?.conditions?.some(
    (it) => it.type === 'PodScheduled' && it.reason === 'SchedulingGated',
  )
  return gated ? 'SchedulingGated' : pod.status?.reason || pod.status?.phase || ''
}

/** How far initialization is: a reason while it goes on or has failed, and what its containers add. */
function initializationOf(pod: Pod): {
  readonly reason: string | undefined
  readonly all: Tally
  readonly sidecars: Tally
} {
  const specs = new Map((pod.spec.initContainers ?? []).map((container) => [container.name, container]))
  let all = NOTHING
  let sidecars = NOTHING
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const spec = specs.get(status.name)
    const sidecar = spec !== undefined && isSidecar(spec)
    all = add(all, status, false)
    if (sidecar) sidecars = add(sidecars, status, false)
    if (status.state?.terminated?.exitCode === 0) continue
    if (sidecar && status.started) {
      if (status.ready) sidecars = { ...sidecars, ready: sidecars.ready + 1 }
      continue
    }
    return { reason: initReason(status, index, specs.size), all, sidecars }
  }
  return { reason: undefined, all, sidecars }
}

function initReason(status: ContainerStatus, index: number, total: number): string {
  const { terminated, waiting } = status.state ?? {}
  if (terminated) return `Init:${terminated.reason || exitText(terminated.signal, terminated.exitCode)}`
  const reason = waiting?.reason ?? ''
  return reason !== '' && reason !== 'PodInitializing' ? `Init:${reason}` : `Init:${index}/${total}`
}

function exitText(signal: number | undefined, exitCode: number): string {
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

function add(tally: Tally, status: ContainerStatus, ready: boolean): Tally {
  const finished = Date.parse(status.lastState?.terminated?.finishedAt ?? '')
  return {
    ready: tally.ready + (ready ? 1 : 0),
    restarts: tally.restarts + status.restartCount,
    lastRestart: Math.max(tally.lastRestart, Number.isNaN(finished) ? 0 : finished),
  }
}

/** The first container that is not simply running gives the pod its word. */
function mainContainers(pod: Pod, base: string): { readonly reason: string; readonly tally: Tally } {
  let reason = base
  let tally = NOTHING
  let hasRunning = false
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    const { waiting, terminated, running } = status.state ?? {}
    const isReady = status.ready && running !== undefined && !waiting?.reason && !terminated
    tally = add(tally, status, isReady)
    if (waiting?.reason) reason = waiting.reason
    else if (terminated) reason = terminated.reason || exitText(terminated.signal, terminated.exitCode)
    else if (isReady) hasRunning = true
  }
  if (reason === 'Completed' && hasRunning) {
    const ready = pod.status?.conditions?.some((it) => it.type === 'Ready' && it.status === 'True')
    reason = ready ? 'Running' : 'NotReady'
  }
  return { reason, tally }
}

function finalReason(pod: Pod, reason: string): string {
  if (pod.metadata.deletionTimestamp === undefined) return reason
  if (pod.status?.reason === 'NodeLost') return 'Unknown'
  const phase = pod.status?.phase
  return phase === 'Succeeded' || phase === 'Failed' ? reason : 'Terminating'
}

function restartsText(summary: PodSummary, now: number): string {
  if (summary.restarts === 0 || summary.lastRestart === 0) return String(summary.restarts)
  return `${summary.restarts} (${ageOf(new Date(summary.lastRestart).toISOString(), now)} ago)`
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const conditions = pod.status?.conditions ?? []
  const met = gates.filter((gate) =>
    conditions.some((it) => it.type === gate.conditionType && it.status === 'True'),
  )
  return `${met.length}/${gates.length}`
}
