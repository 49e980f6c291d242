/** A map whose values are listed in the order of their keys; the list is made when asked for and kept until a change. */
export interface Contents<T> {
  readonly get: (key: string) => T | undefined
  readonly has: (key: string) => boolean
  readonly set: (key: string, value: T) => void
  readonly delete: (key: string) => void
  readonly size: () => number
  readonly keys: () => Iterable<string>
  readonly list: () => readonly T[]
}

/** Costs: get, set, delete constant; the first list after a change is linear, however many keys came or went since. */
export function createContents<T>(): Contents<T> {
  const values = new Map<string, T>()
  let sorted: readonly string[] = []
  let keysChanged = new Set<string>()
  let listed: readonly T[] | undefined = []

  function sortedKeys(): readonly string[] {
    if (keysChanged.size === 0) return sorted
    const added = [...keysChanged].filter((key) => values.has(key)).sort(byCodeUnit)
    sorted = mergeSorted(
      sorted.filter((key) => !keysChanged.has(key)),
      added,
    )
    keysChanged = new Set()
    return sorted
  }

  return {
    get: (key) => values.get(key),
    has: (key) => values.has(key),
    set(key, value) {
      if (!values.has(key)) keysChanged.add(key)
      values.set(key, value)
      listed = undefined
    },
    delete(key) {
      if (!values.delete(key)) return
      keysChanged.add(key)
      listed = undefined
    },
    size: () => values.size,
    keys: () => values.keys(),
    list() {
      listed ??= sortedKeys().map((key) => values.get(key) as T)
      return listed
    },
  }
}

export function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function mergeSorted(left: readonly string[], right: readonly string[]): readonly string[] {
  const merged: string[] = []
  let i = 0
  for (const key of right) {
    for (let next = left[i]; next !== undefined && next < key; next = left[++i]) merged.push(next)
    merged.push(key)
  }
  for (; i < left.length; i++) merged.push(left[i] as string)
  return merged
}
