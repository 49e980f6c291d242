import { fail, ok, type Result } from '../base/index.ts'
import { goQuote } from './schema/go-quote.ts'

/** Minutes of the wall clock, as the five fields of cron, or a steady interval. */
export type CronSchedule =
  | {
      readonly kind: 'fields'
      readonly minutes: ReadonlySet<number>
      readonly hours: ReadonlySet<number>
      readonly daysOfMonth: ReadonlySet<number>
      readonly months: ReadonlySet<number>
      /** 0 is Sunday. */
      readonly daysOfWeek: ReadonlySet<number>
      /** Where both kinds of day are restricted, either is enough. */
      readonly isEitherDay: boolean
    }
  | { readonly kind: 'every'; readonly seconds: number }

interface FieldRule {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const FIELDS = {
  minutes: { min: 0, max: 59 },
  hours: { min: 0, max: 23 },
  daysOfMonth: { min: 1, max: 31 },
  months: { min: 1, max: 12, names: MONTHS },
  daysOfWeek: { min: 0, max: 6, names: DAYS },
} as const satisfies Readonly<Record<string, FieldRule>>

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/**
 * The schedules of a CronJob: five fields of `*`, `?`, numbers, names, ranges, steps and lists, the nicknames, and
 * `@every 1h30m`.
 * @see Kubernetes CronJob, "Schedule syntax"
 */
export function parseSchedule(text: string): Result<CronSchedule, string> {
  const trimmed = text.trim()
  if (trimmed.startsWith('@every ')) return parseEvery(trimmed.slice('@every '.length).trim())
  if (trimmed.startsWith('@') && !Object.hasOwn(NICKNAMES, trimmed)) {
    return fail(`unrecognized descriptor: ${trimmed}`)
  }
  const parts = (NICKNAMES[trimmed] ?? trimmed).split(/\s+/)
  if (parts.length !== 5) {
    return fail(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`)
  }
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = parts
  const minutes = parseField(minute, FIELDS.minutes)
  if (!minutes.ok) return minutes
  const hours = parseField(hour, FIELDS.hours)
  if (!hours.ok) return hours
  const daysOfMonth = parseField(day, FIELDS.daysOfMonth)
  if (!daysOfMonth.ok) return daysOfMonth
  const months = parseField(month, FIELDS.months)
  if (!months.ok) return months
  const daysOfWeek = parseField(weekday, FIELDS.daysOfWeek)
  if (!daysOfWeek.ok) return daysOfWeek
  return ok({
    kind: 'fields',
    minutes: minutes.value,
    hours: hours.value,
    daysOfMonth: daysOfMonth.value,
    months: months.value,
    daysOfWeek: daysOfWeek.value,
    isEitherDay: !startsWithStar(day) && !startsWithStar(weekday),
  })
}

function startsWithStar(field: string): boolean {
  return field.split(',').some((part) => part.startsWith('*') || part.startsWith('?'))
}

function parseField(text: string, rule: FieldRule): Result<ReadonlySet<number>, string> {
  const found = new Set<number>()
  for (const part of text.split(',')) {
    const range = parseRange(part, rule)
    if (!range.ok) return range
    const { first, last, step } = range.value
    for (let value = first; value <= last; value += step) found.add(value)
  }
  return ok(found)
}

interface Range {
  readonly first: number
  readonly last: number
  readonly step: number
}

function parseRange(text: string, rule: FieldRule): Result<Range, string> {
  const [span = '', stepText, ...more] = text.split('/')
  const [from = '', to, ...rest] = span.split('-')
  const isAll = from === '*' || from === '?'
  const first = isAll ? rule.min : parseValue(from, rule)
  if (first === undefined) return fail(notANumber(from))
  if (rest.length > 0 && !isAll) return fail(`too many hyphens: ${text}`)
  // `5/15` means from five on.
  const open = stepText === undefined && !isAll ? first : rule.max
  const last = to === undefined || isAll ? open : parseValue(to, rule)
  if (last === undefined) return fail(notANumber(to ?? ''))
  if (more.length > 0) return fail(`too many slashes: ${text}`)
  const step = stepText === undefined ? 1 : parseValue(stepText, { min: 0, max: 0 })
  if (step === undefined) return fail(notANumber(stepText ?? ''))
  if (first < rule.min) return fail(`beginning of range (${first}) below minimum (${rule.min}): ${text}`)
  if (last > rule.max) return fail(`end of range (${last}) above maximum (${rule.max}): ${text}`)
  if (first > last) return fail(`beginning of range (${first}) beyond end of range (${last}): ${text}`)
  if (step === 0) return fail(`step of range should be a positive number: ${text}`)
  return ok({ first, last, step })
}

/** Go's words for a number that does not parse. */
function notANumber(text: string): string {
  if (/^-\d+$/.test(text)) return `negative number (${text}) not allowed: ${text}`
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`
}

function parseValue(text: string, { names, min }: FieldRule): number | undefined {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  const index = names?.indexOf(text.toLowerCase()) ?? -1
  return index < 0 ? undefined : index + min
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 }

function parseEvery(text: string): Result<CronSchedule, string> {
  const parts = [...text.matchAll(/(\d+)([hms])/g)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    return fail(`failed to parse duration @every ${text}`)
  }
  const seconds = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ''] ?? 0),
    0,
  )
  return ok({ kind: 'every', seconds: Math.max(1, seconds) })
}
