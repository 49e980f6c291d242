import type { Scalar } from '../fields/parse.ts'
import { canonicalQuantity } from '../quantity.ts'
import { readFields, type WireField, WireError } from './reader.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    // The decoder throws a TypeError that names no cause; this one is what the caller reports.
    throw new WireError('string field contains invalid UTF-8')
  }
}

/** @returns undefined where the wire says "nothing" (a time of zero) */
export function decodeScalar(scalar: Scalar, field: WireField): unknown {
  switch (scalar) {
    case 'string':
      return decodeText(field.bytes)
    case 'bool':
      return field.scalar !== 0n
    case 'int32':
    case 'int64':
      return Number(BigInt.asIntN(64, field.scalar))
    case 'double':
      return toDouble(field.scalar)
    case 'bytes':
      return toBase64(field.bytes)
    case 'quantity':
      return canonicalQuantity(decodeText(bytesOf(field.bytes, 1)))
    case 'time':
      return decodeTime(field.bytes, 0)
    case 'microTime':
      return decodeTime(field.bytes, 6)
    case 'duration':
      return formatGoDuration(numberOf(field.bytes, 1))
    case 'intOrString':
      return decodeIntOrString(field.bytes)
    case 'rawExtension':
    case 'json':
    case 'fieldsV1':
      return decodeJson(bytesOf(field.bytes, 1))
  }
}

function bytesOf(message: Uint8Array, number: number): Uint8Array {
  let found: Uint8Array = new Uint8Array(0)
  for (const field of readFields(message))
    if (field.number === number && field.wire === 2) found = field.bytes
  return found
}

function numberOf(message: Uint8Array, number: number): bigint {
  let found = 0n
  for (const field of readFields(message))
    if (field.number === number) found = BigInt.asIntN(64, field.scalar)
  return found
}

function toDouble(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}

function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** Years beyond these are no dates that JSON can carry. */
const SECONDS_MAX = 253402300799n
const SECONDS_MIN = -62135596800n

/** RFC 3339 in UTC, with the number of fraction digits that the type has. */
function decodeTime(message: Uint8Array, digits: number): string | undefined {
  const seconds = numberOf(message, 1)
  const nanos = numberOf(message, 2)
  if (seconds === 0n && nanos === 0n) return undefined
  if (seconds > SECONDS_MAX || seconds < SECONDS_MIN) throw new WireError('time is out of range')
  if (seconds === SECONDS_MIN) return undefined
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  const fraction = digits === 0 ? '' : `.${nanos.toString().padStart(9, '0').slice(0, digits)}`
  return `${whole}${fraction}Z`
}

/** A duration in nanoseconds as Go prints it, as far as whole seconds and their fractions go. */
function formatGoDuration(nanos: bigint): string {
  const sign = nanos < 0n ? '-' : ''
  const value = nanos < 0n ? -nanos : nanos
  if (value === 0n) return '0s'
  if (value < 1000n) return `${sign}${value}ns`
  if (value < 1_000_000n) return `${sign}${Number(value) / 1e3}µs`
  if (value < 1_000_000_000n) return `${sign}${Number(value) / 1e6}ms`
  const seconds = Number(value % 60_000_000_000n) / 1e9
  const minutes = value / 60_000_000_000n
  if (minutes === 0n) return `${sign}${seconds}s`
  if (minutes < 60n) return `${sign}${minutes}m${seconds}s`
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}s`
}

function decodeIntOrString(message: Uint8Array): number | string {
  return numberOf(message, 1) === 0n ? Number(numberOf(message, 2)) : decodeText(bytesOf(message, 3))
}

function decodeJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(decodeText(bytes)) as unknown
  } catch (cause) {
    throw new WireError('embedded object is not JSON', { cause })
  }
}
