import type { Contents } from './contents.ts'
import { byCodeUnit, createContents } from './contents.ts'
import { type Reader, type ReaderTable, createReaderTable } from './readers.ts'
import type { Change } from './types.ts'

/** The graph's inner view of a collection. Nodes update in the order of creation, which is a topological one. */
export interface Node {
  readonly id: number
  readonly name: string
  readonly contents: Contents<unknown>
  readonly keyReaders: ReaderTable
  readonly listReaders: ReaderTable
  readonly indexes: IndexNode[]
  /** Nodes that have this one as input. */
  readonly downstream: Node[]
  readonly listeners: Set<(changes: readonly Change<unknown>[]) => void>
  readonly isDirty: () => boolean
  readonly markDirty: (key: string) => void
  /** Recomputes the dirty keys, applies them to the contents, and says what changed. */
  readonly update: () => readonly Change<unknown>[]
  readonly inputNames: () => readonly string[]
  readonly recomputed: () => number
}

export interface IndexNode {
  readonly name: string
  readonly owner: Node
  readonly readers: ReaderTable
  readonly lookup: (indexKey: string) => readonly unknown[]
  readonly count: (indexKey: string) => number
  readonly apply: (changes: readonly Change<unknown>[]) => void
}

type NodeBehaviour = Pick<Node, 'isDirty' | 'markDirty' | 'update' | 'inputNames' | 'recomputed'>

/** The state that all nodes have, with the behaviour that tells them apart. */
export function createNode(
  id: number,
  name: string,
  behaviour: (contents: Contents<unknown>) => NodeBehaviour,
): Node {
  const contents = createContents<unknown>()
  return {
    id,
    name,
    contents,
    keyReaders: createReaderTable(),
    listReaders: createReaderTable(),
    indexes: [],
    downstream: [],
    listeners: new Set(),
    ...behaviour(contents),
  }
}

/** The key under which a read of a whole collection is registered. */
export const WHOLE = ''

/** Brings a node's changes to its indexes and marks whatever is made from it. */
export function propagate(node: Node, changes: readonly Change<unknown>[]): void {
  for (const index of node.indexes) index.apply(changes)
  for (const { key } of changes) {
    node.keyReaders.markDirty(key)
    for (const next of node.downstream) next.markDirty(key)
  }
  node.listReaders.markDirty(WHOLE)
}

/** Registers a reader with one key of a node, or with all of it. */
export function registerRead(node: Node, key: string | undefined, reader: Reader): void {
  if (key === undefined) node.listReaders.add(WHOLE, reader)
  else node.keyReaders.add(key, reader)
}

export function createIndexNode(
  name: string,
  owner: Node,
  keysOf: (object: unknown) => readonly string[],
): IndexNode {
  const buckets = new Map<string, Contents<unknown>>()
  const readers = createReaderTable()

  function remove(indexKey: string, key: string): void {
    const bucket = buckets.get(indexKey)
    bucket?.delete(key)
    if (bucket?.size() === 0) buckets.delete(indexKey)
  }
  function add(indexKey: string, key: string, object: unknown): void {
    let bucket = buckets.get(indexKey)
    if (bucket === undefined) buckets.set(indexKey, (bucket = createContents()))
    bucket.set(key, object)
  }
  return {
    name,
    owner,
    readers,
    lookup: (indexKey) => buckets.get(indexKey)?.list() ?? [],
    count: (indexKey) => buckets.get(indexKey)?.size() ?? 0,
    apply(changes) {
      for (const { key, before, after } of changes) {
        const old = before === undefined ? [] : keysOf(before)
        const now = after === undefined ? [] : keysOf(after)
        for (const indexKey of old) remove(indexKey, key)
        for (const indexKey of now) add(indexKey, key, after)
        for (const indexKey of new Set([...old, ...now])) readers.markDirty(indexKey)
      }
    },
  }
}

/** A change without members that are `undefined`. */
export function changeOf<T>(key: string, before: T | undefined, after: T | undefined): Change<T> {
  if (before === undefined) return after === undefined ? { key } : { key, after }
  return after === undefined ? { key, before } : { key, before, after }
}

/** Applies computed values (`undefined`: the key goes) to the contents; values that are equal to what is there stop here. */
export function applyValues<T>(
  contents: Contents<unknown>,
  values: ReadonlyMap<string, T | undefined>,
  equal: (a: T, b: T) => boolean,
): readonly Change<T>[] {
  const changes: Change<T>[] = []
  for (const [key, after] of values) {
    const before = contents.get(key) as T | undefined
    if (before === undefined && after === undefined) continue
    if (before !== undefined && after !== undefined && equal(before, after)) continue
    if (after === undefined) contents.delete(key)
    else contents.set(key, after)
    changes.push(changeOf(key, before, after))
  }
  return changes.length > 1 ? changes.sort((a, b) => byCodeUnit(a.key, b.key)) : changes
}
