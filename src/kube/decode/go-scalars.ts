import { goQuote } from '../schema/go-quote.ts'

/** What the decoders of single Go types say about a text, word for word; undefined where it is good. */

/** Go's base64 decoder tells the first byte that is wrong. */
export function base64Problem(text: string): string | undefined {
  if (text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  const byte = wrongByte(text)
  return byte === undefined ? undefined : `illegal base64 data at input byte ${byte}`
}

/** Groups of four characters; line ends do not count, and one that ends too early is wrong where it begins. */
function wrongByte(text: string): number | undefined {
  let at = 0
  for (let place = 0; ; place = (place + 1) % 4) {
    at = skipLineEnds(text, at)
    if (at === text.length) return place === 0 ? undefined : at - place
    if (/[A-Za-z0-9+/]/.test(text[at] ?? '')) {
      at += 1
      continue
    }
    if (text[at] !== '=' || place < 2) return at
    at = skipLineEnds(text, at + 1)
    if (place === 2) {
      if (text[at] !== '=') return at
      at = skipLineEnds(text, at + 1)
    }
    return at < text.length ? at : undefined
  }
}

function skipLineEnds(text: string, from: number): number {
  let at = from
  while (text[at] === '\r' || text[at] === '\n') at += 1
  return at
}

const QUANTITY = /^([+-]?)(\d*)(?:\.(\d*))?([^\d.][^]*)?$/
const SUFFIX = /^(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/
const WRONG_QUANTITY =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

export function quantityProblem(text: string): string | undefined {
  const match = QUANTITY.exec(text)
  const [, , whole = '', fraction, suffix = ''] = match ?? []
  if (!match || (whole === '' && (fraction ?? '') === '')) return WRONG_QUANTITY
  if (SUFFIX.test(suffix)) return undefined
  return /^[eEinumkKMGTP]*[-+]?\d*$/.test(suffix) ? "unable to parse quantity's suffix" : WRONG_QUANTITY
}

/** Parts of a time and what Go's layouts call them. */
const TIME_PARTS: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}/, '2006'],
  [/^-/, '-'],
  [/^\d\d/, '01'],
  [/^-/, '-'],
  [/^\d\d/, '02'],
  [/^T/, 'T'],
  [/^\d\d/, '15'],
  [/^:/, ':'],
  [/^\d\d/, '04'],
  [/^:/, ':'],
  [/^\d\d/, '05'],
]
const LAYOUTS = { time: '2006-01-02T15:04:05Z07:00', microTime: '2006-01-02T15:04:05.000000Z07:00' } as const

export function timeProblem(text: string, type: keyof typeof LAYOUTS): string | undefined {
  const layout = LAYOUTS[type]
  const refuse = (rest: string, part: string) =>
    `parsing time ${goQuote(text)} as ${goQuote(layout)}: cannot parse ${goQuote(rest)} as ${goQuote(part)}`
  let rest = text
  for (const [pattern, part] of TIME_PARTS) {
    const found = pattern.exec(rest)?.[0]
    if (found === undefined) return refuse(rest, part)
    rest = rest.slice(found.length)
  }
  if (type === 'microTime' && !/^[.,]\d{6}/.test(rest)) return refuse(rest, '.000000')
  rest = rest.replace(/^[.,]\d+/, '')
  const zone = /^(?:Z|[+-]\d\d:\d\d)/.exec(rest)?.[0]
  if (zone === undefined) return refuse(rest, 'Z07:00')
  if (rest !== zone) return `parsing time ${goQuote(text)}: extra text: ${goQuote(rest.slice(zone.length))}`
  const part = outOfRange(text)
  return part && `parsing time ${goQuote(text)}: ${part} out of range`
}

function outOfRange(text: string): string | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = text
    .slice(0, 19)
    .split(/[-T:]/)
    .map(Number)
  if (month < 1 || month > 12) return 'month'
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate()
  if (day < 1 || day > days) return 'day'
  if (hour > 23) return 'hour'
  if (minute > 59) return 'minute'
  return second > 59 ? 'second' : undefined
}

export function durationProblem(text: string): string | undefined {
  if (/^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.test(text)) return undefined
  return `time: invalid duration ${goQuote(text)}`
}
