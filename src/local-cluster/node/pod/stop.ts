import type { Clock } from '../../../base/index.ts'
import type { LifecycleHandler } from '../../../kube/index.ts'
import type { ProbeOutcome } from '../probe/outcome.ts'
import { isRunning, type Slot } from './slot.ts'

export interface StopOptions {
  readonly clock: Clock
  /** Runs a lifecycle hook of the container. */
  readonly hook: (slot: Slot, handler: LifecycleHandler, timeoutMs: number) => Promise<ProbeOutcome>
  readonly onHookFailure: (slot: Slot, message: string) => void
  readonly onKilling: (slot: Slot) => void
}

/** Kubernetes leaves a container this long after its preStop hook, however long that took. */
const AFTER_HOOK_MIN_MS = 2000
/** How long the kernel may take to end a killed process before the node looks away and says so. */
const KILL_WAIT_MS = 5000

/** Stops one container: preStop, SIGTERM, the grace period, SIGKILL. Returns when it has ended. */
export async function stopContainer(slot: Slot, graceMs: number, options: StopOptions): Promise<void> {
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
    if (!outcome.ok) options.onHookFailure(slot, outcome.message)
  }
  const spent = options.clock.monotonic() - startedAt
  const leftMs = preStop && graceMs > 0 ? Math.max(AFTER_HOOK_MIN_MS, graceMs - spent) : graceMs
  if (leftMs > 0) {
    run.terminate(leftMs)
    await waitForExit(slot, options.clock, leftMs)
  }
  if (!isRunning(slot)) return
  run.kill()
  await waitForExit(slot, options.clock, KILL_WAIT_MS)
}

/** Stops the main containers together, then the sidecars in the reverse of their order, all within one grace period. */
export async function stopAll(slots: readonly Slot[], graceMs: number, options: StopOptions): Promise<void> {
  const startedAt = options.clock.monotonic()
  const leftMs = () => Math.max(0, graceMs - (options.clock.monotonic() - startedAt))
  const others = slots.filter(({ role }) => role !== 'sidecar')
  await Promise.all(others.map((slot) => stopContainer(slot, graceMs, options)))
  for (const slot of slots.filter(({ role }) => role === 'sidecar').reverse()) {
    await stopContainer(slot, graceMs === 0 ? 0 : Math.max(AFTER_HOOK_MIN_MS, leftMs()), options)
  }
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
