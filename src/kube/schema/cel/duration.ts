import { type CelFunc, celFunc, CelScalar, objectType } from '@bufbuild/cel'
import { create } from '@bufbuild/protobuf'
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt'

const UNIT_NANOS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}

/** Go keeps a duration in 64 bits, and so does CEL. */
const NANOS_MAX = 2n ** 63n - 1n

/** No duration of 64 bits needs more; the bound keeps the arithmetic below short. */
const TEXT_LENGTH_MAX = 256

/** @returns undefined when the text is not a duration as Go writes them */
export function parseCelDuration(text: string): Duration | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined
  const nanos = parseNanos(text.replace(/^[+-]/, ''))
  if (nanos === undefined || nanos > NANOS_MAX) return undefined
  const signed = text.startsWith('-') ? -nanos : nanos
  return create(DurationSchema, {
    seconds: signed / 1_000_000_000n,
    nanos: Number(signed % 1_000_000_000n),
  })
}

function parseNanos(unsigned: string): bigint | undefined {
  if (unsigned === '0') return 0n
  if (unsigned === '') return undefined
  let total = 0n
  let rest = unsigned
  while (rest !== '') {
    const part = /^(?=\.?\d)(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/.exec(rest)
    const unit = UNIT_NANOS[part?.[3] ?? '']
    if (!part || unit === undefined) return undefined
    const fraction = part[2] ?? ''
    total += BigInt(part[1] ?? '') * unit + (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length)
    rest = rest.slice(part[0].length)
  }
  return total
}

/** The library's own `duration(string)` takes an empty text for zero and words its error differently. */
export function durationFunctions(): CelFunc[] {
  return [
    celFunc('duration', [CelScalar.STRING], objectType(DurationSchema), (text) => {
      const duration = parseCelDuration(text)
      if (!duration) throw new Error("type conversion error from 'string' to 'google.protobuf.Duration'")
      return duration
    }),
  ]
}
