import { parseDurationMs } from '../../base/index.ts'
import { type CertificateLifetimes, DEFAULT_LIFETIMES } from '../identity/index.ts'

/**
 * How long certificates live, by the environment variables that Istio's control plane has for it.
 * @throws Error naming the variable that does not parse: a lifetime that was meant and is not kept would go unnoticed
 */
export function certificateLifetimes(
  environment: Readonly<Record<string, string | undefined>>,
): CertificateLifetimes {
  const duration = (name: string, otherwise: number): number => {
    const text = environment[name]
    if (text === undefined || text === '') return otherwise
    const ms = parseDurationMs(text)
    if (ms !== undefined && ms > 0) return ms
    throw new Error(`${name} is “${text}”: a duration such as 24h or 90s is needed`)
  }
  const lifetimes = {
    workloadMs: duration('DEFAULT_WORKLOAD_CERT_TTL', DEFAULT_LIFETIMES.workloadMs),
    workloadMaxMs: duration('MAX_WORKLOAD_CERT_TTL', DEFAULT_LIFETIMES.workloadMaxMs),
    rootMs: duration('CITADEL_SELF_SIGNED_CA_CERT_TTL', DEFAULT_LIFETIMES.rootMs),
    gracePercent: percentile(environment['CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE']),
    checkMs: duration('CITADEL_SELF_SIGNED_ROOT_CERT_CHECK_INTERVAL', DEFAULT_LIFETIMES.checkMs),
    // Ours alone: Istio has a new root signed with at once.
    leadMs: duration('LATEEN_CA_ROOT_LEAD', DEFAULT_LIFETIMES.leadMs),
    hasJitter: environment['CITADEL_ENABLE_JITTER_FOR_ROOT_CERT_ROTATOR'] !== 'false',
  }
  if (lifetimes.workloadMs > lifetimes.workloadMaxMs) {
    throw new Error('DEFAULT_WORKLOAD_CERT_TTL is longer than MAX_WORKLOAD_CERT_TTL')
  }
  return lifetimes
}

function percentile(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_LIFETIMES.gracePercent
  if (/^\d{1,3}$/.test(text) && Number(text) <= 100) return Number(text)
  throw new Error(`CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE is “${text}”: 0 to 100 is needed`)
}
