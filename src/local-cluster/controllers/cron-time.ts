import type { CronSchedule } from '../../kube/index.ts'

/** A place's wall clock. */
export interface TimeZone {
  readonly name: string
  /** What the clock there is ahead of UTC at this moment. */
  readonly offsetMs: (utcMs: number) => number
}

/** @param name such as `Europe/Berlin`; the machine's own zone when absent @returns undefined for an unknown name */
export function timeZone(name: string | undefined): TimeZone | undefined {
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      ...(name === undefined ? {} : { timeZone: name }),
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    const offsetMs = (utcMs: number) => {
      const parts = new Map(format.formatToParts(utcMs).map(({ type, value }) => [type, Number(value)]))
      const at = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0
      const wall = Date.UTC(at('year'), at('month') - 1, at('day'), at('hour'), at('minute'), at('second'))
      return wall - Math.floor(utcMs / 1000) * 1000
    }
    return { name: format.resolvedOptions().timeZone, offsetMs }
  } catch {
    return undefined // Intl throws a RangeError for a name that it does not know
  }
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** A schedule without a time within so many days has none (29 February is eight years apart at most). */
const SEARCH_DAYS = 8 * 366 + 2

/** @returns the first time after `afterMs`; undefined for a schedule that never comes, such as 30 February */
export function nextTime(schedule: CronSchedule, zone: TimeZone, afterMs: number): number | undefined {
  if (schedule.kind === 'every') {
    return Math.floor(afterMs / 1000) * 1000 + schedule.seconds * 1000
  }
  const start = wallDay(zone, afterMs)
  // A day earlier: the clock may have been put back over midnight.
  for (let day = start - DAY_MS, count = 0; count < SEARCH_DAYS; day += DAY_MS, count++) {
    if (!hasDay(schedule, day)) continue
    const found = timesOfDay(schedule, zone, day).find((time) => time > afterMs)
    if (found !== undefined) return found
  }
  return undefined
}

/** @returns the last time in (afterMs, untilMs]; undefined when there is none */
export function lastTime(
  schedule: CronSchedule,
  zone: TimeZone,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
): number | undefined {
  if (schedule.kind === 'every') {
    const stepMs = schedule.seconds * 1000
    const base = Math.floor(afterMs / 1000) * 1000
    const steps = Math.floor((untilMs - base) / stepMs)
    return steps < 1 ? undefined : base + steps * stepMs
  }
  const first = wallDay(zone, afterMs) - DAY_MS
  for (
    let day = wallDay(zone, untilMs) + DAY_MS, count = 0;
    day >= first && count < SEARCH_DAYS;
    day -= DAY_MS, count++
  ) {
    if (!hasDay(schedule, day)) continue
    const found = timesOfDay(schedule, zone, day).findLast((time) => time > afterMs && time <= untilMs)
    if (found !== undefined) return found
  }
  return undefined
}

/** Midnight of the wall clock's day, as if the clock showed UTC. */
function wallDay(zone: TimeZone, utcMs: number): number {
  return Math.floor((utcMs + zone.offsetMs(utcMs)) / DAY_MS) * DAY_MS
}

type Fields = Extract<CronSchedule, { readonly kind: 'fields' }>

function hasDay(schedule: Fields, day: number): boolean {
  const date = new Date(day)
  if (!schedule.months.has(date.getUTCMonth() + 1)) return false
  const ofMonth = schedule.daysOfMonth.has(date.getUTCDate())
  const ofWeek = schedule.daysOfWeek.has(date.getUTCDay())
  return schedule.isEitherDay ? ofMonth || ofWeek : ofMonth && ofWeek
}

/**
 * The moments at which the clock shows one of the schedule's minutes of that day, in order: none for a minute that is
 * left out when the clock is put forward, two for one that comes twice.
 */
function timesOfDay(schedule: Fields, zone: TimeZone, day: number): readonly number[] {
  // No offset is more than fifteen hours from UTC, and the clock is changed once in a day.
  const offsets = new Set([zone.offsetMs(day - DAY_MS), zone.offsetMs(day), zone.offsetMs(day + 2 * DAY_MS)])
  const times = new Set<number>()
  for (const hour of schedule.hours) {
    for (const minute of schedule.minutes) {
      const wall = day + hour * 3_600_000 + minute * MINUTE_MS
      for (const offset of offsets) {
        if (offsets.size === 1 || zone.offsetMs(wall - offset) === offset) times.add(wall - offset)
      }
    }
  }
  return [...times].sort((a, b) => a - b)
}
