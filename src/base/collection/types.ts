/** What happened to one key in a wave: `before` absent, it appeared; `after` absent, it went. */
export interface Change<T> {
  readonly key: string
  readonly before?: T
  readonly after?: T
}

/** A keyed set of immutable objects that changes in waves. */
export interface Collection<T> {
  readonly name: string
  readonly get: (key: string) => T | undefined
  /** In the order of the keys (by code unit), so that it does not depend on history. The same array until the next change. */
  readonly list: () => readonly T[]
  readonly size: () => number
  /**
   * Calls the listener once per wave that changed the collection, after the whole graph is consistent, with one change
   * per key. What is there already is not replayed: `list()` has it. @returns the function that ends the subscription
   */
  readonly subscribe: (listener: (changes: readonly Change<T>[]) => void) => () => void
}

/** A collection that is filled from outside. */
export interface Source<T> extends Collection<T> {
  readonly set: (key: string, value: T) => void
  readonly delete: (key: string) => void
}

/** The objects of a collection by something else than their key. */
export interface Index<T> {
  /** In the order of the collection's keys; empty when nothing has this index key. */
  readonly lookup: (indexKey: string) => readonly T[]
}

/** How a transform looks beyond its input object. What it reads is recorded, absent keys too, so that exactly the dependents recompute. */
export interface Read {
  readonly get: <T>(collection: Collection<T>, key: string) => T | undefined
  /** Depends on every object of the collection: prefer `get` and `lookup`. */
  readonly list: <T>(collection: Collection<T>) => readonly T[]
  readonly lookup: <T>(index: Index<T>, indexKey: string) => readonly T[]
  /** How many objects `lookup` would give, without the cost of each. */
  readonly count: <T>(index: Index<T>, indexKey: string) => number
}

export type Equal<T> = (a: T, b: T) => boolean

export interface DeriveOptions<In, Out extends { readonly key: string }> {
  readonly name: string
  readonly input: Collection<In>
  /**
   * Must be a pure function of the object and of what it reads through `read`. Output keys are unique in the whole
   * collection: the same key from two inputs is a programmer error.
   */
  readonly transform: (object: In, read: Read, key: string) => readonly Out[]
  /** When an output counts as unchanged and stops the wave; equal content by default. */
  readonly equal?: Equal<Out>
}

export interface CollectionDescription {
  readonly name: string
  readonly size: number
  /** Names of what it is made from: its input first, then what its transform has read so far. */
  readonly inputs: readonly string[]
  /** How many times its transform ran. */
  readonly recomputed: number
}

export interface Graph {
  readonly source: <T>(name: string, equal?: Equal<T>) => Source<T>
  readonly derive: <In, Out extends { readonly key: string }>(
    options: DeriveOptions<In, Out>,
  ) => Collection<Out>
  readonly index: <T>(
    collection: Collection<T>,
    name: string,
    keysOf: (object: T) => readonly string[],
  ) => Index<T>
  /** The union; a key in two inputs at once is a programmer error. */
  readonly merge: <T>(name: string, inputs: readonly Collection<T>[]) => Collection<T>
  /**
   * Takes all sets and deletes inside as one wave; outside of it each is a wave of its own. They become visible, to
   * everyone at once, when it returns. When `change` throws, none of them is applied.
   */
  readonly transact: (change: () => void) => void
  readonly describe: () => readonly CollectionDescription[]
}
