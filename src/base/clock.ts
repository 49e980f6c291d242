/** Time as a parameter, so that tests and simulations decide when it passes. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** Monotonic milliseconds; only differences mean something. */
  readonly monotonic: () => number
  /** Calls back once after `ms`; the returned function cancels. Does not keep the process alive. */
  readonly after: (ms: number, callback: () => void) => () => void
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(asError(signal.reason))
        return
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      const onAbort = () => {
        clearTimeout(timer)
        reject(asError(signal?.reason))
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}

export interface ManualClock extends Clock {
  /** Moves time forward, running what falls due in order. */
  readonly advance: (ms: number) => void
}

/** A clock that stands still until it is advanced. */
export function createManualClock(startMs = 0): ManualClock {
  let nowMs = startMs
  let timers: { readonly at: number; readonly callback: () => void }[] = []
  const after = (ms: number, callback: () => void) => {
    const timer = { at: nowMs + ms, callback }
    timers.push(timer)
    return () => {
      timers = timers.filter((other) => other !== timer)
    }
  }
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const cancel = after(ms, resolve)
        signal?.addEventListener('abort', () => {
          cancel()
          reject(asError(signal.reason))
        })
      }),
    advance(ms) {
      const end = nowMs + ms
      for (;;) {
        const due = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
        if (!due) break
        timers = timers.filter((timer) => timer !== due)
        nowMs = due.at
        due.callback()
      }
      nowMs = end
    },
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(`aborted: ${String(reason)}`)
}
