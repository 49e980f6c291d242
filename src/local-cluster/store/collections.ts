import type { StoredObject, StoreKey } from './types.ts'

interface Collection {
  readonly byName: Map<string, StoredObject>
  /** in key order; undefined until the first list, which sorts all that was loaded at once */
  sorted: StoredObject[] | undefined
}

/** The current objects in memory, by collection. */
export interface Collections {
  readonly get: (key: StoreKey) => StoredObject | undefined
  readonly set: (stored: StoredObject) => void
  readonly remove: (key: StoreKey) => void
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
      collection = { byName: new Map(), sorted: undefined }
      collections.set(name, collection)
    }
    return collection
  }
  return {
    get: (key) => collections.get(key.collection)?.byName.get(nameIn(key)),
    set: (stored) => put(inCollection(stored.key.collection), stored),
    remove(key) {
      const collection = collections.get(key.collection)
      if (!collection?.byName.delete(nameIn(key))) return
      collection.sorted?.splice(placeOf(collection.sorted, key), 1)
    },
    list: (name, namespace) => inOrder(collections.get(name), namespace),
    listBefore(name, namespace, before) {
      const changed = new Set(before.map(({ key }) => nameIn(key)))
      const unchanged = inOrder(collections.get(name), namespace).filter(
        ({ key }) => !changed.has(nameIn(key)),
      )
      const then = before.flatMap(({ stored }) => (stored ? [stored] : []))
      return [...unchanged, ...then].sort((a, b) => compareKeys(a.key, b.key))
    },
    count: (name) => collections.get(name)?.byName.size ?? 0,
  }
}

/** Moving the pointers behind one place costs microseconds where sorting all costs milliseconds. */
function put({ byName, sorted }: Collection, stored: StoredObject): void {
  const isNew = !byName.has(nameIn(stored.key))
  byName.set(nameIn(stored.key), stored)
  sorted?.splice(placeOf(sorted, stored.key), isNew ? 0 : 1, stored)
}

/** @returns a copy, which later changes leave alone */
function inOrder(collection: Collection | undefined, namespace: string | undefined): readonly StoredObject[] {
  if (!collection) return []
  collection.sorted ??= [...collection.byName.values()].sort((a, b) => compareKeys(a.key, b.key))
  const { sorted } = collection
  if (namespace === undefined) return sorted.slice()
  const start = placeOf(sorted, { namespace, name: '' })
  return sorted.slice(start, placeOf(sorted, { namespace, name: AFTER_NAMES }))
}

/** The index of the first object that is not before a key. */
function placeOf(sorted: readonly StoredObject[], key: Place): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys((sorted[middle] as StoredObject).key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

type Place = Pick<StoreKey, 'namespace' | 'name'>

/** Names are ASCII. */
const AFTER_NAMES = '\u{ffff}'

function nameIn(key: Place): string {
  return key.namespace === '' ? key.name : `${key.namespace}/${key.name}`
}

function compareKeys(a: Place, b: Place): number {
  return compareText(a.namespace, b.namespace) || compareText(a.name, b.name)
}

/** Order of UTF-16 units, which for Kubernetes names (ASCII) is the order of bytes. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
