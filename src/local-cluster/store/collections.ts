import type { StoredObject, StoreKey } from './types.ts'

interface Cell {
  readonly namespace: string
  readonly name: string
  stored: StoredObject
}

interface Collection {
  readonly cells: Map<string, Cell>
  /** in key order; undefined after an addition or removal, sorted again by the next list */
  sorted: readonly Cell[] | undefined
}

/** The current objects in memory, by collection. */
export interface Collections {
  readonly get: (key: StoreKey) => StoredObject | undefined
  readonly set: (key: StoreKey, stored: StoredObject | undefined) => void
  readonly list: (collection: string, namespace: string | undefined) => readonly StoredObject[]
  /** The same list as it was before some keys changed. @param before what each of them held then, if anything */
  readonly listBefore: (
    collection: string,
    namespace: string | undefined,
    before: readonly { readonly key: StoreKey; readonly stored: StoredObject | undefined }[],
  ) => readonly StoredObject[]
  readonly count: (collection: string) => number
}

export function createCollections(): Collections {
  const collections = new Map<string, Collection>()
  const inCollection = (name: string): Collection => {
    let collection = collections.get(name)
    if (!collection) {
      collection = { cells: new Map(), sorted: undefined }
      collections.set(name, collection)
    }
    return collection
  }
  return {
    get: (key) => collections.get(key.collection)?.cells.get(cellKey(key))?.stored,
    set(key, stored) {
      const collection = inCollection(key.collection)
      const cell = collection.cells.get(cellKey(key))
      if (stored && cell) {
        cell.stored = stored
        return
      }
      collection.sorted = undefined
      if (!stored) collection.cells.delete(cellKey(key))
      else collection.cells.set(cellKey(key), { namespace: key.namespace, name: key.name, stored })
    },
    list: (name, namespace) => inOrder(collections.get(name), namespace).map((cell) => cell.stored),
    listBefore(name, namespace, before) {
      const changed = new Set(before.map(({ key }) => cellKey(key)))
      const cells = inOrder(collections.get(name), namespace).filter((cell) => !changed.has(cellKey(cell)))
      for (const { key, stored } of before) {
        if (stored) cells.push({ namespace: key.namespace, name: key.name, stored })
      }
      return cells.sort(byKey).map((cell) => cell.stored)
    },
    count: (name) => collections.get(name)?.cells.size ?? 0,
  }
}

function inOrder(collection: Collection | undefined, namespace: string | undefined): readonly Cell[] {
  if (!collection) return []
  collection.sorted ??= [...collection.cells.values()].sort(byKey)
  return namespace === undefined ? collection.sorted : sliceOfNamespace(collection.sorted, namespace)
}

function cellKey(key: Pick<StoreKey, 'namespace' | 'name'>): string {
  return key.namespace === '' ? key.name : `${key.namespace}/${key.name}`
}

/** Order of UTF-16 units, which for Kubernetes names (ASCII) is the order of bytes. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function byKey(a: Cell, b: Cell): number {
  return compareText(a.namespace, b.namespace) || compareText(a.name, b.name)
}

function sliceOfNamespace(sorted: readonly Cell[], namespace: string): readonly Cell[] {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareText(sorted[middle]?.namespace ?? '', namespace) < 0) low = middle + 1
    else high = middle
  }
  let end = low
  while (end < sorted.length && sorted[end]?.namespace === namespace) end += 1
  return sorted.slice(low, end)
}
