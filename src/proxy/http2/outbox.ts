import type { Connection, Outbox } from './types.ts'
import { FRAME_HEADER_BYTES } from './protocol.ts'

/** Room for two large frames. */
const CHUNK_BYTES = 33 * 1024
const POOLED_CHUNKS_MAX = 64

export function createOutbox(): Outbox {
  return {
    chunk: undefined,
    length: 0,
    epoch: 1,
    full: [],
    fullBytes: 0,
    lastFrame: -1,
    frames: 0,
    controlFrames: 0,
    isDirty: false,
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
    out.full.push(out.chunk.subarray(0, out.length))
    out.fullBytes += out.length
  }
  out.chunk =
    bytes > CHUNK_BYTES
      ? Buffer.allocUnsafeSlow(bytes)
      : (thread.chunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES))
  out.length = 0
  out.lastFrame = -1
  out.epoch++
}

function markDirty(connection: Connection): void {
  const { dirty, defer, writeDirty } = connection.thread
  connection.out.isDirty = true
  if (dirty.push(connection) === 1) defer(writeDirty)
}

/** Gives the socket what waits, unless the socket has enough already. */
export function writeOut(connection: Connection): void {
  const { out, socket } = connection
  const { chunk, length } = out
  if ((length === 0 && out.full.length === 0) || socket.writableNeedDrain || socket.destroyed) return
  out.epoch++
  out.lastFrame = -1
  out.length = 0
  out.chunk = undefined
  if (out.full.length > 0) {
    socket.cork()
    for (const bytes of out.full.splice(0)) socket.write(bytes)
    out.fullBytes = 0
    if (chunk !== undefined && length > 0) socket.write(chunk.subarray(0, length))
    socket.uncork()
  } else if (connection.isEncrypted && length <= COPIED_BYTES_MAX) {
    // Encryption goes on after the call: it gets bytes of its own, and the chunk is free again.
    socket.write(Buffer.copyBytesFrom(chunk as Buffer, 0, length))
    recycle(connection, chunk as Buffer)
    return
  } else {
    socket.write((chunk as Buffer).subarray(0, length))
  }
  if (socket.writableLength === 0) {
    noteTaken(connection)
    // The kernel took all in the call, so the memory is free again.
    if (chunk !== undefined) recycle(connection, chunk)
  }
}

/** Everything has been taken by the kernel. */
export function noteTaken(connection: Connection): void {
  const { out } = connection
  out.frames = 0
  out.controlFrames = 0
}

const COPIED_BYTES_MAX = 8 * 1024

function recycle(connection: Connection, chunk: Buffer): void {
  const { chunks } = connection.thread
  if (chunk.length === CHUNK_BYTES && chunks.length < POOLED_CHUNKS_MAX) chunks.push(chunk)
}
