import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { writeText } from './latin1.ts'

/**
 * Where a message is put together before it goes out in one write. One buffer serves all connections of a thread:
 * it is filled and written within one turn, and replaced in the rare case that the kernel did not take all of it.
 */
export interface OutBuffer {
  bytes: Buffer
  length: number
}

/** A read (64 KiB) with its head fits; what is larger makes it grow. */
const OUT_BYTES = 80 * 1024
/** Below this a loop is faster than a call into native code. */
const LOOP_BYTES = 24

export function createOutBuffer(): OutBuffer {
  return { bytes: Buffer.allocUnsafeSlow(OUT_BYTES), length: 0 }
}

/** Makes sure that `bytes` more fit. */
export function reserve(out: OutBuffer, bytes: number): void {
  if (out.length + bytes <= out.bytes.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(out.bytes.length * 2, out.length + bytes))
  out.bytes.copy(larger, 0, 0, out.length)
  out.bytes = larger
}

/** @param text latin-1 */
export function putText(out: OutBuffer, text: string): void {
  const { length } = text
  reserve(out, length)
  if (length <= LOOP_BYTES) {
    const { bytes } = out
    const at = out.length
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
  } else {
    writeText(out.bytes, text, out.length)
  }
  out.length += length
}

export function putBytes(out: OutBuffer, bytes: Buffer): void {
  putSlice(out, bytes, 0, bytes.length)
}

export function putSlice(out: OutBuffer, bytes: Buffer, start: number, end: number): void {
  const length = end - start
  reserve(out, length)
  if (length <= LOOP_BYTES) {
    const target = out.bytes
    const at = out.length - start
    for (let i = start; i < end; i++) target[at + i] = bytes[i] as number
  } else {
    bytes.copy(out.bytes, out.length, start, end)
  }
  out.length += length
}

/** Digits of a whole number that is not negative. */
export function putNumber(out: OutBuffer, value: number): void {
  if (value < 10) {
    reserve(out, 1)
    out.bytes[out.length++] = 48 + value
  } else {
    putText(out, String(value))
  }
}

/**
 * Writes what was put together and empties the buffer.
 * @returns false when the peer is slow: wait for `drain` before producing more
 */
export function commit(out: OutBuffer, socket: Socket): boolean {
  const { length } = out
  if (length === 0) return !socket.writableNeedDrain
  out.length = 0
  if (socket.writableLength > 0 || (socket as Partial<TLSSocket>).encrypted === true) {
    // Others wait in line already, or encryption goes on after the call: the bytes get memory of their own size.
    return socket.write(Buffer.copyBytesFrom(out.bytes, 0, length))
  }
  const more = socket.write(out.bytes.subarray(0, length))
  // The kernel took everything in the call unless something is left in the queue; then the bytes are still in use.
  if (socket.writableLength > 0) out.bytes = Buffer.allocUnsafeSlow(OUT_BYTES)
  else if (out.bytes.length > OUT_BYTES * 4) out.bytes = Buffer.allocUnsafeSlow(OUT_BYTES)
  return more
}
