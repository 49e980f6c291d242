import type { Faults, RouteFilter } from '../../../model/index.ts'
import type { IstioFault, IstioPercent } from '../../resources/index.ts'
import { durationOf } from './duration.ts'

/** @see Istio, HTTPFaultInjection: a delay without a percentage is for no request, an abort without one for all */
export function faultFilters(
  fault: IstioFault | undefined,
  path: string,
  problems: string[],
): readonly RouteFilter[] {
  const delay = delayOf(fault?.delay, `${path}.delay`, problems)
  const abort = abortOf(fault?.abort, `${path}.abort`, problems)
  if (delay === undefined && abort === undefined) return []
  return [{ kind: 'fault', ...(delay && { delay }), ...(abort && { abort }) }]
}

function delayOf(delay: IstioFault['delay'], path: string, problems: string[]): Faults['delay'] {
  if (delay === undefined) return undefined
  if (delay.exponentialDelay !== undefined)
    problems.push(`${path}.exponentialDelay is not served, nor is it in Istio`)
  const ms = durationOf(delay.fixedDelay, `${path}.fixedDelay`, problems)
  const percent = percentOf(delay.percentage) ?? delay.percent ?? 0
  return ms === undefined || percent === 0 ? undefined : { ms, percent }
}

function abortOf(abort: IstioFault['abort'], path: string, problems: string[]): Faults['abort'] {
  if (abort === undefined) return undefined
  if (abort.http2Error !== undefined) problems.push(`${path}.http2Error is not served, nor is it in Istio`)
  const percent = percentOf(abort.percentage) ?? 100
  if (percent === 0) return undefined
  if (abort.httpStatus !== undefined) return { status: abort.httpStatus, percent }
  if (abort.grpcStatus === undefined) return undefined
  const grpcStatus = GRPC_STATUSES.indexOf(abort.grpcStatus)
  if (grpcStatus >= 0) return { status: 200, grpcStatus, percent }
  problems.push(
    `${path}.grpcStatus: ${abort.grpcStatus} is no status of gRPC; give one of ${GRPC_STATUSES.join(', ')}`,
  )
  return undefined
}

/** By their numbers. */
const GRPC_STATUSES: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

export function percentOf(percent: IstioPercent | undefined): number | undefined {
  return percent === undefined ? undefined : (percent.value ?? 0)
}
