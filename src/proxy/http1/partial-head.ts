/** The part of a head that came without its end; grows by doubling, so that single bytes cost no more than big reads. */
export interface PartialHead {
  bytes: Buffer
  length: number
}

const FIRST_BYTES = 1024

/** Keeps what has come of a head before its names are made lower case. @returns what there is now */
export function keepCase(
  before: PartialHead | undefined,
  bytes: Buffer,
  start: number,
  end: number,
): PartialHead {
  if (before === undefined) return createPartialHead(bytes, start, end)
  appendPartialHead(before, bytes, start, end)
  return before
}

export function createPartialHead(bytes: Buffer, start: number, end: number): PartialHead {
  const partial = { bytes: Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, (end - start) * 2)), length: 0 }
  appendPartialHead(partial, bytes, start, end)
  return partial
}

export function appendPartialHead(partial: PartialHead, bytes: Buffer, start: number, end: number): void {
  const length = partial.length + end - start
  if (length > partial.bytes.length) {
    const larger = Buffer.allocUnsafeSlow(length * 2)
    partial.bytes.copy(larger, 0, 0, partial.length)
    partial.bytes = larger
  }
  bytes.copy(partial.bytes, partial.length, start, end)
  partial.length = length
}
