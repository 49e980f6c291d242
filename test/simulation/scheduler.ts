import type { Clock } from '../../src/base/index.ts'

/** Virtual time: what is to happen lies in a heap, and nothing happens by itself. */
export interface Scheduler extends Clock {
  /** Runs `callback` in `ms` of virtual time; things of the same time run in the order they were asked for. */
  readonly at: (ms: number, callback: () => void) => Entry
  readonly cancel: (entry: Entry) => void
  /** Timers of the clock that have not fired. */
  readonly timers: () => number
  /** Runs the next thing and all that Node does because of it. @returns false when nothing is left before `untilMs` */
  readonly step: (untilMs: number) => Promise<boolean>
  /** Runs everything up to a time. */
  readonly runUntil: (untilMs: number) => Promise<void>
}

export interface Entry {
  readonly time: number
  readonly order: number
  callback: (() => void) | undefined
}

/** @param onStep called after each thing, when Node has come to rest */
export function createScheduler(onStep: () => void = () => {}): Scheduler {
  const heap: Entry[] = []
  // Any moment will do; a whole second makes the dates in responses readable.
  const epoch = 1_700_000_000_000
  let now = 1000
  let made = 0
  let timers = 0

  const before = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)

  function push(entry: Entry): void {
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!before(entry, heap[parent] as Entry)) break
      heap[index] = heap[parent] as Entry
      index = parent
    }
    heap[index] = entry
  }

  function pop(): Entry | undefined {
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let index = 0
    for (;;) {
      let child = index * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child++
      if (!before(heap[child] as Entry, last)) break
      heap[index] = heap[child] as Entry
      index = child
    }
    heap[index] = last
    return top
  }

  function at(ms: number, callback: () => void): Entry {
    const entry = { time: now + Math.max(0, ms), order: made++, callback }
    push(entry)
    return entry
  }

  function after(ms: number, callback: () => void): () => void {
    timers++
    let isOver = false
    const end = (): void => {
      if (!isOver) timers--
      isOver = true
    }
    const entry = at(ms, () => {
      end()
      callback()
    })
    return () => {
      end()
      entry.callback = undefined
    }
  }

  async function step(untilMs: number): Promise<boolean> {
    for (let rested = false; ;) {
      const next = heap[0]
      if (next === undefined || next.time > untilMs) {
        // What was called outside of a step may not have come to the network yet.
        if (rested) return false
        await rest()
        rested = true
        continue
      }
      pop()
      const { callback } = next
      if (callback === undefined) continue
      now = next.time
      callback()
      await rest()
      onStep()
      return true
    }
  }

  return {
    now: () => epoch + Math.floor(now),
    monotonic: () => now,
    after,
    sleep: (ms) =>
      new Promise((resolve) => {
        after(ms, resolve)
      }),
    at,
    cancel: (entry) => {
      entry.callback = undefined
    },
    timers: () => timers,
    step,
    async runUntil(untilMs) {
      while (await step(untilMs));
      now = Math.max(now, untilMs)
    },
  }
}

/** Ticks, microtasks and the immediates that are waiting have run. */
function rest(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
