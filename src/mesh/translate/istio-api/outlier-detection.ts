import type { OutlierDetection } from '../../../model/index.ts'
import type { IstioOutlierDetection } from '../../resources/index.ts'
import { durationOf } from './duration.ts'

/** Envoy's defaults, but for the share of endpoints that may be left out, which is Istio's. */
const CONSECUTIVE_5XX = 5
const CONSECUTIVE_LOCAL = 5
const INTERVAL_MS = 10_000
const BASE_EJECTION_MS = 30_000
const MAX_EJECTION_PERCENT = 10

/** @see Istio, OutlierDetection; a count that is not given is Envoy's own, and gateway errors are not looked at */
export function translateOutlierDetection(
  outlier: IstioOutlierDetection | undefined,
  path: string,
  problems: string[],
): OutlierDetection | undefined {
  if (outlier === undefined) return undefined
  const statuses = [...new Set(outlier.outlierDetectionHttpErrorCodes ?? [])].sort((a, b) => a - b)
  return {
    ...(statuses.length === 0 ? {} : { errorStatuses: statuses }),
    consecutive5xx: outlier.consecutive5xxErrors ?? CONSECUTIVE_5XX,
    consecutiveGatewayErrors: outlier.consecutiveGatewayErrors ?? outlier.consecutiveErrors ?? 0,
    consecutiveLocalFailures: outlier.consecutiveLocalOriginFailures ?? CONSECUTIVE_LOCAL,
    splitLocal: outlier.splitExternalLocalOriginErrors ?? false,
    intervalMs: positive(durationOf(outlier.interval, `${path}.interval`, problems)) ?? INTERVAL_MS,
    baseEjectionMs:
      positive(durationOf(outlier.baseEjectionTime, `${path}.baseEjectionTime`, problems)) ??
      BASE_EJECTION_MS,
    maxEjectionPercent: positive(outlier.maxEjectionPercent) ?? MAX_EJECTION_PERCENT,
    minHealthPercent: outlier.minHealthPercent ?? 0,
  }
}

/** Zero is protobuf's way of saying nothing. */
function positive(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value
}
