import { FRAME_HEADER_BYTES } from './protocol.ts'
import type { Connection, Http2Thread, Outbox } from './types.ts'

/** Room for two large frames. */
const CHUNK_BYTES = 33 * 1024
/** Chunks of a thread. With more connections to be written in one turn, the others make do with small ones. */
const CHUNKS_MAX = 64
const SMALL_CHUNK_BYTES = 4 * 1024
/** An encrypted socket works on after the call: up to this size it gets a copy, and the chunk is free again. */
const COPIED_BYTES_MAX = 8 * 1024

export function createOutbox(written: () => void): Outbox {
  return {
    chunk: undefined,
    length: 0,
    epoch: 1,
    full: [],
    fullBytes: 0,
    inFlight: [],
    lastFrame: -1,
    frames: 0,
    controlFrames: 0,
    isDirty: false,
    written,
  }
}

export function waitingBytes(out: Outbox): number {
  return out.fullBytes + out.length
}

/**
 * Begins a frame whose payload the caller writes at once, behind the header.
 * @returns where the payload goes in `out.chunk`
 */
export function beginFrame(
  connection: Connection,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  const { out } = connection
  const bytes = length + FRAME_HEADER_BYTES
  if (out.chunk === undefined || out.length + bytes > out.chunk.length) nextChunk(connection, bytes)
  const chunk = out.chunk as Buffer
  const at = out.length
  chunk[at] = length >>> 16
  chunk[at + 1] = length >>> 8
  chunk[at + 2] = length
  chunk[at + 3] = type
  chunk[at + 4] = flags
  chunk[at + 5] = stream >>> 24
  chunk[at + 6] = stream >>> 16
  chunk[at + 7] = stream >>> 8
  chunk[at + 8] = stream
  out.length = at + bytes
  out.lastFrame = at
  out.frames++
  if (!out.isDirty) markDirty(connection)
  return at + FRAME_HEADER_BYTES
}

function nextChunk(connection: Connection, bytes: number): void {
  const { out, thread } = connection
  if (out.chunk !== undefined) {
    out.full.push({ chunk: out.chunk, length: out.length })
    out.fullBytes += out.length
  }
  out.chunk = bytes > CHUNK_BYTES ? Buffer.allocUnsafeSlow(bytes) : takeChunk(thread, bytes)
  out.length = 0
  out.lastFrame = -1
  out.epoch++
}

function takeChunk(thread: Http2Thread, bytes: number): Buffer {
  const free = thread.chunks.pop()
  if (free !== undefined) return free
  if (thread.chunksMade.count >= CHUNKS_MAX) return Buffer.allocUnsafeSlow(Math.max(SMALL_CHUNK_BYTES, bytes))
  thread.chunksMade.count++
  return Buffer.allocUnsafeSlow(CHUNK_BYTES)
}

function recycle(thread: Http2Thread, chunk: Buffer): void {
  if (chunk.length === CHUNK_BYTES && thread.chunks.length < CHUNKS_MAX) thread.chunks.push(chunk)
}

function markDirty(connection: Connection): void {
  const { dirty, defer, writeDirty } = connection.thread
  connection.out.isDirty = true
  if (dirty.push(connection) === 1) defer(writeDirty)
}

/** Gives the socket what waits, unless the socket has enough already. */
export function writeOut(connection: Connection): void {
  const { out, socket, thread } = connection
  const { chunk, length } = out
  if (chunk === undefined || socket.writableNeedDrain || socket.destroyed) return
  settle(connection)
  const bytes = waitingBytes(out)
  out.epoch++
  out.lastFrame = -1
  out.length = 0
  out.chunk = undefined
  if (connection.isEncrypted && bytes <= COPIED_BYTES_MAX && out.full.length === 0) {
    socket.write(Buffer.copyBytesFrom(chunk, 0, length))
    recycle(thread, chunk)
    return
  }
  out.inFlight.push(chunk)
  if (out.full.length === 0) {
    if (bytes > COPIED_BYTES_MAX) socket.write(chunk.subarray(0, length), out.written)
    else socket.write(chunk.subarray(0, length))
  } else {
    socket.cork()
    for (const full of out.full.splice(0)) {
      out.inFlight.push(full.chunk)
      socket.write(full.chunk.subarray(0, full.length))
    }
    out.fullBytes = 0
    socket.write(chunk.subarray(0, length), out.written)
    socket.uncork()
  }
  settle(connection)
}

/** When the kernel has taken all that it was given, the memory is free again, and nothing waits for the peer. */
export function settle(connection: Connection): void {
  const { out, socket, thread } = connection
  if (socket.writableLength > 0) return
  if (waitingBytes(out) === 0) {
    out.frames = 0
    out.controlFrames = 0
  }
  while (out.inFlight.length > 0) recycle(thread, out.inFlight.pop() as Buffer)
}

/** The socket is closed: what it was given and what it was not is of no use any more. */
export function discard(connection: Connection): void {
  const { out, thread } = connection
  for (const chunk of out.inFlight.splice(0)) recycle(thread, chunk)
  for (const { chunk } of out.full.splice(0)) recycle(thread, chunk)
  if (out.chunk !== undefined) recycle(thread, out.chunk)
  out.chunk = undefined
  out.length = 0
  out.fullBytes = 0
  out.epoch++
}
