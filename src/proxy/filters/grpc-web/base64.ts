import type { BodyDecoder } from '../../exchange/types.ts'

const PAD = 64
const BAD = 255
const VALUES = new Uint8Array(256).fill(BAD)
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i
VALUES['='.charCodeAt(0)] = PAD

/**
 * Decodes base64 that comes in pieces. Messages may be encoded one by one and then joined, so that padding may stand
 * anywhere a group of four ends (RFC 4648, and PROTOCOL-WEB); anything else is refused.
 */
export function createBase64Decoder(): BodyDecoder {
  let group = 0
  let length = 0
  let pads = 0

  return {
    decode(bytes, start, end) {
      const out = Buffer.allocUnsafe(Math.ceil((end - start + length) / 4) * 3)
      let at = 0
      for (let i = start; i < end; i++) {
        const value = VALUES[bytes[i] as number] as number
        if (value === BAD) return undefined
        if (value === PAD) {
          if (length < 2 || ++pads > 2) return undefined
        } else if (pads > 0) return undefined
        group = (group << 6) | (value & 63)
        if (++length < 4) continue
        out[at++] = group >>> 16
        if (pads < 2) out[at++] = group >>> 8
        if (pads < 1) out[at++] = group
        group = length = pads = 0
      }
      return out.subarray(0, at)
    },
    isWhole: () => length === 0,
  }
}

/**
 * Encodes a stream of gRPC messages as base64, each message on its own: a reader has the whole of one as soon as it has
 * come, however long the next one takes.
 */
export interface Base64Encoder {
  readonly encode: (bytes: Buffer, start: number, end: number) => Buffer
}

const HEADER_BYTES = 5

export function createBase64Encoder(): Base64Encoder {
  let carry: Buffer = EMPTY
  let headerAt = 0
  let left = 0

  /** @returns the index after the bytes that belong to the message at hand, at most `end` */
  function endOfMessage(bytes: Buffer, start: number, end: number): number {
    let i = start
    while (headerAt < HEADER_BYTES && i < end) {
      if (headerAt > 0) left = left * 256 + (bytes[i] as number)
      headerAt++
      i++
    }
    const stop = Math.min(end, i + left)
    left -= stop - i
    return stop
  }

  return {
    encode(bytes, start, end) {
      let text = ''
      for (let i = start; i < end;) {
        const stop = endOfMessage(bytes, i, end)
        const isEnd = headerAt === HEADER_BYTES && left === 0
        const run =
          carry.length === 0 ? bytes.subarray(i, stop) : Buffer.concat([carry, bytes.subarray(i, stop)])
        const whole = isEnd ? run.length : run.length - (run.length % 3)
        text += run.toString('base64', 0, whole)
        carry = whole === run.length ? EMPTY : Buffer.from(run.subarray(whole))
        if (isEnd) headerAt = 0
        i = stop
      }
      return Buffer.from(text, 'latin1')
    },
  }
}

const EMPTY: Buffer = Buffer.alloc(0)
