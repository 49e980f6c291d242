import type { Retries } from '../../../model/index.ts'
import type { IstioHttpRoute } from '../../resources/index.ts'
import { durationOf } from './duration.ts'

/** Envoy's conditions that Istio retries on unless a rule says otherwise. */
const DEFAULT_RETRY_ON = [
  'connect-failure',
  'refused-stream',
  'unavailable',
  'cancelled',
  'retriable-status-codes',
]

/** @see Istio, HTTPRetry @returns undefined where nothing is said, so that the mesh's default holds */
export function translateRetries(
  retries: IstioHttpRoute['retries'],
  path: string,
  problems: string[],
): Retries | undefined {
  if (retries === undefined) return undefined
  const perTryTimeoutMs = durationOf(retries.perTryTimeout, `${path}.perTryTimeout`, problems)
  const backoffMs = durationOf(retries.backoff, `${path}.backoff`, problems)
  const conditions = (retries.retryOn ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  return {
    attempts: Math.max(0, retries.attempts ?? 0),
    retryOn: conditions.length > 0 ? conditions : DEFAULT_RETRY_ON,
    ...(perTryTimeoutMs === undefined ? {} : { perTryTimeoutMs }),
    ...(backoffMs === undefined ? {} : { backoffMs }),
    ...(retries.retryIgnorePreviousHosts === false ? { sameHosts: true } : {}),
    ...(retries.retryRemoteLocalities === true ? { otherLocalities: true } : {}),
  }
}
