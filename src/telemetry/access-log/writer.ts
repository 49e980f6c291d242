/** Where lines go, many at a time. */
export interface AccessLogWriter {
  readonly write: (line: string) => void
  readonly flush: () => void
  /** Lines that were thrown away because the sink was too slow. */
  readonly dropped: () => number
}

const BATCH_MS = 100
const BATCH_BYTES = 64 * 1024
/** What waits for a slow sink at most; a log must not be what fills the memory. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024
/** Of one UTF-16 unit in UTF-8. */
const UNIT_BYTES_MAX = 3

/**
 * Collects lines and hands them over every 100 ms, or sooner when there are many. They are collected as bytes: text
 * that is put together of thousands of lines is kept by the collector in as many pieces, which cost more than writing.
 * @param sink resolves when it can take more
 */
export function createAccessLogWriter(options: {
  readonly sink: (text: string) => Promise<void>
  readonly after: (ms: number, callback: () => void) => () => void
  readonly onError: (error: unknown) => void
}): AccessLogWriter {
  let waiting = Buffer.allocUnsafeSlow(BATCH_BYTES * 2)
  let length = 0
  let writing = false
  let dropped = 0
  let cancelTimer: (() => void) | undefined

  function flush(): void {
    cancelTimer?.()
    cancelTimer = undefined
    if (writing || length === 0) return
    const text = waiting.toString('utf8', 0, length)
    length = 0
    if (waiting.length > BATCH_BYTES * 2) waiting = Buffer.allocUnsafeSlow(BATCH_BYTES * 2)
    writing = true
    void hand(text)
  }

  async function hand(text: string): Promise<void> {
    try {
      await options.sink(text)
    } catch (error) {
      options.onError(error)
    }
    writing = false
    if (length > 0) schedule()
  }

  /** @returns false when as much waits as may */
  function grow(needed: number): boolean {
    if (needed > WAITING_BYTES_MAX) return false
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(waiting.length * 2, WAITING_BYTES_MAX)))
    waiting.copy(larger, 0, 0, length)
    waiting = larger
    return true
  }

  function schedule(): void {
    if (length >= BATCH_BYTES) flush()
    else cancelTimer ??= options.after(BATCH_MS, flush)
  }

  return {
    write(line) {
      const needed = length + line.length * UNIT_BYTES_MAX
      if (needed > waiting.length && !grow(needed)) {
        dropped++
        return
      }
      length += waiting.write(line, length)
      if (!writing) schedule()
    },
    flush,
    dropped: () => dropped,
  }
}
