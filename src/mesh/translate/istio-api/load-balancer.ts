import type { Balancer, LocalityBalancing, Warmup } from '../../../model/index.ts'
import type { IstioLoadBalancer } from '../../resources/index.ts'
import { translateConsistentHash } from './consistent-hash.ts'
import { durationOf } from './duration.ts'

const BALANCERS: Readonly<Record<string, Balancer | undefined>> = {
  UNSPECIFIED: undefined,
  ROUND_ROBIN: { kind: 'round-robin' },
  LEAST_REQUEST: { kind: 'least-request' },
  LEAST_CONN: { kind: 'least-request' },
  RANDOM: { kind: 'random' },
  PASSTHROUGH: { kind: 'passthrough' },
}

/** Istio's defaults. */
const WARMUP_PERCENT = 10
const WARMUP_AGGRESSION = 1

/** @see Istio, LoadBalancerSettings @returns undefined when the default holds */
export function translateBalancer(
  settings: IstioLoadBalancer | undefined,
  path: string,
  problems: string[],
): Balancer | undefined {
  if (settings === undefined) return undefined
  if (settings.consistentHash !== undefined) {
    return translateConsistentHash(settings.consistentHash, `${path}.consistentHash`, problems)
  }
  const balancer = simpleBalancer(settings.simple, `${path}.simple`, problems)
  const warmup = warmupOf(settings, path, problems)
  if (warmup === undefined) return balancer
  const { kind } = balancer ?? { kind: 'least-request' }
  if (kind === 'round-robin' || kind === 'least-request') return { kind, warmup }
  problems.push(`${path}.warmup holds for ROUND_ROBIN and LEAST_REQUEST; it is not used`)
  return balancer
}

function simpleBalancer(simple: string | undefined, path: string, problems: string[]): Balancer | undefined {
  if (simple === undefined) return undefined
  if (!Object.hasOwn(BALANCERS, simple)) {
    problems.push(`${path}: ${simple} is not a known balancer`)
    return undefined
  }
  return BALANCERS[simple]
}

function warmupOf(settings: IstioLoadBalancer, path: string, problems: string[]): Warmup | undefined {
  const { warmup, warmupDurationSecs } = settings
  const durationMs =
    warmup === undefined
      ? durationOf(warmupDurationSecs, `${path}.warmupDurationSecs`, problems)
      : durationOf(warmup.duration, `${path}.warmup.duration`, problems)
  if (durationMs === undefined || durationMs === 0) return undefined
  const aggression = warmup?.aggression ?? WARMUP_AGGRESSION
  return {
    durationMs,
    minimumPercent: warmup?.minimumPercent ?? WARMUP_PERCENT,
    aggression: aggression > 0 ? aggression : WARMUP_AGGRESSION,
  }
}

/** @see Istio, LocalityLoadBalancerSetting */
export function translateLocality(
  settings: IstioLoadBalancer | undefined,
  path: string,
  problems: string[],
): LocalityBalancing | undefined {
  const locality = settings?.localityLbSetting
  const zones = settings?.zoneAwareLbSetting
  if (zones !== undefined) {
    if (locality !== undefined)
      problems.push(`${path}.localityLbSetting is not used: there is zoneAwareLbSetting`)
    const { enabled = true, failoverPriority = [], minClusterSize = MIN_CLUSTER_SIZE } = zones
    return {
      enabled,
      distribute: [],
      failover: failoverOf(zones.failover),
      failoverPriority: failoverPriority.filter((label) => label !== ''),
      ...(enabled && { zoneAware: { minClusterSize } }),
    }
  }
  if (locality === undefined) return undefined
  const { enabled, distribute = [], failover = [], failoverPriority = [] } = locality
  if (distribute.length > 0 && failover.length + failoverPriority.length > 0) {
    problems.push(`${path}.localityLbSetting: failover is not used where distribute is`)
  }
  return {
    enabled: enabled ?? true,
    distribute: distribute.flatMap(({ from = '', to = {} }) => (from === '' ? [] : [{ from, to }])),
    failover: failoverOf(failover),
    failoverPriority: failoverPriority.filter((label) => label !== ''),
  }
}

/** Envoy's: with fewer endpoints, zones say little. */
const MIN_CLUSTER_SIZE = 6

function failoverOf(
  rules: readonly { readonly from?: string; readonly to?: string }[] = [],
): LocalityBalancing['failover'] {
  return rules.flatMap(({ from = '', to = '' }) => (from === '' || to === '' ? [] : [{ from, to }]))
}
