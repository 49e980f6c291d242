import type { Logger } from '../../../base/index.ts'
import type { Pod } from '../../../kube/index.ts'
import { nodeAddresses } from '../addresses.ts'
import type { NodeContext } from '../context.ts'
import type { PodEvent } from '../events.ts'
import { readTail } from '../files.ts'
import type { PodPaths } from '../paths.ts'
import type { ContainerViews } from './container-view.ts'
import type { PodPlan } from './plan.ts'
import { observeExit, type Slot, viewOf } from './slot.ts'
import { podStatus, time } from './status.ts'
import type { StatusWriter } from './status-writer.ts'

/** What a later node agent must know of a pod before it knows anything else. */
export interface PodRecord {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly ip: string
  /** Where the machine has IPv6 and the pod may use it. */
  readonly ip6?: string | undefined
  readonly startedAtMs: number
  /** The pod is over: its address may be another's by now. */
  readonly isReleased?: boolean
}

export interface WorkerOptions {
  readonly context: NodeContext
  readonly uid: string
  /** The pod is over and everything of it is removed. */
  readonly onGone: () => void
}

/** A pod's worker from within. */
export interface State {
  readonly options: WorkerOptions
  readonly context: NodeContext
  readonly paths: PodPaths
  readonly logger: Logger
  readonly status: StatusWriter
  readonly slots: Map<string, Slot>
  pod: Pod | undefined
  isDeleted: boolean
  record: PodRecord | undefined
  hasSandbox: boolean
  terminating: Promise<void> | undefined
  /** When the end of the pod is to be over, as far as anybody has said. */
  endAtMs: number
  /** Somebody has shortened it. */
  isHastened: boolean
  /** It is over, perhaps since before this node agent came: whatever changes in its object, it does not run again. */
  wasOver: boolean
  /** The pod has used up its activeDeadlineSeconds before it was done. */
  isOverdue: boolean
  isClosed: boolean
  /** Tries to set up the volumes that failed in a row. */
  mountFailures: number
  /** The next look that is due without anything happening. */
  wake: { readonly atMs: number; readonly cancel: () => void } | undefined
  readonly poke: () => void
}

/** A step that failed for the node's own reasons is tried again after this. */
export const RETRY_MS = 1000
/** Kubernetes' back-off of image pulls. */
export const PULL_BACKOFF_MS = 10_000
export const PULL_BACKOFF_MAX_MS = 300_000
export const DEFAULT_GRACE_SECONDS = 30
export const FINAL_STATUS_WAIT_MS = 2000

export function views(state: State): ContainerViews {
  return new Map(
    [...state.slots].flatMap(([name, slot]) => {
      const view = viewOf(slot)
      return view === undefined ? [] : [[name, view] as const]
    }),
  )
}

export function writeStatus(state: State, pod: Pod, plan: PodPlan): void {
  const { context } = state
  // What was written last counts as before, even if the watch has not brought it back yet.
  const last = state.status.last()
  const foreign = (pod.status?.conditions ?? []).filter(
    ({ type }) => !last?.conditions?.some((one) => one.type === type),
  )
  const before =
    last === undefined
      ? pod.status
      : { ...pod.status, ...last, conditions: [...(last.conditions ?? []), ...foreign] }
  const nowMs = context.clock.now()
  const overdue = state.isOverdue ? OVERDUE : {}
  const status = podStatus({
    pod: before === undefined ? pod : { ...pod, status: before },
    views: views(state),
    plan,
    nowMs,
    startedAtMs: state.record?.startedAtMs ?? nowMs,
    hostIps: nodeAddresses(context.network),
    podIps: state.hasSandbox ? addressesOf(state.record) : [],
    terminating: state.terminating !== undefined,
  })
  state.status.write(pod, {
    ...status,
    ...overdue,
    startTime: pod.status?.startTime ?? time(state.record?.startedAtMs ?? nowMs),
  })
}

export const OVERDUE = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
} as const

/** Whether the pod uses up its activeDeadlineSeconds before it is done; wakes up when it will have. */
export function isOverdue(state: State, pod: Pod, nowMs: number): boolean {
  const seconds = pod.spec.activeDeadlineSeconds
  if (seconds === undefined || state.record === undefined) return false
  const atMs = state.record.startedAtMs + seconds * 1000
  if (atMs > nowMs) wakeAt(state, atMs)
  const phase = state.status.last()?.phase ?? pod.status?.phase
  return atMs <= nowMs && phase !== 'Succeeded' && phase !== 'Failed'
}

/** Looks again at that time, unless an earlier look is due: every look says anew when the next should be. */
export function wakeAt(state: State, atMs: number): void {
  if (!Number.isFinite(atMs) || state.isClosed) return
  if (state.wake !== undefined && state.wake.atMs <= atMs) return
  state.wake?.cancel()
  const { clock } = state.context
  const delayMs = Math.min(Math.max(0, atMs - clock.now()), WAKE_MAX_MS)
  const cancel = clock.after(delayMs, () => {
    state.wake = undefined
    state.poke()
  })
  state.wake = { atMs, cancel }
}

/** Timers hold 31 bits of milliseconds. */
const WAKE_MAX_MS = 86_400_000

/** An end is noted at once, even in the middle of a step that waits for it. */
export function onRunChange(state: State, slot: Slot): () => void {
  return () => {
    noteExit(state, slot)
    state.poke()
  }
}

/** What the program left to say; if it asks for it and has failed, the end of its log. */
function terminationMessage(state: State, slot: Slot): string | undefined {
  const { run, container } = slot
  const exit = slot.ended === undefined ? run?.exit() : undefined
  if (run === undefined || exit === undefined) return undefined
  const message = run.terminationMessage(container.terminationMessagePath)
  if (message !== undefined || container.terminationMessagePolicy !== 'FallbackToLogsOnError') return message
  if (exit.exitCode === 0) return undefined
  const log = state.paths.container(slot.name).log(run.record.attempt)
  return readTail(log, { lines: LOG_MESSAGE_LINES, bytes: LOG_MESSAGE_BYTES })
}

/** Kubernetes' bounds for a message from the log. */
const LOG_MESSAGE_LINES = 80
const LOG_MESSAGE_BYTES = 2048

export function noteExit(state: State, slot: Slot): void {
  if (observeExit(slot, terminationMessage(state, slot)) && slot.ended !== undefined) {
    state.logger.info('a container ended', {
      pod: state.pod?.metadata.name,
      container: slot.name,
      exitCode: slot.ended.exitCode,
    })
    const { reason, message = '' } = slot.ended
    if (reason === 'StartError')
      event(state, { ...about(slot, 'Failed', `Error: ${message}`), type: 'Warning' })
  }
}

export function about(slot: Slot, reason: string, message: string): PodEvent {
  return { type: 'Normal', reason, message, container: slot.name }
}

export function event(state: State, podEvent: PodEvent): void {
  if (state.pod !== undefined) state.context.events.record(state.pod, podEvent)
}

/** IPv4 first. */
export function addressesOf(record: PodRecord | undefined): readonly string[] {
  return [record?.ip, record?.ip6].filter((address) => address !== undefined)
}

/** A pod on the machine's network has none of its own. */
export function ownAddresses(state: State, record: PodRecord | undefined): readonly string[] {
  return record?.ip === state.context.network.bridgeAddress ? [] : addressesOf(record)
}
