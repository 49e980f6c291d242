import { formatAge } from '../../base/index.ts'

/** The time since a timestamp as kubectl prints ages. @param now milliseconds since the epoch */
export function ageOf(timestamp: unknown, now: number): string {
  if (typeof timestamp !== 'string') return '<unknown>'
  const then = Date.parse(timestamp)
  return Number.isNaN(then) ? '<unknown>' : durationText(now - then)
}

/** Clocks differ: a moment ahead counts as now, more than that as invalid. */
export function durationText(ms: number): string {
  if (ms <= -2000) return '<invalid>'
  return formatAge(Math.max(0, ms))
}
