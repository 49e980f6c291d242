import type { ProxyThread } from '../../src/proxy/exchange/types.ts'
import type { HeadBlock } from '../../src/proxy/http1/head-block.ts'
import type { WheelTimer } from '../../src/proxy/net/timer-wheel.ts'
import type { Ledger } from './ledger.ts'

/** What all connections of the proxy's thread share, counted. */
export interface WatchedThread {
  /** Head blocks that were taken and not given back. */
  readonly blocks: () => number
  /** Timers that are set. */
  readonly timers: () => number
}

/** Looks at what goes through a thread's pools and its wheel; nothing of how they work changes. */
export function watchThread(thread: ProxyThread, ledger: Ledger): WatchedThread {
  const taken = new Set<HeadBlock>()
  const timers = new Set<WheelTimer>()
  const { blocks, wheel } = thread
  const { acquire, release } = blocks
  Object.assign(blocks, {
    acquire() {
      const block = acquire()
      if (taken.has(block)) ledger.fail('a head block is used by two')
      taken.add(block)
      return block
    },
    release(block: HeadBlock) {
      if (!taken.delete(block)) ledger.fail('a head block is given back twice')
      release(block)
    },
  })
  const { set } = wheel
  Object.assign(wheel, {
    set(timer: WheelTimer, ms: number) {
      timers.add(timer)
      set(timer, ms)
    },
  })
  return {
    blocks: () => taken.size,
    timers() {
      for (const timer of timers) if (!wheel.isSet(timer)) timers.delete(timer)
      return timers.size
    },
  }
}
