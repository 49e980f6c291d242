import type { Clock } from '../../../base/index.ts'
import type { Container, Probe } from '../../../kube/index.ts'
import type { ProbeOutcome } from './outcome.ts'

export type ProbeKind = 'startup' | 'readiness' | 'liveness'

export interface ProberOptions {
  readonly container: Container
  readonly clock: Clock
  readonly run: (probe: Probe, timeoutMs: number) => Promise<ProbeOutcome>
  /** The startup probe has succeeded (or there is none): the container counts as started. */
  readonly onStarted: () => void
  readonly onReady: (ready: boolean) => void
  /** A failure that counts; becomes the event Unhealthy. */
  readonly onFailure: (kind: ProbeKind, message: string) => void
  /** The failure threshold of the liveness or startup probe is reached: the container is to be restarted. */
  readonly onDead: (kind: ProbeKind) => void
  readonly signal: AbortSignal
}

/** Until its first success a network probe is asked again this soon, so that nobody waits a period of 10 s for a start of 200 ms. */
const EAGER_FIRST_MS = 50
const EAGER_MAX_MS = 1000

/**
 * Runs the probes of one run of a container until the signal: the startup probe first, then the other two.
 * @see Kubernetes "Configure Liveness, Readiness and Startup Probes"
 */
export function startProbes(options: ProberOptions): void {
  void guard(options, async () => {
    const { startupProbe, livenessProbe, readinessProbe } = options.container
    if (startupProbe && !(await startup(options, startupProbe))) return
    options.onStarted()
    if (livenessProbe) void guard(options, () => liveness(options, livenessProbe))
    if (readinessProbe) await readiness(options, readinessProbe)
    else options.onReady(true)
  })
}

/** An aborted wait is the normal end of every loop here. */
async function guard(options: ProberOptions, loop: () => Promise<void>): Promise<void> {
  try {
    await loop()
  } catch (error) {
    if (!options.signal.aborted) throw error
  }
}

async function startup(options: ProberOptions, probe: Probe): Promise<boolean> {
  for await (const result of outcomes(options, probe, 'startup')) {
    if (result === 'success') return true
    if (result === 'failure') {
      options.onDead('startup')
      return false
    }
  }
  return false
}

async function liveness(options: ProberOptions, probe: Probe): Promise<void> {
  for await (const result of outcomes(options, probe, 'liveness')) {
    if (result !== 'failure') continue
    options.onDead('liveness')
    return
  }
}

async function readiness(options: ProberOptions, probe: Probe): Promise<void> {
  for await (const result of outcomes(options, probe, 'readiness')) options.onReady(result === 'success')
}

/** Says `success` and `failure` whenever the respective threshold is reached. */
async function* outcomes(
  options: ProberOptions,
  probe: Probe,
  kind: ProbeKind,
): AsyncGenerator<'success' | 'failure'> {
  const { clock, signal } = options
  const periodMs = (probe.periodSeconds ?? 10) * 1000
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
  let eagerMs = kind === 'liveness' || probe.exec ? periodMs : EAGER_FIRST_MS
  let successes = 0
  let failures = 0
  let countFromMs = clock.monotonic() + (probe.initialDelaySeconds ?? 0) * 1000
  if (probe.initialDelaySeconds) await clock.sleep(probe.initialDelaySeconds * 1000, signal)
  for (;;) {
    const outcome = await options.run(probe, timeoutMs)
    if (signal.aborted) return
    if (outcome.ok) {
      eagerMs = periodMs
      failures = 0
      successes += 1
      if (successes >= (probe.successThreshold ?? 1)) yield 'success'
    } else {
      successes = 0
      // An eager try between two periods costs nobody a failure.
      if (clock.monotonic() >= countFromMs) {
        countFromMs = clock.monotonic() + periodMs
        failures += 1
        if (eagerMs >= periodMs || failures > 1) options.onFailure(kind, outcome.message)
      }
      if (failures >= (probe.failureThreshold ?? 3)) yield 'failure'
    }
    await clock.sleep(Math.min(eagerMs, periodMs), signal)
    if (eagerMs < periodMs) eagerMs = Math.min(eagerMs * 2, EAGER_MAX_MS, periodMs)
  }
}
