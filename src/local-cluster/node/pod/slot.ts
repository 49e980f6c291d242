import type { Container } from '../../../kube/index.ts'
import { withInstallHint } from '../debian-packages.ts'
import type { ContainerRun } from '../runtime/container-runtime.ts'
import type { ContainerExit } from '../runtime/process-container.ts'
import type { ContainerRole, ContainerView, RunState, TerminatedRun } from './container-view.ts'
import { BACKOFF_RESET_MS, restartDelayMs } from './plan.ts'

/** What a pod's worker holds of one container. Changed by the worker alone. */
export interface Slot {
  readonly name: string
  readonly role: ContainerRole
  container: Container
  run: ContainerRun | undefined
  /** How the present run ended. */
  ended: TerminatedRun | undefined
  last: TerminatedRun | undefined
  waiting: { readonly reason: string; readonly message: string } | undefined
  restartAtMs: number
  failures: number
  /** Tries to find the image's program in a row, for the back-off of pulls. */
  pullFailures: number
  /** The postStart hook of the present run is done. */
  settled: boolean
  started: boolean
  ready: boolean
  stopping: boolean
  /** The event of the present back-off is recorded. */
  backOffTold: boolean
  /** Somebody has joined the present run's streams. */
  wasAttached: boolean
  /** Ends the probes of the present run. */
  probes: AbortController | undefined
  readonly exitWaiters: Set<() => void>
}

export function createSlot(role: ContainerRole, container: Container): Slot {
  return {
    name: container.name,
    role,
    container,
    run: undefined,
    ended: undefined,
    last: undefined,
    waiting: undefined,
    restartAtMs: 0,
    failures: 0,
    pullFailures: 0,
    settled: false,
    started: false,
    ready: false,
    stopping: false,
    backOffTold: false,
    wasAttached: false,
    probes: undefined,
    exitWaiters: new Set(),
  }
}

export function isRunning(slot: Slot): boolean {
  return slot.run !== undefined && slot.ended === undefined
}

/** Takes note of an end. @returns whether there was one to note */
export function observeExit(slot: Slot, terminationMessage: string | undefined): boolean {
  const { run } = slot
  const exit = slot.ended === undefined ? run?.exit() : undefined
  if (run === undefined || exit === undefined) return false
  const { id, startedAtMs, failures } = run.record
  const message = exit.startError === undefined ? terminationMessage : withInstallHint(exit.startError)
  slot.ended = {
    exitCode: exit.exitCode,
    reason: reasonOf(exit),
    ...(message === undefined ? {} : { message }),
    startedAtMs,
    finishedAtMs: Math.max(exit.finishedAtMs, startedAtMs),
    id,
  }
  const long = exit.finishedAtMs - startedAtMs >= BACKOFF_RESET_MS
  slot.failures = exit.isLost ? 0 : long ? 1 : failures + 1
  slot.restartAtMs = exit.finishedAtMs + restartDelayMs(slot.failures)
  slot.started = false
  slot.ready = false
  slot.stopping = false
  slot.probes?.abort(new Error('the container ended'))
  slot.probes = undefined
  for (const waiter of slot.exitWaiters) waiter()
  slot.exitWaiters.clear()
  return true
}

function reasonOf(exit: ContainerExit): string {
  if (exit.startError !== undefined) return 'StartError'
  if (exit.exitCode === 0) return 'Completed'
  return exit.isOutOfMemory ? 'OOMKilled' : 'Error'
}

/** @returns undefined for a container that has not been tried yet */
export function viewOf(slot: Slot): ContainerView | undefined {
  const state = stateOf(slot)
  if (state === undefined) return undefined
  return {
    state,
    ...(slot.last === undefined ? {} : { last: slot.last }),
    restartCount: slot.run?.record.attempt ?? 0,
    settled: slot.settled,
    started: slot.started,
    ready: slot.ready && (slot.run?.ready() ?? false),
    restartAtMs: slot.restartAtMs,
  }
}

function stateOf(slot: Slot): RunState | undefined {
  if (slot.waiting !== undefined) return { kind: 'waiting', ...slot.waiting }
  if (slot.run === undefined) return undefined
  if (slot.ended !== undefined) return { kind: 'terminated', run: slot.ended }
  return { kind: 'running', startedAtMs: slot.run.record.startedAtMs, id: slot.run.record.id }
}
