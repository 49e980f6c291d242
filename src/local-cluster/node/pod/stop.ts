import type { Clock } from '../../../base/index.ts'
import type { LifecycleHandler } from '../../../kube/index.ts'
import type { ProbeOutcome } from '../probe/outcome.ts'
import { isRunning, type Slot } from './slot.ts'

export interface StopOptions {
  readonly clock: Clock
  /** Runs a lifecycle hook of the container. */
  readonly hook: (slot: Slot, handler: LifecycleHandler, timeoutMs: number) => Promise<ProbeOutcome>
  readonly onHookFailure: (slot: Slot) => void
  readonly onKilling: (slot: Slot) => void
}

/** Kubernetes leaves a container this long after its preStop hook and its turn, however long those took. */
const AFTER_WAIT_MIN_MS = 2000
/** How long the kernel may take to end a killed process before the node looks away and says so. */
const KILL_WAIT_MS = 5000

/**
 * Stops one container: preStop, SIGTERM, the grace period, SIGKILL. Returns when it has ended.
 * @param turn the end of those that are to end before it, for which it waits within its grace period
 */
export async function stopContainer(
  slot: Slot,
  graceMs: number,
  options: StopOptions,
  turn?: Promise<unknown>,
): Promise<void> {
  const { run } = slot
  if (run === undefined || !isRunning(slot) || slot.stopping)
    return waitForExit(slot, options.clock, graceMs + KILL_WAIT_MS)
  slot.stopping = true
  slot.probes?.abort(new Error('the container is being stopped'))
  options.onKilling(slot)
  const startedAt = options.clock.monotonic()
  const preStop = slot.container.lifecycle?.preStop
  if (preStop && graceMs > 0) {
    const outcome = await options.hook(slot, preStop, graceMs)
    if (!outcome.ok) options.onHookFailure(slot)
  }
  const spentMs = () => options.clock.monotonic() - startedAt
  if (turn !== undefined && graceMs > 0) await within(turn, options.clock, graceMs - spentMs())
  const wasHeldUp = (preStop !== undefined || turn !== undefined) && graceMs > 0
  const leftMs = wasHeldUp ? Math.max(AFTER_WAIT_MIN_MS, graceMs - spentMs()) : graceMs
  if (leftMs > 0) {
    run.terminate(leftMs)
    await waitForExit(slot, options.clock, leftMs)
  }
  if (!isRunning(slot)) return
  run.kill()
  await waitForExit(slot, options.clock, KILL_WAIT_MS)
}

/**
 * Stops the main containers together, then the sidecars in the reverse of their order, all within one grace period.
 * The preStop hooks of all begin at once.
 */
export async function stopAll(slots: readonly Slot[], graceMs: number, options: StopOptions): Promise<void> {
  const others = slots.filter(({ role }) => role !== 'sidecar')
  let before: Promise<unknown> = Promise.all(others.map((slot) => stopContainer(slot, graceMs, options)))
  for (const slot of slots.filter(({ role }) => role === 'sidecar').reverse())
    before = Promise.all([before, stopContainer(slot, graceMs, options, before)])
  await before
}

async function within(work: Promise<unknown>, clock: Clock, ms: number): Promise<void> {
  let cancel = () => {}
  const patience = new Promise<void>((resolve) => {
    cancel = clock.after(Math.max(0, ms), resolve)
  })
  await Promise.race([work, patience])
  cancel()
}

function waitForExit(slot: Slot, clock: Clock, ms: number): Promise<void> {
  if (!isRunning(slot)) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = () => {
      cancel()
      slot.exitWaiters.delete(finish)
      resolve()
    }
    const cancel = clock.after(ms, finish)
    slot.exitWaiters.add(finish)
  })
}
