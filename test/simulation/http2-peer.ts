import type { Field } from '../../fuzz/plain-hpack.ts'
import type { ByteStream, OpenStream } from './byte-stream.ts'
import {
  ACK,
  createFrameReader,
  END_STREAM,
  type Frame,
  frameOf,
  headersOf,
  PREFACE,
  settingsOf,
  TYPE,
  uint32,
} from './http2-frames.ts'
import type { End } from './kernel.ts'
import type { Pace } from './scenario.ts'

/** One side of an HTTP/2 connection, as simple as it can be: frames, windows, and nothing that is not asked for. */
export interface Http2Peer {
  readonly stream: ByteStream
  readonly sendHead: (id: number, fields: readonly Field[], ends: boolean) => void
  /** Goes out as the windows allow. */
  readonly sendBody: (id: number, bytes: Buffer, after: 'end' | 'open' | readonly Field[]) => void
  readonly reset: (id: number, code: number) => void
  readonly goAway: (last: number) => void
  /** Whether all of a stream's body has gone out. */
  readonly isSent: (id: number) => boolean
  /** The other side has seen our settings. */
  readonly isAcknowledged: () => boolean
}

export interface Http2PeerEvents {
  readonly head: (id: number, fields: readonly Field[], ends: boolean) => void
  readonly data: (id: number, bytes: Buffer, ends: boolean) => void
  readonly reset: (id: number, code: number) => void
  readonly goAway: (last: number, code: number) => void
  readonly ended: (how: 'end' | 'reset') => void
  /** The other side breaks the protocol. */
  readonly wrong: (what: string) => void
}

export interface Http2PeerOptions {
  readonly isClient: boolean
  /** Bytes that the other side may send on a stream before some are taken. */
  readonly window: number
  readonly streamsMax: number
  readonly pace?: Pace | undefined
  readonly openStream: OpenStream
}

const FRAME_MAX = 16_384
const WINDOW_FIRST = 65_535
const SETTING = { streams: 3, window: 4 } as const

interface Sending {
  readonly id: number
  pieces: Buffer[]
  after: 'end' | 'open' | readonly Field[]
}

export function createHttp2Peer(end: End, options: Http2PeerOptions, events: Http2PeerEvents): Http2Peer {
  const reader = createFrameReader(!options.isClient)
  const queue: Sending[] = []
  const sendWindows = new Map<number, number>()
  const receiveWindows = new Map<number, number>()
  const over = new Set<number>()
  let firstSendWindow = WINDOW_FIRST
  let connectionWindow = WINDOW_FIRST
  let receiveWindow = WINDOW_FIRST
  /** Of a peer that may not have seen our settings. */
  let isAcknowledged = false

  function read(bytes: Buffer): void {
    try {
      for (const frame of reader.feed(bytes)) handle(frame)
    } catch (error) {
      events.wrong(error instanceof Error ? error.message : String(error))
    }
  }

  function handle(frame: Frame): void {
    const { type, flags, stream: id, payload } = frame
    switch (type) {
      case TYPE.headers:
        return events.head(id, frame.fields ?? [], frame.endsStream)
      case TYPE.data:
        takeData(frame)
        return events.data(id, payload, frame.endsStream)
      case TYPE.reset:
        forget(id)
        return events.reset(id, payload.readUInt32BE(0))
      case TYPE.goAway:
        return events.goAway(payload.readUInt32BE(0) & 0x7fffffff, payload.readUInt32BE(4))
      case TYPE.settings:
        return (flags & ACK) === 0 ? readSettings(payload) : void (isAcknowledged = true)
      case TYPE.ping:
        if ((flags & ACK) === 0) peer.stream.send(frameOf(TYPE.ping, ACK, 0, payload))
        return
      case TYPE.window:
        if (id === 0) connectionWindow += payload.readUInt32BE(0)
        else sendWindows.set(id, windowOf(id) + payload.readUInt32BE(0))
        return pump()
      default:
    }
  }

  const windowOf = (id: number): number => sendWindows.get(id) ?? firstSendWindow

  /** What was received is allowed anew at once. */
  function takeData({ stream: id, flowBytes, endsStream }: Frame): void {
    const first = isAcknowledged ? options.window : Math.max(options.window, WINDOW_FIRST)
    const left = (receiveWindows.get(id) ?? first) - flowBytes
    receiveWindow -= flowBytes
    if (left < 0) events.wrong(`${-left} bytes beyond the window of a stream`)
    if (receiveWindow < 0) events.wrong(`${-receiveWindow} bytes beyond the window of the connection`)
    if (flowBytes === 0) return
    receiveWindow += flowBytes
    peer.stream.send(frameOf(TYPE.window, 0, 0, uint32(flowBytes)))
    if (endsStream || over.has(id)) return
    receiveWindows.set(id, left + flowBytes)
    peer.stream.send(frameOf(TYPE.window, 0, id, uint32(flowBytes)))
  }

  function readSettings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== SETTING.window) continue
      const value = payload.readUInt32BE(at + 2)
      for (const [id, window] of sendWindows) sendWindows.set(id, window + value - firstSendWindow)
      firstSendWindow = value
    }
    peer.stream.send(frameOf(TYPE.settings, ACK, 0, Buffer.alloc(0)))
    pump()
  }

  function forget(id: number): void {
    over.add(id)
    const index = queue.findIndex((sending) => sending.id === id)
    if (index >= 0) queue.splice(index, 1)
  }

  function pump(): void {
    for (const sending of queue.slice()) sendSome(sending)
  }

  function sendSome(sending: Sending): void {
    const { id, after } = sending
    for (;;) {
      const first = sending.pieces[0]
      if (first === undefined) break
      const size = Math.min(first.length, FRAME_MAX, connectionWindow, windowOf(id))
      if (size <= 0) return
      connectionWindow -= size
      sendWindows.set(id, windowOf(id) - size)
      const isLast = sending.pieces.length === 1 && size === first.length
      const flags = isLast && after === 'end' ? END_STREAM : 0
      peer.stream.send(frameOf(TYPE.data, flags, id, first.subarray(0, size)))
      if (size === first.length) sending.pieces.shift()
      else sending.pieces[0] = first.subarray(size)
    }
    queue.splice(queue.indexOf(sending), 1)
    if (Array.isArray(after)) peer.stream.send(headersOf(id, after as readonly Field[], true))
  }

  const stream = options.openStream(end, { data: read, ended: events.ended }, options.pace)
  const peer: Http2Peer = {
    stream,
    sendHead: (id, fields, ends) => stream.send(headersOf(id, fields, ends)),
    sendBody(id, bytes, after) {
      if (over.has(id)) return
      if (bytes.length === 0 && after === 'end') {
        const before = queue.find((sending) => sending.id === id)
        if (before === undefined) return stream.send(frameOf(TYPE.data, END_STREAM, id, bytes))
      }
      const waiting = queue.find((sending) => sending.id === id)
      if (waiting === undefined) queue.push({ id, pieces: bytes.length > 0 ? [bytes] : [], after })
      else {
        // An empty last frame ends what is waiting already.
        waiting.pieces.push(bytes.length > 0 ? bytes : Buffer.alloc(0))
        waiting.after = after
        waiting.pieces = [Buffer.concat(waiting.pieces)]
      }
      pump()
    },
    reset(id, code) {
      forget(id)
      stream.send(frameOf(TYPE.reset, 0, id, uint32(code)))
    },
    goAway: (last) => stream.send(frameOf(TYPE.goAway, 0, 0, Buffer.concat([uint32(last), uint32(0)]))),
    isAcknowledged: () => isAcknowledged,
    isSent: (id) => queue.every((sending) => sending.id !== id),
  }
  const settings = settingsOf([
    [SETTING.window, options.window],
    ...(options.isClient ? [] : ([[SETTING.streams, options.streamsMax]] as const)),
  ])
  stream.send(options.isClient ? Buffer.concat([PREFACE, settings]) : settings)
  return peer
}

export const ERROR = { none: 0, protocol: 1, internal: 2, refused: 7, cancel: 8 } as const
