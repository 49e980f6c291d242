import { createPlainDecoder, type Field } from '../../fuzz/plain-hpack.ts'

/** Frames of HTTP/2 as the peers of the simulation write and read them: nothing of the proxy's codec is used. */
export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
} as const

export const END_STREAM = 1
export const END_HEADERS = 4
export const ACK = 1
const PADDED = 8
const PRIORITY = 32

export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const HEADER_BYTES = 9

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  /** Without padding and priority. */
  readonly payload: Buffer
  /** Of a whole header section; undefined for other frames. */
  readonly fields: readonly Field[] | undefined
  readonly endsStream: boolean
  /** Bytes that count against the windows. */
  readonly flowBytes: number
}

export function frameOf(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  payload.copy(bytes, HEADER_BYTES)
  return bytes
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

export function headersOf(stream: number, fields: readonly Field[], endsStream: boolean): Buffer {
  const section = Buffer.concat(fields.map(([name, value]) => literal(name, value)))
  return frameOf(TYPE.headers, END_HEADERS | (endsStream ? END_STREAM : 0), stream, section)
}

/** Without index and without a table, so that sections do not depend on each other. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), textOf(name), textOf(value)])
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length >= 127) throw new Error('longer texts are not needed here')
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

export function settingsOf(entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6)
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6)
    payload.writeUInt32BE(value, index * 6 + 2)
  })
  return frameOf(TYPE.settings, 0, 0, payload)
}

export interface FrameReader {
  /** @returns the frames that are whole now; @throws when they make no sense */
  readonly feed: (bytes: Buffer) => Frame[]
}

/** @param hasPreface what a client sends begins with it */
export function createFrameReader(hasPreface: boolean): FrameReader {
  const decode = createPlainDecoder()
  let rest: Buffer = Buffer.alloc(0)
  let awaitsPreface = hasPreface
  let section: { frame: Buffer; flags: number; stream: number } | undefined

  function read(): Frame | undefined {
    if (rest.length < HEADER_BYTES) return undefined
    const length = rest.readUIntBE(0, 3)
    if (rest.length < HEADER_BYTES + length) return undefined
    const type = rest[3] as number
    const flags = rest[4] as number
    const stream = rest.readUInt32BE(5)
    const payload = rest.subarray(HEADER_BYTES, HEADER_BYTES + length)
    rest = rest.subarray(HEADER_BYTES + length)
    if (type !== TYPE.headers && type !== TYPE.continuation) {
      if (section !== undefined) throw new Error('a header section is interrupted')
      return make(type, flags, stream, type === TYPE.data ? unpadded(payload, flags) : payload, length)
    }
    return readSection(type, flags, stream, payload)
  }

  function readSection(type: number, flags: number, stream: number, payload: Buffer): Frame {
    if (type === TYPE.headers) {
      if (section !== undefined) throw new Error('a header section within another')
      const plain = unpadded(payload, flags)
      section = { frame: (flags & PRIORITY) === 0 ? plain : plain.subarray(5), flags, stream }
    } else {
      if (section?.stream !== stream) throw new Error('a continuation of nothing')
      section = { ...section, frame: Buffer.concat([section.frame, payload]) }
    }
    if ((flags & END_HEADERS) === 0) return make(-1, 0, stream, payload, 0)
    const whole = section
    section = undefined
    const fields = decode(whole.frame)
    if (fields === undefined) throw new Error('a header section that cannot be decoded')
    return { ...make(TYPE.headers, whole.flags, stream, whole.frame, 0), fields }
  }

  return {
    feed(bytes) {
      rest = Buffer.concat([rest, bytes])
      if (awaitsPreface) {
        if (rest.length < PREFACE.length) return []
        if (!rest.subarray(0, PREFACE.length).equals(PREFACE)) throw new Error('no preface')
        rest = rest.subarray(PREFACE.length)
        awaitsPreface = false
      }
      const frames: Frame[] = []
      for (let frame = read(); frame !== undefined; frame = read()) frames.push(frame)
      return frames
    },
  }
}

function make(type: number, flags: number, stream: number, payload: Buffer, flowBytes: number): Frame {
  const endsStream = (type === TYPE.data || type === TYPE.headers) && (flags & END_STREAM) !== 0
  return { type, flags, stream, payload, fields: undefined, endsStream, flowBytes }
}

function unpadded(payload: Buffer, flags: number): Buffer {
  return (flags & PADDED) === 0 ? payload : payload.subarray(1, payload.length - (payload[0] ?? 0))
}
