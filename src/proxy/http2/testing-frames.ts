import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { createManualClock, type ManualClock } from '../../base/index.ts'
import { createBlockPool, createHeadBlock } from '../http1/head-block.ts'
import { createTimerWheel } from '../net/timer-wheel.ts'
import { type ConnectionOptions, createHttp2Thread } from './connection.ts'
import { assembledEntries, createDecoder, type Decoder, decodeSection } from './hpack/decoder.ts'
import { beginHead, createHeadAssembly, SECTION } from './hpack/head-assembly.ts'
import { ERROR, FLAG, FRAME, FRAME_HEADER_BYTES, PREFACE } from './protocol.ts'
import type { Http2Thread } from './types.ts'

/** A peer made of hand-written frames, and a socket in memory: what a connection answers is read frame by frame. */

export type Fields = readonly (readonly [name: string, value: string])[]

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const head = Buffer.alloc(FRAME_HEADER_BYTES)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

export function settings(entries: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(entries.length * 6)
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6)
    payload.writeUInt32BE(value, index * 6 + 2)
  })
  return frame(FRAME.settings, 0, 0, payload)
}

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

export const windowUpdate = (stream: number, more: number): Buffer =>
  frame(FRAME.windowUpdate, 0, stream, number32(more))
export const reset = (stream: number, code: number): Buffer =>
  frame(FRAME.resetStream, 0, stream, number32(code))
export const ping = (flags = 0, payload = '12345678'): Buffer => frame(FRAME.ping, flags, 0, payload)
export const data = (stream: number, payload: Buffer | string, flags = 0): Buffer =>
  frame(FRAME.data, flags, stream, payload)
export const goAway = (last: number, code: number): Buffer =>
  frame(FRAME.goAway, 0, 0, Buffer.concat([number32(last), number32(code)]))

/** Fields without a table: each as a literal that is not indexed, so that sections do not depend on each other. */
export function section(fields: Fields): Buffer {
  const pieces = fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)]))
  return Buffer.concat(pieces)
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length: number[] = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

export const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a.b'],
  [':path', '/'],
]
export const POST: Fields = [[':method', 'POST'], ...GET.slice(1)]

export function headers(stream: number, fields: Fields, flags: number = FLAG.endStream): Buffer {
  return frame(FRAME.headers, flags | FLAG.endHeaders, stream, section(fields))
}

/** What a client sends before anything else. */
export const HELLO: Buffer = Buffer.concat([PREFACE, settings()])

const FRAME_NAMES = Object.fromEntries(Object.entries(FRAME).map(([name, type]) => [type, name]))
const ERROR_NAMES = Object.fromEntries(Object.entries(ERROR).map(([name, code]) => [code, name]))

/** A socket as far as a connection uses it. Bytes written stay in `written`; it can be made to stop taking them. */
export interface MemorySocket extends EventEmitter {
  written: Buffer[]
  writableNeedDrain: boolean
  writableLength: number
  destroyed: boolean
  ended: boolean
  /** From now on nothing is taken. */
  stuck: boolean
  /** Takes what waits, and tells. */
  unstick: () => void
  destroy: () => void
}

export function createMemorySocket(): MemorySocket {
  const emitter = new EventEmitter()
  const socket = Object.assign(emitter, {
    written: [] as Buffer[],
    writableNeedDrain: false,
    writableLength: 0,
    destroyed: false,
    ended: false,
    stuck: false,
    unstick: () => {
      socket.stuck = false
      socket.writableNeedDrain = false
      socket.writableLength = 0
      socket.emit('drain')
    },
    write: (bytes: Buffer) => {
      socket.written.push(Buffer.from(bytes))
      if (!socket.stuck) return true
      socket.writableLength += bytes.length
      if (socket.writableLength > 16_384) socket.writableNeedDrain = true
      return !socket.writableNeedDrain
    },
    cork: () => {},
    uncork: () => {},
    end: () => {
      socket.ended = true
    },
    destroy: () => {
      if (socket.destroyed) return
      socket.destroyed = true
      socket.emit('close')
    },
  })
  return socket
}

/** Reads what a connection has written, as lines: `headers 1 end :status=200`, `resetStream 1 protocol`. */
export function createFrameReader(fromClient: boolean): (bytes: Buffer) => string[] {
  const decoder = createDecoder()
  let rest = Buffer.alloc(0)
  let preface = fromClient ? PREFACE.length : 0
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    if (preface > 0 && rest.length >= preface) {
      rest = rest.subarray(preface)
      preface = 0
    }
    const lines: string[] = []
    while (rest.length >= FRAME_HEADER_BYTES) {
      const length = rest.readUIntBE(0, 3)
      if (rest.length < FRAME_HEADER_BYTES + length) break
      lines.push(describe(decoder, rest, length, fromClient))
      rest = rest.subarray(FRAME_HEADER_BYTES + length)
    }
    return lines
  }
}

function describe(decoder: Decoder, bytes: Buffer, length: number, fromClient: boolean): string {
  const type = bytes[3] as number
  const flags = bytes[4] as number
  const payload = bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length)
  const words = [FRAME_NAMES[type] ?? String(type), String(bytes.readUInt32BE(5))]
  switch (type) {
    case FRAME.data:
      words.push(String(length))
      break
    case FRAME.headers:
      words.push(...fieldsOf(decoder, payload, fromClient))
      break
    case FRAME.resetStream:
      words.push(ERROR_NAMES[payload.readUInt32BE(0)] ?? '?')
      break
    case FRAME.windowUpdate:
      words.push(String(payload.readUInt32BE(0)))
      break
    case FRAME.goAway:
      words.push(String(payload.readUInt32BE(0)), ERROR_NAMES[payload.readUInt32BE(4)] ?? '?')
      break
    case FRAME.settings:
    case FRAME.ping:
      if ((flags & FLAG.ack) !== 0) words.push('ack')
      break
    default:
  }
  if ((type === FRAME.data || type === FRAME.headers) && (flags & FLAG.endStream) !== 0) words.push('end')
  return words.join(' ')
}

/** Responses and requests alike: pseudo-header fields of either kind are shown. */
function fieldsOf(decoder: Decoder, payload: Buffer, fromClient: boolean): string[] {
  const assembly = createHeadAssembly(createHeadBlock())
  beginHead(assembly, fromClient ? SECTION.request : SECTION.response, createHeadBlock())
  if (!decodeSection(decoder, assembly, payload, 0, payload.length)) return ['undecodable']
  return assembledEntries(assembly)
    .filter(([name]) => name !== 'host')
    .map(([name, value]) => `${name}=${value}`)
}

export interface MemoryThread {
  readonly thread: Http2Thread
  readonly clock: ManualClock
  /** Ends the turn of the event loop: what was put together is written. */
  readonly turn: () => void
}

export function createMemoryThread(): MemoryThread {
  const clock = createManualClock(1000)
  let deferred: (() => void) | undefined
  const thread = createHttp2Thread({
    clock,
    wheel: createTimerWheel(clock),
    blocks: createBlockPool(),
    defer(callback) {
      deferred = callback
    },
  })
  const turn = (): void => {
    while (deferred !== undefined) {
      const callback = deferred
      deferred = undefined
      callback()
    }
  }
  return { thread, clock, turn }
}

/** The socket as the connection's options want it. */
export function asSocket(socket: MemorySocket): ConnectionOptions['socket'] {
  return socket as unknown as Socket
}
