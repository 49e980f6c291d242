import type { Clock, Random } from '../../base/index.ts'
import type { HealthCheck } from '../../model/index.ts'

/** How one look at a host ended. `silent`: nothing was heard, which may be chance; `sick`: it says so itself. */
export type ProbeOutcome = 'healthy' | 'silent' | 'sick'

/** Looks at a host once. @returns what gives it up; `done` is not called then */
export type Probe<Host> = (host: Host, done: (outcome: ProbeOutcome) => void) => () => void

/** Watches the hosts of one cluster by asking them (Envoy's active health checking). */
export interface HealthChecker<Host> {
  /** Those of the first call are taken for healthy until the first answer; who comes later has to show it first. */
  readonly follow: (hosts: Iterable<Host>) => void
  /** Who is not followed is not judged. */
  readonly isHealthy: (host: Host) => boolean
  readonly close: () => void
}

interface Watched {
  isHealthy: boolean
  /** No probe has ended yet: the first success is enough. */
  isNew: boolean
  successes: number
  failures: number
  cancel: () => void
}

/** So that many proxies do not ask at the same moment. */
const JITTER = 0.1

export function createHealthChecker<Host>(options: {
  readonly policy: HealthCheck
  readonly probe: Probe<Host>
  readonly clock: Clock
  readonly random: Random
  /** A host has become healthy or ceased to be. */
  readonly onChange: () => void
}): HealthChecker<Host> {
  const { policy, probe, clock, random } = options
  const watched = new Map<Host, Watched>()

  function look(host: Host, state: Watched): void {
    let isOver = false
    const end = (outcome: ProbeOutcome): void => {
      if (isOver) return
      isOver = true
      cancelTimeout()
      const wait = policy.intervalMs * (1 + JITTER * random.next())
      state.cancel = clock.after(wait, () => look(host, state))
      if (note(state, outcome, policy)) options.onChange()
    }
    const giveUp = probe(host, end)
    const cancelTimeout = clock.after(policy.timeoutMs, () => {
      giveUp()
      end('silent')
    })
    state.cancel = () => {
      isOver = true
      cancelTimeout()
      giveUp()
    }
  }

  return {
    follow(hosts) {
      const all = new Set(hosts)
      const isFirst = watched.size === 0
      for (const [host, state] of watched) {
        if (all.has(host)) continue
        state.cancel()
        watched.delete(host)
      }
      for (const host of all) {
        if (watched.has(host)) continue
        const state = { isHealthy: isFirst, isNew: true, successes: 0, failures: 0, cancel: () => {} }
        watched.set(host, state)
        look(host, state)
      }
    },
    isHealthy: (host) => watched.get(host)?.isHealthy ?? true,
    close() {
      for (const state of watched.values()) state.cancel()
      watched.clear()
    },
  }
}

/** @returns whether the host's health has changed */
function note(state: Watched, outcome: ProbeOutcome, policy: HealthCheck): boolean {
  const before = state.isHealthy
  if (outcome === 'healthy') {
    state.failures = 0
    state.successes++
    if (state.isNew || state.successes >= policy.healthyThreshold) state.isHealthy = true
  } else {
    state.successes = 0
    state.failures++
    // What a host says itself is no chance.
    if (state.isNew || outcome === 'sick' || state.failures >= policy.unhealthyThreshold)
      state.isHealthy = false
  }
  state.isNew = false
  return state.isHealthy !== before
}
