/** Keys and values of one database. A key is its bytes as latin1 text, since a Map compares texts by content. */
export interface Database {
  get(key: string): Buffer | undefined
  /** False when there is no room left. */
  set(key: string, value: Buffer): boolean
  delete(key: string): boolean
  clear(): void
  size(): number
  keys(): Iterable<string>
  /**
   * The keys after a cursor, and the cursor to go on from; 0 begins and ends.
   * A key that is there from the first call to the last is named, whatever else comes and goes.
   */
  scan(cursor: number, count: number): { readonly next: number; readonly keys: readonly string[] }
}

/** Bytes in all databases together. Shared, so that the limit holds for the server and not for each database. */
export interface Room {
  readonly max: number
  used: number
}

interface Entry {
  readonly value: Buffer
  /** Grows with each key that is added, and a Map keeps that order: what makes a cursor out of a number. */
  readonly sequence: number
}

/** What an entry costs besides its bytes, roughly; empty values must not be free. */
const ENTRY_BYTES = 64

export function createDatabase(room: Room): Database {
  const entries = new Map<string, Entry>()
  let sequence = 0
  const costOf = (key: string, value: Buffer): number => key.length + value.length + ENTRY_BYTES
  const remove = (key: string): boolean => {
    const entry = entries.get(key)
    if (entry === undefined) return false
    room.used -= costOf(key, entry.value)
    return entries.delete(key)
  }
  return {
    get: (key) => entries.get(key)?.value,
    set(key, value) {
      const old = entries.get(key)
      const grows = costOf(key, value) - (old === undefined ? 0 : costOf(key, old.value))
      if (room.used + grows > room.max) return false
      room.used += grows
      if (old === undefined) sequence += 1
      entries.set(key, { value, sequence: old?.sequence ?? sequence })
      return true
    },
    delete: remove,
    clear() {
      for (const key of entries.keys()) remove(key)
    },
    size: () => entries.size,
    keys: () => entries.keys(),
    scan(cursor, count) {
      const keys: string[] = []
      let last = cursor
      for (const [key, entry] of entries) {
        if (entry.sequence <= cursor) continue
        if (keys.length === count) return { next: last, keys }
        keys.push(key)
        last = entry.sequence
      }
      return { next: 0, keys }
    },
  }
}
