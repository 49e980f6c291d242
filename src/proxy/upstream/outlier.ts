import type { Clock } from '../../base/index.ts'
import type { OutlierDetection } from '../../model/index.ts'

/** How a request to a host ended: its status, or `local` when no response came about. */
export type Outcome = number | 'local'

/** Watches the hosts of one cluster and says which are left out for now (Envoy's consecutive-error detectors). */
export interface OutlierDetector<Host> {
  readonly report: (host: Host, outcome: Outcome) => void
  readonly isEjected: (host: Host) => boolean
  readonly forget: (host: Host) => void
  readonly close: () => void
}

interface Record {
  errors5xx: number
  gatewayErrors: number
  localFailures: number
  ejections: number
  ejectedUntil: number
}

/** Envoy's default max_ejection_time. */
const EJECTION_MAX_MS = 300_000

export function createOutlierDetector<Host>(options: {
  readonly policy: OutlierDetection
  readonly clock: Clock
  /** All hosts of the cluster. */
  readonly hosts: () => readonly Host[]
  /** A host was ejected, or may be used again. */
  readonly onChange: () => void
}): OutlierDetector<Host> {
  const { policy, clock } = options
  const records = new Map<Host, Record>()
  let cancel: (() => void) | undefined

  const { errorStatuses } = policy
  /** Envoy: where statuses are named, they are a 500 to the detectors and all others are a success. */
  const judged: (outcome: Outcome) => Outcome =
    errorStatuses === undefined
      ? (outcome) => outcome
      : (outcome) => (outcome === 'local' ? outcome : errorStatuses.includes(outcome) ? 500 : 200)

  function recordOf(host: Host): Record {
    let record = records.get(host)
    if (record === undefined) {
      record = { errors5xx: 0, gatewayErrors: 0, localFailures: 0, ejections: 0, ejectedUntil: 0 }
      records.set(host, record)
    }
    return record
  }

  function isEjected(host: Host): boolean {
    return (records.get(host)?.ejectedUntil ?? 0) > 0
  }

  function ejectedCount(): number {
    let count = 0
    for (const record of records.values()) if (record.ejectedUntil > 0) count++
    return count
  }

  function eject(record: Record): void {
    const count = ejectedCount()
    const total = options.hosts().length
    // One may always go; from then on the share decides.
    if (count > 0 && ((count + 1) * 100) / total > policy.maxEjectionPercent) return
    record.ejections++
    const forMs = Math.min(EJECTION_MAX_MS, policy.baseEjectionMs * record.ejections)
    record.ejectedUntil = clock.monotonic() + forMs
    reset(record)
    cancel ??= clock.after(policy.intervalMs, look)
    options.onChange()
  }

  /** At each interval the ejected whose time is over come back, and good behaviour is remembered. */
  function look(): void {
    const now = clock.monotonic()
    let changed = false
    let waiting = false
    for (const record of records.values()) {
      if (record.ejectedUntil > 0 && record.ejectedUntil <= now) {
        record.ejectedUntil = 0
        changed = true
      } else if (record.ejectedUntil === 0 && record.ejections > 0) record.ejections--
      waiting ||= record.ejections > 0
    }
    cancel = waiting ? clock.after(policy.intervalMs, look) : undefined
    if (changed) options.onChange()
  }

  return {
    report(host, outcome) {
      const record = recordOf(host)
      if (record.ejectedUntil > 0) return
      count(record, judged(outcome), policy.splitLocal)
      if (isReached(record, policy)) eject(record)
    },
    isEjected,
    forget: (host) => void records.delete(host),
    close: () => cancel?.(),
  }
}

function count(record: Record, outcome: Outcome, splitLocal: boolean): void {
  if (outcome === 'local' && splitLocal) {
    record.localFailures++
    return
  }
  // Without the split a failed connection is what a 503 would be.
  const status = outcome === 'local' ? 503 : outcome
  if (outcome !== 'local') record.localFailures = 0
  record.errors5xx = status >= 500 ? record.errors5xx + 1 : 0
  record.gatewayErrors = status >= 502 && status <= 504 ? record.gatewayErrors + 1 : 0
}

function isReached(record: Record, policy: OutlierDetection): boolean {
  return (
    (policy.consecutive5xx > 0 && record.errors5xx >= policy.consecutive5xx) ||
    (policy.consecutiveGatewayErrors > 0 && record.gatewayErrors >= policy.consecutiveGatewayErrors) ||
    (policy.splitLocal &&
      policy.consecutiveLocalFailures > 0 &&
      record.localFailures >= policy.consecutiveLocalFailures)
  )
}

function reset(record: Record): void {
  record.errors5xx = 0
  record.gatewayErrors = 0
  record.localFailures = 0
}
