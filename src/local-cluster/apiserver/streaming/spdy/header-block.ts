import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'
import { SPDY_DICTIONARY } from './dictionary.ts'

/** Names in lower case; several values of one name are joined with a comma. */
export type SpdyHeaders = Readonly<Record<string, string>>

/** Header blocks of one direction of a connection share one zlib stream, so they must come in the order of the wire. */
export interface HeaderBlockCodec<From, To> {
  readonly convert: (from: From) => Promise<To>
  readonly close: () => void
}

/** Uncompressed bytes of one block: a few kilobytes become megabytes under a hostile compressor. */
const BLOCK_BYTES_MAX = 64 * 1024
const PAIRS_MAX = 100

export function createHeaderDecoder(): HeaderBlockCodec<Uint8Array, SpdyHeaders> {
  const inflate = createInflate({ dictionary: SPDY_DICTIONARY, flush: constants.Z_SYNC_FLUSH })
  return {
    convert: async (block) => parsePairs(await through(inflate, block)),
    close: () => inflate.destroy(),
  }
}

export function createHeaderEncoder(): HeaderBlockCodec<SpdyHeaders, Uint8Array> {
  const deflate = createDeflate({ dictionary: SPDY_DICTIONARY, flush: constants.Z_SYNC_FLUSH })
  return {
    convert: (headers) => through(deflate, printPairs(headers)),
    close: () => deflate.destroy(),
  }
}

/** Sends one block through and waits for all that comes out: a synchronous flush leaves nothing behind. */
function through(stream: Inflate | Deflate, input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const drain = () => {
      for (
        let chunk = stream.read() as Buffer | null;
        chunk !== null;
        chunk = stream.read() as Buffer | null
      ) {
        size += chunk.length
        chunks.push(chunk)
        if (size > BLOCK_BYTES_MAX) stream.destroy(new Error('a header block is too long'))
      }
    }
    const finish = (error: Error | null | undefined) => {
      if (!error) drain()
      stream.removeListener('readable', drain)
      stream.removeListener('error', finish)
      if (error) reject(new Error(`a header block is broken: ${error.message}`, { cause: error }))
      else resolve(Buffer.concat(chunks))
    }
    stream.on('readable', drain)
    stream.once('error', finish)
    stream.write(input, finish)
  })
}

function parsePairs(block: Buffer): SpdyHeaders {
  let at = 0
  const word = (): number => {
    if (at + 4 > block.length) throw new Error('a header block ends too early')
    at += 4
    return block.readUInt32BE(at - 4)
  }
  const text = (): string => {
    const length = word()
    if (at + length > block.length) throw new Error('a header block ends too early')
    at += length
    return block.toString('utf8', at - length, at)
  }
  const count = word()
  if (count > PAIRS_MAX) throw new Error(`a header block of ${count} names is too long`)
  const pairs: [string, string][] = []
  for (let index = 0; index < count; index += 1) {
    const name = text().toLowerCase()
    // SPDY parts several values of one name by a NUL.
    pairs.push([name, text().replaceAll('\0', ', ')])
  }
  return Object.fromEntries(pairs)
}

function printPairs(headers: SpdyHeaders): Buffer {
  const entries = Object.entries(headers)
  const parts: Buffer[] = [number(entries.length)]
  for (const [name, value] of entries) {
    for (const text of [name.toLowerCase(), value]) {
      const bytes = Buffer.from(text)
      parts.push(number(bytes.length), bytes)
    }
  }
  return Buffer.concat(parts)
}

function number(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value)
  return buffer
}
