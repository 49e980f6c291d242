/** One read. */
export const SLAB_BYTES = 64 * 1024
/** Slabs of a thread that wait for the next large body. */
const FREE_SLABS_MAX = 32

/** Memory for large bodies, used again: as fresh memory each of them the collector took a quarter of a request's time. */
export interface Slabs {
  readonly take: () => Buffer
  readonly give: (slab: Buffer) => void
}

export function createSlabs(): Slabs {
  const free: Buffer[] = []
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES),
    give(slab) {
      if (free.length < FREE_SLABS_MAX) free.push(slab)
    },
  }
}
