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
  for (const member of ['grpcStatus', 'http2Error'] as const) {
    if (abort[member] !== undefined)
      problems.push(`${path}.${member} is not served yet; the abort is left out`)
  }
  const percent = percentOf(abort.percentage) ?? 100
  return abort.httpStatus === undefined || percent === 0 ? undefined : { status: abort.httpStatus, percent }
}

export function percentOf(percent: IstioPercent | undefined): number | undefined {
  return percent === undefined ? undefined : (percent.value ?? 0)
}
