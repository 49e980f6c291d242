/** The messages of a call of gRPC, counted as their bytes pass; one direction each. */
export interface MessageCounts {
  readonly request: MessageCounter
  readonly response: MessageCounter
}

/** Where a direction is within its messages: five bytes of prefix, the last four of them the length, then the message. */
interface MessageCounter {
  count: number
  /** Of the prefix under way. */
  prefixBytes: number
  length: number
  /** Of the message under way. */
  left: number
}

const PREFIX_BYTES = 5

export function createMessageCounts(): MessageCounts {
  return { request: createCounter(), response: createCounter() }
}

function createCounter(): MessageCounter {
  return { count: 0, prefixBytes: 0, length: 0, left: 0 }
}

/** A message counts when its prefix has come. @see gRPC over HTTP/2, Length-Prefixed-Message */
export function countMessages(counter: MessageCounter, bytes: Buffer, start: number, end: number): void {
  let at = start
  while (at < end) {
    if (counter.left > 0) {
      const skipped = Math.min(counter.left, end - at)
      counter.left -= skipped
      at += skipped
      continue
    }
    const byte = bytes[at++] as number
    counter.length = counter.prefixBytes === 0 ? 0 : counter.length * 256 + byte
    if (++counter.prefixBytes < PREFIX_BYTES) continue
    counter.prefixBytes = 0
    counter.left = counter.length
    counter.count++
  }
}
