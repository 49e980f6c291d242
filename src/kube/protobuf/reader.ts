/** A reader of the protobuf wire format over a slice of bytes. */
export interface WireField {
  readonly number: number
  readonly wire: number
  /** for wire types 0, 1 and 5 */
  readonly scalar: bigint
  /** for wire type 2 */
  readonly bytes: Uint8Array
}

const EMPTY = new Uint8Array(0)

/** Thrown on bytes that are not protobuf; the decoder's door turns it into a result. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

export function* readFields(bytes: Uint8Array): Generator<WireField> {
  let offset = 0
  while (offset < bytes.length) {
    const tag = readVarint(bytes, offset)
    offset = tag.next
    const number = Number(tag.value >> 3n)
    const wire = Number(tag.value & 7n)
    if (number < 1 || number > 536870911) throw new WireError(`field number ${number} is out of range`)
    const value = readValue(bytes, offset, wire)
    offset = value.next
    yield { number, wire, scalar: value.scalar, bytes: value.bytes }
  }
}

interface ReadValue {
  readonly scalar: bigint
  readonly bytes: Uint8Array
  readonly next: number
}

function readValue(bytes: Uint8Array, offset: number, wire: number): ReadValue {
  switch (wire) {
    case 0: {
      const varint = readVarint(bytes, offset)
      return { scalar: varint.value, bytes: EMPTY, next: varint.next }
    }
    case 1:
      return { scalar: readFixed(bytes, offset, 8), bytes: EMPTY, next: offset + 8 }
    case 2: {
      const length = readVarint(bytes, offset)
      const end = length.next + Number(length.value)
      if (end > bytes.length) throw new WireError('unexpected EOF')
      return { scalar: 0n, bytes: bytes.subarray(length.next, end), next: end }
    }
    case 5:
      return { scalar: readFixed(bytes, offset, 4), bytes: EMPTY, next: offset + 4 }
    default:
      throw new WireError(`illegal wireType ${wire}`)
  }
}

export function readVarint(
  bytes: Uint8Array,
  offset: number,
): { readonly value: bigint; readonly next: number } {
  let value = 0n
  for (let index = 0; index < 10; index++) {
    const byte = bytes[offset + index]
    if (byte === undefined) throw new WireError('unexpected EOF')
    value |= BigInt(byte & 127) << BigInt(7 * index)
    if (byte < 128) return { value: BigInt.asUintN(64, value), next: offset + index + 1 }
  }
  throw new WireError('integer overflow')
}

function readFixed(bytes: Uint8Array, offset: number, length: number): bigint {
  if (offset + length > bytes.length) throw new WireError('unexpected EOF')
  let value = 0n
  for (let index = length - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[offset + index] ?? 0)
  return value
}
