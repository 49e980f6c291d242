import { fail, ok, type Result } from '../../base/index.ts'

/** Writes a point in time, given in milliseconds since 1970. */
export type TimeWriter = (ms: number) => string

type Place = 'utc' | 'local'

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September'].concat(
  ['October', 'November', 'December'],
)
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/**
 * A format of strftime, with Envoy's `%s`, `%3f`, `%6f`, `%9f`, `%f` for seconds since 1970 and fractions of one.
 * @returns the position of a letter that means nothing, as an error
 * @see Envoy, START_TIME
 */
export function compileTimeFormat(format: string, place: Place): Result<TimeWriter, string> {
  const parts: (string | TimeWriter)[] = []
  let text = ''
  for (let i = 0; i < format.length; i++) {
    if (format[i] !== '%') {
      text += format[i]
      continue
    }
    const digits = /^[1-9](?=f)/.exec(format.slice(i + 1))?.[0] ?? ''
    const letter = format[i + 1 + digits.length] ?? ''
    const writer = letter === 'f' ? fraction(digits === '' ? 9 : Number(digits)) : LETTERS[letter]
    if (letter === '%') text += '%'
    else if (writer === undefined) return fail(`%${letter} at ${i} of "${format}" is no part of a time`)
    else {
      parts.push(text, (ms) => writer(momentOf(ms, place)))
      text = ''
    }
    i += 1 + digits.length
  }
  parts.push(text)
  return ok((ms) => parts.map((part) => (typeof part === 'string' ? part : part(ms))).join(''))
}

/** `2026-11-23T12:00:00.005Z` */
export const isoTime: TimeWriter = (ms) => new Date(ms).toISOString()

/** `2026-11-23T12:00:00.005+01:00` */
export const isoLocalTime: TimeWriter = (ms) => {
  const at = momentOf(ms, 'local')
  const zone = `${at.zone.slice(0, 3)}:${at.zone.slice(3)}`
  return `${at.year}-${two(at.month)}-${two(at.day)}T${clockOf(at)}.${digitsOf(at.ms, 3)}${zone}`
}

interface Moment {
  readonly epochMs: number
  readonly year: number
  /** From 1. */
  readonly month: number
  readonly day: number
  readonly weekday: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly ms: number
  /** `+0100` */
  readonly zone: string
}

function momentOf(epochMs: number, place: Place): Moment {
  const date = new Date(epochMs)
  // What the local clock shows, read as if it were UTC.
  const minutes = place === 'local' ? -date.getTimezoneOffset() : 0
  const shown = new Date(epochMs + minutes * 60_000)
  const size = Math.abs(minutes)
  return {
    epochMs,
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth() + 1,
    day: shown.getUTCDate(),
    weekday: shown.getUTCDay(),
    hour: shown.getUTCHours(),
    minute: shown.getUTCMinutes(),
    second: shown.getUTCSeconds(),
    ms: shown.getUTCMilliseconds(),
    zone: `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`,
  }
}

type Letter = (at: Moment) => string

const LETTERS: Readonly<Record<string, Letter>> = {
  Y: (at) => String(at.year),
  y: (at) => two(at.year % 100),
  m: (at) => two(at.month),
  d: (at) => two(at.day),
  e: (at) => String(at.day).padStart(2),
  H: (at) => two(at.hour),
  I: (at) => two(at.hour % 12 === 0 ? 12 : at.hour % 12),
  M: (at) => two(at.minute),
  S: (at) => two(at.second),
  p: (at) => (at.hour < 12 ? 'AM' : 'PM'),
  a: (at) => (DAYS[at.weekday] as string).slice(0, 3),
  A: (at) => DAYS[at.weekday] as string,
  b: (at) => (MONTHS[at.month - 1] as string).slice(0, 3),
  h: (at) => (MONTHS[at.month - 1] as string).slice(0, 3),
  B: (at) => MONTHS[at.month - 1] as string,
  j: (at) => String(dayOfYear(at)).padStart(3, '0'),
  u: (at) => String(at.weekday === 0 ? 7 : at.weekday),
  w: (at) => String(at.weekday),
  F: (at) => `${at.year}-${two(at.month)}-${two(at.day)}`,
  D: (at) => `${two(at.month)}/${two(at.day)}/${two(at.year % 100)}`,
  T: clockOf,
  R: (at) => `${two(at.hour)}:${two(at.minute)}`,
  s: (at) => String(Math.floor(at.epochMs / 1000)),
  z: (at) => at.zone,
  Z: (at) => (at.zone === '+0000' ? 'UTC' : at.zone),
}

/** The clock has milliseconds; further places are zeros. */
function fraction(places: number): Letter {
  return (at) => digitsOf(at.ms, 3).padEnd(places, '0').slice(0, places)
}

function clockOf(at: Moment): string {
  return `${two(at.hour)}:${two(at.minute)}:${two(at.second)}`
}

function dayOfYear({ year, month, day }: Moment): number {
  return Math.round((Date.UTC(year, month - 1, day) - Date.UTC(year, 0, 1)) / 86_400_000) + 1
}

function two(value: number): string {
  return digitsOf(value, 2)
}

function digitsOf(value: number, places: number): string {
  return String(value).padStart(places, '0')
}
