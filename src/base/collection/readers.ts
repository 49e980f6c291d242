/** One run of a transform, as what it read sees it: whom to tell, and where it is registered. */
export interface Reader {
  readonly markDirty: () => void
  readonly links: { readonly table: ReaderTable; readonly key: string }[]
}

/** Who read which key. */
export interface ReaderTable {
  readonly add: (key: string, reader: Reader) => void
  readonly remove: (key: string, reader: Reader) => void
  readonly markDirty: (key: string) => void
}

export function createReaderTable(): ReaderTable {
  const readers = new Map<string, Set<Reader>>()
  const table: ReaderTable = {
    add(key, reader) {
      let set = readers.get(key)
      if (set === undefined) readers.set(key, (set = new Set()))
      if (set.has(reader)) return
      set.add(reader)
      reader.links.push({ table, key })
    },
    remove(key, reader) {
      const set = readers.get(key)
      if (set === undefined) return
      set.delete(reader)
      if (set.size === 0) readers.delete(key)
    },
    markDirty(key) {
      const set = readers.get(key)
      if (set === undefined) return
      for (const reader of set) reader.markDirty()
    },
  }
  return table
}

/** Forgets everything that a run of a transform read. */
export function unlink(reader: Reader): void {
  for (const { table, key } of reader.links) table.remove(key, reader)
  reader.links.length = 0
}
