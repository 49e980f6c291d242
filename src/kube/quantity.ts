/** Quantities ("250m", "1Gi", "1e3"): exact to a billionth, as apimachinery's resource.Quantity rounds them. */

/** `binary` prints with Ki, Mi…, `decimal` with n, u, m, k, M…, `exponent` with e3, e6… */
export type QuantityFormat = 'binary' | 'decimal' | 'exponent'

export interface Quantity {
  readonly nanos: bigint
  readonly format: QuantityFormat
}

const NANO = 1_000_000_000n

const SUFFIXES: Readonly<Record<string, { readonly format: QuantityFormat; readonly nanos: bigint }>> = {
  n: { format: 'decimal', nanos: 1n },
  u: { format: 'decimal', nanos: 1000n },
  m: { format: 'decimal', nanos: 1_000_000n },
  '': { format: 'decimal', nanos: NANO },
  k: { format: 'decimal', nanos: NANO * 1000n },
  M: { format: 'decimal', nanos: NANO * 1000n ** 2n },
  G: { format: 'decimal', nanos: NANO * 1000n ** 3n },
  T: { format: 'decimal', nanos: NANO * 1000n ** 4n },
  P: { format: 'decimal', nanos: NANO * 1000n ** 5n },
  E: { format: 'decimal', nanos: NANO * 1000n ** 6n },
  Ki: { format: 'binary', nanos: NANO * 1024n },
  Mi: { format: 'binary', nanos: NANO * 1024n ** 2n },
  Gi: { format: 'binary', nanos: NANO * 1024n ** 3n },
  Ti: { format: 'binary', nanos: NANO * 1024n ** 4n },
  Pi: { format: 'binary', nanos: NANO * 1024n ** 5n },
  Ei: { format: 'binary', nanos: NANO * 1024n ** 6n },
}

/** Digits beyond this say nothing that fits a Quantity; the bound keeps bigint work small. */
const DIGITS_MAX = 60
/** The same for an amount, so that one that is printed in a smaller unit, which takes more digits, can be read again. */
const NANOS_MAX = 10n ** 69n
const DIGITS_PRINTED_MAX = 70
/** And for one with an exponent, whose printed form may take more digits than its own. */
const READABLE = /^\d{1,60}(?:e-?\d{1,2})?$/

/** @returns undefined when the text is not a quantity */
export function parseQuantity(text: string): Quantity | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text)
  if (!match) return undefined
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = match
  const digitsMax = exponent === undefined ? DIGITS_PRINTED_MAX : DIGITS_MAX
  if (whole + fraction === '' || whole.length + fraction.length > digitsMax) return undefined
  const unit = Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined
  if (!unit) return undefined
  const power = exponent === undefined ? 0 : Number(exponent.slice(1))
  const numerator = BigInt(whole + fraction) * unit.nanos * (power > 0 ? 10n ** BigInt(power) : 1n)
  const denominator = 10n ** BigInt(fraction.length + (power < 0 ? -power : 0))
  const nanos = (numerator + denominator - 1n) / denominator
  if (exponent === undefined ? nanos >= NANOS_MAX : !READABLE.test(withExponent(nanos))) return undefined
  return { nanos: sign === '-' ? -nanos : nanos, format: exponent === undefined ? unit.format : 'exponent' }
}

/** The value as a float, for arithmetic on utilisation and the like. */
export function quantityToNumber(quantity: Quantity): number {
  return Number(quantity.nanos / NANO) + Number(quantity.nanos % NANO) / 1e9
}

/** Milli-units rounded up, as schedulers and autoscalers count CPU. */
export function quantityToMillis(quantity: Quantity): number {
  return Number((quantity.nanos + 999_999n) / 1_000_000n)
}

/** The shortest exact form in the quantity's own format: 1000m is "1", 1024Mi is "1Gi". */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity
  if (nanos === 0n) return '0'
  if (format === 'binary' && nanos % NANO === 0n && (nanos >= NANO * 1024n || nanos <= -NANO * 1024n)) {
    return withLargestUnit(nanos, ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki', ''])
  }
  if (format === 'exponent') return withExponent(nanos)
  return withLargestUnit(nanos, ['E', 'P', 'T', 'G', 'M', 'k', '', 'm', 'u', 'n'])
}

function withLargestUnit(nanos: bigint, suffixes: readonly string[]): string {
  for (const suffix of suffixes) {
    const unit = SUFFIXES[suffix]?.nanos ?? 1n
    if (nanos % unit === 0n) return `${nanos / unit}${suffix}`
  }
  return `${nanos}n`
}

function withExponent(nanos: bigint): string {
  if (nanos === 0n) return '0'
  let mantissa = nanos
  let exponent = -9
  while (mantissa % 1000n === 0n) {
    mantissa /= 1000n
    exponent += 3
  }
  return exponent === 0 ? mantissa.toString() : `${mantissa}e${exponent}`
}

/** The canonical text of a quantity as the API server would store it; the text itself when it is not one. */
export function canonicalQuantity(text: string): string {
  const quantity = parseQuantity(text)
  return quantity ? formatQuantity(quantity) : text
}
