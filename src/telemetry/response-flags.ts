/** Envoy's response flags as bits, so that a request's record holds them in one number. */
export const FLAG = {
  DC: 1 << 0,
  LH: 1 << 1,
  UH: 1 << 2,
  UT: 1 << 3,
  LR: 1 << 4,
  UR: 1 << 5,
  UF: 1 << 6,
  UC: 1 << 7,
  UO: 1 << 8,
  NR: 1 << 9,
  DI: 1 << 10,
  FI: 1 << 11,
  RL: 1 << 12,
  UAEX: 1 << 13,
  URX: 1 << 14,
  SI: 1 << 15,
  DPE: 1 << 16,
  UMSDR: 1 << 17,
  UPE: 1 << 18,
  NC: 1 << 19,
  OM: 1 << 20,
  DF: 1 << 21,
  DR: 1 << 22,
  DT: 1 << 23,
  RLSE: 1 << 24,
  IH: 1 << 25,
  DO: 1 << 26,
  RFCF: 1 << 27,
  NFCF: 1 << 28,
  UDO: 1 << 29,
} as const

export type FlagName = keyof typeof FLAG

/** Envoy's long names, as `%RESPONSE_FLAGS_LONG%` prints them. */
const LONG_NAMES: Readonly<Record<FlagName, string>> = {
  DC: 'DownstreamConnectionTermination',
  LH: 'FailedLocalHealthCheck',
  UH: 'NoHealthyUpstream',
  UT: 'UpstreamRequestTimeout',
  LR: 'LocalReset',
  UR: 'UpstreamRemoteReset',
  UF: 'UpstreamConnectionFailure',
  UC: 'UpstreamConnectionTermination',
  UO: 'UpstreamOverflow',
  NR: 'NoRouteFound',
  DI: 'DelayInjected',
  FI: 'FaultInjected',
  RL: 'RateLimited',
  UAEX: 'UnauthorizedExternalService',
  URX: 'UpstreamRetryLimitExceeded',
  SI: 'StreamIdleTimeout',
  DPE: 'DownstreamProtocolError',
  UMSDR: 'UpstreamMaxStreamDurationReached',
  UPE: 'UpstreamProtocolError',
  NC: 'NoClusterFound',
  OM: 'OverloadManagerTerminated',
  DF: 'DnsResolutionFailed',
  DR: 'DownstreamRemoteReset',
  DT: 'DurationTimeout',
  RLSE: 'RateLimitServiceError',
  IH: 'InvalidEnvoyRequestHeaders',
  DO: 'DropOverload',
  RFCF: 'ResponseFromCacheFilter',
  NFCF: 'NoFilterConfigFound',
  UDO: 'UnconditionalDropOverload',
}

const NAMES = Object.keys(FLAG) as readonly FlagName[]

/** `-` when none is set; several are joined by commas, in Envoy's order. */
export function flagsText(flags: number): string {
  if (flags === 0) return '-'
  return NAMES.filter((name) => (flags & FLAG[name]) !== 0).join(',')
}

export function flagsLongText(flags: number): string {
  if (flags === 0) return '-'
  return NAMES.filter((name) => (flags & FLAG[name]) !== 0)
    .map((name) => LONG_NAMES[name])
    .join(',')
}
