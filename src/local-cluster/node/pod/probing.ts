import type { LifecycleHandler } from '../../../kube/index.ts'
import type { NodeContext } from '../context.ts'
import { type ProbeTarget, runAction } from '../probe/action.ts'
import type { ProbeOutcome } from '../probe/outcome.ts'
import { startProbes } from '../probe/prober.ts'
import { execAndCollect } from '../runtime/exec.ts'
import { execTargetOf } from './exec-target.ts'
import { isRunning, type Slot } from './slot.ts'

export interface ProbingOptions {
  readonly context: NodeContext
  readonly slot: Slot
  readonly podIp: string
  /** The slot's `started` or `ready` has changed. */
  readonly onChange: () => void
  readonly onUnhealthy: (message: string) => void
  readonly onHookFailure: () => void
  /** The container is to be killed, and restarted as its pod's policy says. */
  readonly onDead: (death: {
    readonly message: string
    /** The probe's own, instead of the pod's. */
    readonly graceSeconds?: number | undefined
  }) => void
}

/** The exit of a hook is waited for no longer than this; Kubernetes has no bound but the pod's patience. */
const POST_START_MAX_MS = 300_000

/** Looks after one run from its start: the postStart hook, then the probes. */
export async function lookAfter(options: ProbingOptions): Promise<void> {
  const { slot, context } = options
  const { run } = slot
  const controller = new AbortController()
  slot.probes = controller
  const postStart = slot.container.lifecycle?.postStart
  // A run that a node agent before has started has had its hook.
  if (postStart && !slot.settled) {
    const outcome = await runHook({ ...options, handler: postStart, timeoutMs: POST_START_MAX_MS })
    if (slot.run !== run || !isRunning(slot)) return
    if (!outcome.ok) {
      options.onHookFailure()
      options.onDead({ message: 'FailedPostStartHook' })
      return
    }
  }
  if (controller.signal.aborted) return
  slot.settled = true
  if (postStart) options.onChange()
  startProbes({
    container: slot.container,
    clock: context.clock,
    signal: controller.signal,
    run: (probe, timeoutMs) => runAction(probe, probeTarget(options), timeoutMs),
    onStarted() {
      slot.started = true
      options.onChange()
    },
    onReady(ready) {
      if (slot.ready === ready) return
      slot.ready = ready
      options.onChange()
    },
    onFailure: (kind, message) => options.onUnhealthy(`${capitalized(kind)} probe failed: ${message}`),
    onDead(kind) {
      const { livenessProbe, startupProbe } = slot.container
      options.onDead({
        message: `Container ${slot.name} failed ${kind} probe, will be restarted`,
        graceSeconds: (kind === 'startup' ? startupProbe : livenessProbe)?.terminationGracePeriodSeconds,
      })
    },
  })
}

/** Runs a hook of the container's life. */
export async function runHook(options: {
  readonly context: NodeContext
  readonly slot: Slot
  readonly podIp: string
  readonly handler: LifecycleHandler
  readonly timeoutMs: number
}): Promise<ProbeOutcome> {
  const { handler, context, timeoutMs } = options
  if (handler.sleep) {
    await context.clock.sleep(Math.min(handler.sleep.seconds * 1000, timeoutMs))
    return { ok: true }
  }
  return runAction(handler, probeTarget(options), timeoutMs)
}

function probeTarget({
  slot,
  podIp,
  context,
}: {
  readonly context: NodeContext
  readonly slot: Slot
  readonly podIp: string
}): ProbeTarget {
  return {
    container: slot.container,
    podIp,
    async exec(command, timeoutMs) {
      const target = execTargetOf(context, slot)
      if (target === undefined)
        return { exitCode: 126, output: 'the container does not run', isTimeout: false }
      return execAndCollect({ target, command, timeoutMs, clock: context.clock })
    },
  }
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
