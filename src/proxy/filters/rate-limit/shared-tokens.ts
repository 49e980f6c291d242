import { hash } from 'node:crypto'
import type { TokenBucket } from '../../../model/index.ts'
import type { TokenBucketState } from '../../../policy/index.ts'

/** The buckets of all threads of a process: who asks for the same key has the same tokens. */
export type SharedTokens = (key: string, bucket: TokenBucket) => TokenBucketState

/** More buckets than these share places with each other, the longest unused first. */
const SLOTS = 1024
const PROBES = 16
/** Of a token, while other threads take theirs. */
const TRIES_MAX = 1000
const NS_PER_MS = 1_000_000

/** Each slot has the hash of its key, and when its bucket would have been empty; 0: it has never been touched. */
export function createTokenMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOTS * 2 * BigInt64Array.BYTES_PER_ELEMENT)
}

/**
 * Nobody waits for anybody: a token is taken by one exchange of one number, in which a thread that came too late tries
 * again. Threads have clocks of their own, so that the machine's is used.
 * @param now nanoseconds, the same for all threads
 */
export function createSharedTokens(
  memory: SharedArrayBuffer,
  now: () => bigint = () => process.hrtime.bigint(),
): SharedTokens {
  const cells = new BigInt64Array(memory)
  return (key, bucket) => {
    const id = idOf(key)
    const tokenNs = BigInt(Math.ceil((bucket.fillIntervalMs * NS_PER_MS) / bucket.tokensPerFill))
    const fullNs = tokenNs * BigInt(bucket.maxTokens)
    let slot = 0

    function place(): number {
      if (Atomics.load(cells, slot * 2) !== id) slot = claim(cells, id)
      return slot * 2 + 1
    }

    function filled(emptyAt: bigint, at: bigint): bigint {
      const passed = at - emptyAt
      return emptyAt === 0n || passed > fullNs ? fullNs : passed
    }

    const filledNow = (): bigint => filled(Atomics.load(cells, place()), now())

    return {
      take() {
        const cell = place()
        for (let i = 0; i < TRIES_MAX; i++) {
          const emptyAt = Atomics.load(cells, cell)
          const at = now()
          const has = filled(emptyAt, at)
          if (has < tokenNs) return false
          if (Atomics.compareExchange(cells, cell, emptyAt, at - has + tokenNs) === emptyAt) return true
        }
        return false
      },
      remaining: () => Math.max(0, Number(filledNow() / tokenNs)),
      waitMs: () => Math.max(0, Number(tokenNs - filledNow()) / NS_PER_MS),
    }
  }
}

function idOf(key: string): bigint {
  const id = hash('sha256', key, 'buffer').readBigInt64LE(0)
  return id === 0n ? 1n : id
}

/** The slot of a key: its own, a free one, or the one that nobody has used for the longest. */
function claim(cells: BigInt64Array<SharedArrayBuffer>, id: bigint): number {
  const start = Number(BigInt.asUintN(64, id) % BigInt(SLOTS))
  let oldest = start
  for (let i = 0; i < PROBES; i++) {
    const slot = (start + i) % SLOTS
    const before = Atomics.compareExchange(cells, slot * 2, 0n, id)
    if (before === 0n || before === id) return slot
    if (Atomics.load(cells, slot * 2 + 1) < Atomics.load(cells, oldest * 2 + 1)) oldest = slot
  }
  Atomics.store(cells, oldest * 2 + 1, 0n)
  Atomics.store(cells, oldest * 2, id)
  return oldest
}
