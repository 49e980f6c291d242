import { assert } from '../../../base/index.ts'
import { CODE_LENGTHS } from './huffman-lengths.ts'

const END_MARKER = 256
const LENGTH_MAX = 30
/** Bits that one look into the first table decides: all codes of letters, digits and common punctuation. */
const FIRST_BITS = 10
/** Codes above this length stand for control characters and bytes of no text: they take the slow way. */
const WINDOW_BITS = 24

/** Symbol → code, right-aligned. */
const CODES = new Uint32Array(END_MARKER + 1)
/** Symbol → bits of its code, as bytes for speed. */
const LENGTHS = Uint8Array.from(CODE_LENGTHS)
/** By length: the first code, left-aligned to 32 bits, that is longer than this length. */
const LIMIT = new Float64Array(LENGTH_MAX + 1)
/** By length: what to add to a code of this length to get its place among the symbols in order of their codes. */
const OFFSET = new Int32Array(LENGTH_MAX + 1)
const SYMBOLS = new Uint16Array(END_MARKER + 1)
/** First bits of the input → symbol and, above bit 9, the length of its code; 0 where the code is longer. */
const FIRST = new Uint16Array(1 << FIRST_BITS)
buildTables()

function buildTables(): void {
  let code = 0
  let place = 0
  for (let length = 1; length <= LENGTH_MAX; length++) {
    code *= 2
    OFFSET[length] = place - code
    for (const [symbol, its] of CODE_LENGTHS.entries()) {
      if (its !== length) continue
      CODES[symbol] = code
      SYMBOLS[place++] = symbol
      if (length <= FIRST_BITS) {
        const spread = 1 << (FIRST_BITS - length)
        FIRST.fill(symbol | (length << 9), code * spread, (code + 1) * spread)
      }
      code++
    }
    LIMIT[length] = code * 2 ** (32 - length)
  }
  assert(place === END_MARKER + 1 && code === 2 ** LENGTH_MAX, 'the Huffman code of HPACK is not complete')
}

/** Room that decoding may take: the shortest code has five bits. */
export function decodedLengthMax(length: number): number {
  return (length * 8) / 5 + 1
}

/**
 * Decodes a string into `target` at `at`, which must have room for `decodedLengthMax`.
 * @returns the index after the last byte written, or -1 when the string is not valid (RFC 7541, 5.2): it holds the end
 * marker, or its padding is not the beginning of it or longer than seven bits
 */
export function decodeHuffman(bytes: Buffer, start: number, end: number, target: Buffer, at: number): number {
  let i = start
  let o = at
  // The next `count` bits of the input are the low bits of `window`.
  let window = 0
  let count = 0
  for (;;) {
    while (count <= WINDOW_BITS - 8 && i < end) {
      window = ((window << 8) | (bytes[i++] as number)) & 0xffffff
      count += 8
    }
    // What is missing at the end is padding: ones, like the beginning of the end marker.
    const look =
      count >= FIRST_BITS
        ? (window >>> (count - FIRST_BITS)) & FIRST_MASK
        : ((window << (FIRST_BITS - count)) | (FIRST_MASK >>> count)) & FIRST_MASK
    const entry = FIRST[look] as number
    if (entry !== 0) {
      const length = entry >>> 9
      if (length > count) return isPadding(window, count) ? o : -1
      count -= length
      target[o++] = entry & 0x1ff
      continue
    }
    if (i === end && isPadding(window, count)) return o
    // A long code: the bits of the window and of what follows, bit by bit until a code is complete.
    const long = decodeLong(bytes, i, end, window, count)
    if (long < 0) return -1
    const symbol = long & 0x1ff
    const consumed = long >>> 9
    target[o++] = symbol
    if (consumed <= count) {
      count -= consumed
    } else {
      const beyond = consumed - count
      i += beyond >>> 3
      count = 0
      window = 0
      if ((beyond & 7) !== 0) {
        window = bytes[i++] as number
        count = 8 - (beyond & 7)
      }
    }
  }
}

const FIRST_MASK = (1 << FIRST_BITS) - 1

/** Fewer than eight ones. */
function isPadding(window: number, count: number): boolean {
  if (count > 7) return false
  const mask = (1 << count) - 1
  return (window & mask) === mask
}

/** @returns symbol and, above bit 9, the length of its code; -1 when there is none */
function decodeLong(bytes: Buffer, next: number, end: number, window: number, count: number): number {
  // Up to 30 bits, left-aligned to 32; doubles hold them without a sign.
  let bits = (window & ((1 << count) - 1)) * 2 ** (32 - count)
  let have = count
  let i = next
  while (have < LENGTH_MAX && i < end) {
    bits += (bytes[i++] as number) * 2 ** (24 - have)
    have += 8
  }
  for (let length = FIRST_BITS + 1; length <= LENGTH_MAX && length <= have; length++) {
    if (bits >= (LIMIT[length] as number)) continue
    const code = Math.floor(bits / 2 ** (32 - length))
    const symbol = SYMBOLS[code + (OFFSET[length] as number)] as number
    return symbol === END_MARKER ? -1 : symbol | (length << 9)
  }
  return -1
}

/** Bytes that the string takes when encoded. */
export function encodedLength(bytes: Buffer, start: number, end: number): number {
  let bits = 0
  for (let i = start; i < end; i++) bits += LENGTHS[bytes[i] as number] as number
  return (bits + 7) >>> 3
}

/** Encodes into `target`, which has room for `encodedLength`. @returns the index after the last byte written */
export function encodeHuffman(bytes: Buffer, start: number, end: number, target: Buffer, at: number): number {
  let o = at
  let window = 0
  let count = 0
  for (let i = start; i < end; i++) {
    const symbol = bytes[i] as number
    const code = CODES[symbol] as number
    let length = LENGTHS[symbol] as number
    if (length > 24) {
      // With up to seven bits waiting, a code this long would not fit into 31: its upper part goes first.
      const upper = length - 16
      window = (window << upper) | (code >>> 16)
      count += upper
      while (count >= 8) {
        count -= 8
        target[o++] = window >>> count
        window &= (1 << count) - 1
      }
      length = 16
    }
    window = (window << length) | (code & ((1 << length) - 1))
    count += length
    while (count >= 8) {
      count -= 8
      target[o++] = window >>> count
      window &= (1 << count) - 1
    }
  }
  if (count > 0) target[o++] = (window << (8 - count)) | (0xff >>> count)
  return o
}
