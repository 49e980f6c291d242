/** As much of WebSocket and HTTP/2 as it takes to send messages to and fro without being the slowest part. */
import type { Socket } from 'node:net'

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
export const FRAME_HEAD = 9
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const
const ACKNOWLEDGED = 1
/** The largest window there is, less what it is from the start. */
const WINDOW_MORE = 2 ** 31 - 1 - 65_535
const INITIAL_WINDOW = 4

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Windows as large as can be: nothing that waits for credit is measured. */
export function greeting(): Buffer {
  const setting = Buffer.alloc(6)
  setting.writeUInt16BE(INITIAL_WINDOW, 0)
  setting.writeUInt32BE(2 ** 31 - 1, 2)
  return Buffer.concat([frame(FRAME.settings, 0, 0, setting), windowUpdate(0, WINDOW_MORE)])
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes, 0)
  return frame(FRAME.windowUpdate, 0, stream, payload)
}

/** A literal field without indexing, so that neither side has to keep a table. */
export function literal(name: string, value: string): Buffer {
  const text = (word: string) => Buffer.concat([Buffer.from([word.length]), Buffer.from(word, 'latin1')])
  return Buffer.concat([Buffer.from([0]), text(name), text(value)])
}

export interface FrameHandlers {
  readonly onHeaders: (stream: number) => void
  readonly onData: (stream: number, payload: Buffer) => void
}

/** Calls back for each frame, answers settings and pings, and gives the connection's credit back. */
export function readFrames(socket: Socket, skip: number, handlers: FrameHandlers): void {
  let rest: Buffer = Buffer.alloc(0)
  let left = skip
  socket.on('data', (chunk: Buffer) => {
    const skipped = Math.min(left, chunk.length)
    left -= skipped
    const bytes = rest.length === 0 ? chunk.subarray(skipped) : Buffer.concat([rest, chunk.subarray(skipped)])
    let at = 0
    let received = 0
    socket.cork()
    while (bytes.length - at >= FRAME_HEAD) {
      const length = bytes.readUIntBE(at, 3)
      if (bytes.length - at < FRAME_HEAD + length) break
      const type = bytes[at + 3]
      const flags = bytes[at + 4] ?? 0
      const stream = bytes.readUInt32BE(at + 5) & 0x7f_ff_ff_ff
      const payload = bytes.subarray(at + FRAME_HEAD, at + FRAME_HEAD + length)
      at += FRAME_HEAD + length
      if (type === FRAME.data) {
        received += length
        handlers.onData(stream, payload)
      } else if (type === FRAME.headers) handlers.onHeaders(stream)
      else if (type === FRAME.reset || type === FRAME.goAway)
        socket.destroy(new Error(`the peer ended it: ${payload.toString('latin1')}`))
      else if ((type === FRAME.settings || type === FRAME.ping) && (flags & ACKNOWLEDGED) === 0)
        socket.write(frame(type, ACKNOWLEDGED, 0, type === FRAME.ping ? payload : Buffer.alloc(0)))
    }
    rest = bytes.subarray(at)
    if (received > 0) socket.write(windowUpdate(0, received))
    socket.uncork()
  })
}
