/**
 * Bytes that wait, copied from buffers that were lent. Small pieces share memory: a peer that sends a byte at a time must not
 * make each of them cost an object of its own.
 */
export interface Piece {
  readonly bytes: Buffer
  start: number
  end: number
}

const SHARED_BYTES = 4 * 1024

export function appendPiece(queue: Piece[], bytes: Buffer, start: number, end: number): void {
  const length = end - start
  const last = queue.at(-1)
  if (last !== undefined && last.end + length <= last.bytes.length) {
    bytes.copy(last.bytes, last.end, start, end)
    last.end += length
    return
  }
  const memory = Buffer.allocUnsafeSlow(Math.max(length, SHARED_BYTES))
  bytes.copy(memory, 0, start, end)
  queue.push({ bytes: memory, start: 0, end: length })
}
