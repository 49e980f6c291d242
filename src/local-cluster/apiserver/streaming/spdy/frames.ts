/** SPDY/3.1 frames as bytes. Header blocks stay compressed here: their meaning depends on all blocks before. */

export const FRAME = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const

export const RST = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  streamInUse: 8,
  streamAlreadyClosed: 9,
} as const

const VERSION = 3
const FLAG_FIN = 1
const HEADER_BYTES = 8
/** Control frames carry a header block at most, and ours are a few hundred bytes. */
const CONTROL_BYTES_MAX = 64 * 1024

export type SpdyFrame =
  | {
      readonly kind: 'syn-stream'
      readonly streamId: number
      readonly fin: boolean
      readonly headerBlock: Uint8Array
    }
  | {
      readonly kind: 'syn-reply' | 'headers'
      readonly streamId: number
      readonly fin: boolean
      readonly headerBlock: Uint8Array
    }
  | { readonly kind: 'rst-stream'; readonly streamId: number; readonly status: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'go-away'; readonly lastStreamId: number }
  | { readonly kind: 'window-update'; readonly streamId: number; readonly delta: number }
  /** A part of a data frame: it is handed on as it comes, and only the last part has the frame's FIN. */
  | { readonly kind: 'data'; readonly streamId: number; readonly fin: boolean; readonly bytes: Uint8Array }
  /** SETTINGS and types from later versions, which a receiver ignores. */
  | { readonly kind: 'other' }

export interface FrameParser {
  /** @throws when the bytes are no frames of SPDY/3 */
  readonly push: (chunk: Uint8Array) => readonly SpdyFrame[]
}

/** Holds at most one control frame; data passes through. */
export function createFrameParser(): FrameParser {
  let pending: Buffer = Buffer.alloc(0)
  let data: { readonly streamId: number; readonly fin: boolean; left: number } | undefined
  const next = (): SpdyFrame | undefined => {
    if (data !== undefined) {
      if (pending.length === 0 && data.left > 0) return undefined
      const bytes = pending.subarray(0, data.left)
      pending = pending.subarray(bytes.length)
      const { streamId, fin } = data
      data.left -= bytes.length
      const isLast = data.left === 0
      if (isLast) data = undefined
      return { kind: 'data', streamId, fin: fin && isLast, bytes }
    }
    if (pending.length < HEADER_BYTES) return undefined
    const first = pending.readUInt32BE(0)
    const flags = pending.readUInt8(4)
    const length = pending.readUIntBE(5, 3)
    if (first < 0x8000_0000) {
      data = { streamId: first, fin: (flags & FLAG_FIN) !== 0, left: length }
      pending = pending.subarray(HEADER_BYTES)
      return next()
    }
    if (((first >>> 16) & 0x7fff) !== VERSION)
      throw new Error(`a frame of SPDY version ${(first >>> 16) & 0x7fff}, where 3 is spoken`)
    if (length > CONTROL_BYTES_MAX) throw new Error(`a control frame of ${length} bytes is too long`)
    if (pending.length < HEADER_BYTES + length) return undefined
    const body = pending.subarray(HEADER_BYTES, HEADER_BYTES + length)
    pending = pending.subarray(HEADER_BYTES + length)
    return controlFrame(first & 0xffff, flags, body)
  }
  return {
    push(chunk) {
      pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk])
      const frames: SpdyFrame[] = []
      for (let frame = next(); frame !== undefined; frame = next()) frames.push(frame)
      return frames
    },
  }
}

function controlFrame(type: number, flags: number, body: Buffer): SpdyFrame {
  const fin = (flags & FLAG_FIN) !== 0
  const word = (at: number): number => {
    if (body.length < at + 4) throw new Error(`a control frame of type ${type} is too short`)
    return body.readUInt32BE(at)
  }
  const id = (at: number) => word(at) & 0x7fff_ffff
  switch (type) {
    case FRAME.synStream:
      // Stream, associated stream, priority and slot stand before the header block.
      return { kind: 'syn-stream', streamId: id(0), fin, headerBlock: body.subarray(10) }
    case FRAME.synReply:
      return { kind: 'syn-reply', streamId: id(0), fin, headerBlock: body.subarray(4) }
    case FRAME.headers:
      return { kind: 'headers', streamId: id(0), fin, headerBlock: body.subarray(4) }
    case FRAME.rstStream:
      return { kind: 'rst-stream', streamId: id(0), status: word(4) }
    case FRAME.ping:
      return { kind: 'ping', id: word(0) }
    case FRAME.goAway:
      return { kind: 'go-away', lastStreamId: id(0) }
    case FRAME.windowUpdate:
      return { kind: 'window-update', streamId: id(0), delta: id(4) }
    default:
      return { kind: 'other' }
  }
}

export function dataFrame(streamId: number, bytes: Uint8Array, fin: boolean): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(streamId, 0)
  header.writeUInt8(fin ? FLAG_FIN : 0, 4)
  header.writeUIntBE(bytes.length, 5, 3)
  return bytes.length === 0 ? header : Buffer.concat([header, bytes])
}

export function synReplyFrame(streamId: number, headerBlock: Uint8Array): Buffer {
  return control(FRAME.synReply, Buffer.concat([words(streamId), headerBlock]))
}

/** What a client opens a stream with. */
export function synStreamFrame(streamId: number, headerBlock: Uint8Array, fin = false): Buffer {
  const head = Buffer.concat([words(streamId, 0), Buffer.alloc(2)])
  return control(FRAME.synStream, Buffer.concat([head, headerBlock]), fin ? FLAG_FIN : 0)
}

export function rstStreamFrame(streamId: number, status: number): Buffer {
  return control(FRAME.rstStream, words(streamId, status))
}

export function pingFrame(id: number): Buffer {
  return control(FRAME.ping, words(id))
}

export function goAwayFrame(lastStreamId: number): Buffer {
  return control(FRAME.goAway, words(lastStreamId, 0))
}

export function windowUpdateFrame(streamId: number, delta: number): Buffer {
  return control(FRAME.windowUpdate, words(streamId, delta))
}

function control(type: number, body: Uint8Array, flags = 0): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(0x8000 | VERSION, 0)
  header.writeUInt16BE(type, 2)
  header.writeUInt8(flags, 4)
  header.writeUIntBE(body.length, 5, 3)
  return Buffer.concat([header, body])
}

function words(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => buffer.writeUInt32BE(value, index * 4))
  return buffer
}
