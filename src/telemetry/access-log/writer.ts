/** Where lines go, many at a time. */
export interface AccessLogWriter {
  readonly write: (line: string) => void
  readonly flush: () => void
  /** Lines that were thrown away because the sink was too slow. */
  readonly dropped: () => number
}

const BATCH_MS = 100
const BATCH_CHARS = 64 * 1024
/** What waits for a slow sink at most; a log must not be what fills the memory. */
const WAITING_CHARS_MAX = 4 * 1024 * 1024

/**
 * Collects lines and hands them over every 100 ms, or sooner when there are many.
 * @param sink resolves when it can take more
 */
export function createAccessLogWriter(options: {
  readonly sink: (text: string) => Promise<void>
  readonly after: (ms: number, callback: () => void) => () => void
  readonly onError: (error: unknown) => void
}): AccessLogWriter {
  let waiting = ''
  let writing = false
  let dropped = 0
  let cancelTimer: (() => void) | undefined

  function flush(): void {
    cancelTimer?.()
    cancelTimer = undefined
    if (writing || waiting === '') return
    const text = waiting
    waiting = ''
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
    if (waiting !== '') schedule()
  }

  function schedule(): void {
    if (waiting.length >= BATCH_CHARS) flush()
    else cancelTimer ??= options.after(BATCH_MS, flush)
  }

  return {
    write(line) {
      if (waiting.length + line.length > WAITING_CHARS_MAX) {
        dropped++
        return
      }
      waiting += line
      if (!writing) schedule()
    },
    flush,
    dropped: () => dropped,
  }
}
