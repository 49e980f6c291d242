import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'
import { messageOf } from './result.ts'
import type { Random } from './random.ts'

export interface WorkQueueOptions {
  readonly name: string
  /**
   * Makes the world agree with what is wanted for this key, however often it is called (level-based).
   * Throwing means "try again later"; a number of milliseconds means "look again then".
   */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<number | undefined>
  /** Keys worked on at the same time; one key never twice at once. */
  readonly concurrency: number
  readonly retryBaseMs: number
  readonly retryMaxMs: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface WorkQueue {
  /** Asks for a look at the key. Asking again before it happens changes nothing, so the queue holds each key once. */
  readonly add: (key: string) => void
  /** Takes no more work and waits for what is under way. */
  readonly stop: () => Promise<void>
  /** Resolves once nothing is waiting or under way (retries that wait for their time do not count). */
  readonly idle: () => Promise<void>
}

interface KeyState {
  phase: 'waiting' | 'running' | 'running-dirty'
}

/** The work queue of a controller: keys instead of events, each at most once, failures tried again with back-off. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { clock, logger } = options
  const keys = new Map<string, KeyState>()
  const failures = new Map<string, number>()
  const timers = new Map<string, () => void>()
  const ready: string[] = []
  const abort = new AbortController()
  let running = 0
  let idleWaiters: (() => void)[] = []

  const add = (key: string) => {
    if (abort.signal.aborted) return
    timers.get(key)?.()
    timers.delete(key)
    const state = keys.get(key)
    if (!state) {
      keys.set(key, { phase: 'waiting' })
      ready.push(key)
      pump()
    } else if (state.phase === 'running') state.phase = 'running-dirty'
  }

  const later = (key: string, ms: number) => {
    timers.get(key)?.()
    timers.set(
      key,
      clock.after(ms, () => {
        timers.delete(key)
        add(key)
      }),
    )
  }

  const work = async (key: string, state: KeyState) => {
    try {
      const againMs = await options.reconcile(key, abort.signal)
      failures.delete(key)
      if (againMs !== undefined) later(key, againMs)
    } catch (error) {
      if (abort.signal.aborted) return
      const count = (failures.get(key) ?? 0) + 1
      failures.set(key, count)
      const ceiling = Math.min(options.retryMaxMs, options.retryBaseMs * 2 ** Math.min(count - 1, 30))
      const waitMs = ceiling / 2 + (ceiling / 2) * options.random.next()
      const level = count > 3 ? 'warn' : 'debug' // the first conflicts are everyday business
      logger[level]('will try again', { queue: options.name, key, tries: count, error: messageOf(error) })
      later(key, waitMs)
    } finally {
      running -= 1
      keys.delete(key)
      if (state.phase === 'running-dirty') add(key)
      pump()
    }
  }

  function pump(): void {
    while (running < options.concurrency && ready.length > 0 && !abort.signal.aborted) {
      const key = ready.shift() as string
      const state: KeyState = { phase: 'running' }
      keys.set(key, state)
      running += 1
      void work(key, state)
    }
    if (running === 0 && (ready.length === 0 || abort.signal.aborted)) {
      const waiters = idleWaiters
      idleWaiters = []
      for (const waiter of waiters) waiter()
    }
  }

  const idle = () =>
    running === 0 && ready.length === 0
      ? Promise.resolve()
      : new Promise<void>((resolve) => {
          idleWaiters.push(resolve)
        })

  return {
    add,
    idle,
    async stop() {
      abort.abort(new Error(`${options.name} stops`))
      for (const cancel of timers.values()) cancel()
      timers.clear()
      ready.length = 0
      await idle()
    },
  }
}
