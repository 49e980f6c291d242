import { CODE_LENGTHS } from '../src/proxy/http2/hpack/huffman-lengths.ts'
import { STATIC_FIELDS } from '../src/proxy/http2/hpack/static-table.ts'

export type Field = readonly [name: string, value: string]

/** A decoder that follows RFC 7541 sentence by sentence and knows nothing of speed. */
export function createPlainDecoder(): (bytes: Buffer) => Field[] | undefined {
  let table: Field[] = []
  let sizeMax = 4096
  const evict = (): void => {
    const size = (): number => table.reduce((all, [name, value]) => all + name.length + value.length + 32, 0)
    while (size() > sizeMax) table = table.slice(0, -1)
  }
  return (bytes) => {
    const fields: Field[] = []
    let at = 0
    const integer = (bits: number): number => {
      const mask = 2 ** bits - 1
      let value = byte() & mask
      if (value < mask) return value
      for (let shift = 0; ; shift += 7) {
        if (shift > 28) throw new Refused()
        const next = byte()
        value += (next & 127) * 2 ** shift
        if (next < 128) return value
      }
    }
    const byte = (): number => {
      const value = bytes[at++]
      if (value === undefined) throw new Refused()
      return value
    }
    const text = (): string => {
      const coded = ((bytes[at] ?? 0) & 128) !== 0
      const length = integer(7)
      if (at + length > bytes.length) throw new Refused()
      const slice = bytes.subarray(at, at + length)
      at += length
      return coded ? plainHuffman(slice) : slice.toString('latin1')
    }
    const entry = (index: number): Field => {
      const found =
        index <= STATIC_FIELDS.length ? STATIC_FIELDS[index - 1] : table[index - STATIC_FIELDS.length - 1]
      if (found === undefined) throw new Refused()
      return found
    }
    try {
      while (at < bytes.length) {
        const first = bytes[at] as number
        if (first >= 128) fields.push(entry(integer(7)))
        else if (first >= 32 && first < 64) {
          if (fields.length > 0) throw new Refused()
          const size = integer(5)
          if (size > 4096) throw new Refused()
          sizeMax = size
          evict()
        } else {
          const index = integer(first >= 64 ? 6 : 4)
          const name = index === 0 ? text() : entry(index)[0]
          const field: Field = [name, text()]
          fields.push(field)
          if (first >= 64) {
            table = [field, ...table]
            evict()
          }
        }
      }
    } catch (error) {
      if (error instanceof Refused) return undefined
      throw error
    }
    return fields
  }
}

class Refused extends Error {}

const CODES = plainCodes()

function plainCodes(): Map<string, number> {
  const codes = new Map<string, number>()
  let code = 0n
  for (let length = 1; length <= 30; length++) {
    code <<= 1n
    for (const [symbol, its] of CODE_LENGTHS.entries()) {
      if (its !== length) continue
      codes.set(code.toString(2).padStart(length, '0'), symbol)
      code += 1n
    }
  }
  return codes
}

function plainHuffman(bytes: Buffer): string {
  let bits = ''
  let text = ''
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      bits += (byte >> bit) & 1
      const symbol = CODES.get(bits)
      if (symbol === 256) throw new Refused()
      if (symbol === undefined) continue
      text += String.fromCharCode(symbol)
      bits = ''
    }
  }
  if (bits.length > 7 || bits.includes('0')) throw new Refused()
  return text
}
