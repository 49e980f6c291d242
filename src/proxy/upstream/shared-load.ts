import { hash } from 'node:crypto'

/** What is counted; a place in the cells of a thread. */
export const LOAD = { connections: 0, pending: 1, requests: 2, retries: 3 } as const
export type LoadKind = (typeof LOAD)[keyof typeof LOAD]

/** What the threads of a process have under way for one cluster, of which each writes its own part. */
export interface SharedLoad {
  readonly add: (kind: LoadKind, by: number) => void
  /** What the other threads have. */
  readonly elsewhere: (kind: LoadKind) => number
  /** This thread has no part in it any more. */
  readonly release: () => void
}

/** @returns undefined when there is no room for another cluster: each thread then has its limits for itself */
export type SharedLoads = (cluster: string) => SharedLoad | undefined

/** Clusters with limits, of all proxies of the process. Memory that is not used costs none. */
const SLOTS = 4096
const PROBES = 512
/** A cache line for each thread, so that none waits for another's writes. */
const STRIDE = 16
const USES = 4
const LOCK = 0
const LOCK_WAIT_MS = 10

export function createLoadMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(STRIDE * (1 + SLOTS * (1 + workers)) * Int32Array.BYTES_PER_ELEMENT)
}

/**
 * Nobody waits for anybody while requests are served: threads that count in the same moment may exceed a limit by one
 * each, as Envoy's may. Only who begins or ends with a cluster takes a lock.
 */
export function createSharedLoads(
  memory: SharedArrayBuffer,
  board: { readonly worker: number; readonly workers: number },
): SharedLoads {
  const { worker, workers } = board
  const cells = new Int32Array(memory)
  const slotAt = (index: number) => STRIDE * (1 + index * (1 + workers))
  const partOf = (slot: number, of: number) => slot + STRIDE * (1 + of)

  function isUsed(slot: number): boolean {
    for (let i = 0; i < workers; i++) if (Atomics.load(cells, partOf(slot, i) + USES) > 0) return true
    return false
  }

  /** The slot of the cluster, or else a free one. */
  function find(id: readonly [number, number]): number | undefined {
    const start = (id[0] >>> 0) % SLOTS
    let free: number | undefined
    for (let i = 0; i < PROBES; i++) {
      const slot = slotAt((start + i) % SLOTS)
      if (!isUsed(slot)) free ??= slot
      else if (cells[slot] === id[0] && cells[slot + 1] === id[1]) return slot
    }
    return free
  }

  function claim(cluster: string): number | undefined {
    const digest = hash('sha256', cluster, 'buffer')
    const id = [digest.readInt32LE(0), digest.readInt32LE(4)] as const
    const slot = find(id)
    if (slot === undefined) return undefined
    cells[slot] = id[0]
    cells[slot + 1] = id[1]
    Atomics.add(cells, partOf(slot, worker) + USES, 1)
    return slot
  }

  return (cluster) => {
    const slot = locked(cells, worker, () => claim(cluster))
    if (slot === undefined) return undefined
    const own = partOf(slot, worker)
    const counted = [0, 0, 0, 0]
    return {
      add(kind, by) {
        ;(counted[kind] as number) += by
        Atomics.add(cells, own + kind, by)
      },
      elsewhere(kind) {
        let sum = 0
        for (let i = 0; i < workers; i++) {
          if (i !== worker) sum += Atomics.load(cells, partOf(slot, i) + kind)
        }
        return sum
      },
      release() {
        locked(cells, worker, () => {
          for (const [kind, count] of counted.entries()) Atomics.sub(cells, own + kind, count)
          Atomics.sub(cells, own + USES, 1)
        })
      },
    }
  }
}

/** A thread has died, with all that it had under way. */
export function forgetWorkerLoads(memory: SharedArrayBuffer, worker: number, workers: number): void {
  const cells = new Int32Array(memory)
  for (let i = 0; i < SLOTS; i++) {
    const own = STRIDE * (1 + i * (1 + workers) + 1 + worker)
    for (let cell = own; cell <= own + USES; cell++) {
      if (Atomics.load(cells, cell) !== 0) Atomics.store(cells, cell, 0)
    }
  }
  if (Atomics.compareExchange(cells, LOCK, worker + 1, 0) === worker + 1) Atomics.notify(cells, LOCK)
}

function locked<T>(cells: Int32Array<SharedArrayBuffer>, worker: number, work: () => T): T {
  for (;;) {
    const holder = Atomics.compareExchange(cells, LOCK, 0, worker + 1)
    if (holder === 0) break
    Atomics.wait(cells, LOCK, holder, LOCK_WAIT_MS)
  }
  try {
    return work()
  } finally {
    Atomics.store(cells, LOCK, 0)
    Atomics.notify(cells, LOCK)
  }
}
