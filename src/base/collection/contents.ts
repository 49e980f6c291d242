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

/** Of what is listed seldom or never: so many changes of keys are kept, or as many as there are keys. */
const KEYS_CHANGED_MIN = 1000

/** Costs: get, set, delete constant; the first list after a change is linear, however many keys came or went since. */
export function createContents<T>(): Contents<T> {
  const values = new Map<string, T>()
  /** As they were at the last list; undefined when sorting all is less work than what has changed since. */
  let sorted: readonly string[] | undefined = []
  let keysChanged = new Set<string>()
  let listed: readonly T[] | undefined = []

  function sortedKeys(): readonly string[] {
    if (sorted === undefined) return (sorted = [...values.keys()].sort(byCodeUnit))
    if (keysChanged.size === 0) return sorted
    const added = [...keysChanged].filter((key) => values.has(key)).sort(byCodeUnit)
    sorted = mergeSorted(
      sorted.filter((key) => !keysChanged.has(key)),
      added,
    )
    keysChanged = new Set()
    return sorted
  }

  function noteKey(key: string): void {
    listed = undefined
    if (sorted === undefined) return
    keysChanged.add(key)
    if (keysChanged.size <= Math.max(KEYS_CHANGED_MIN, values.size)) return
    sorted = undefined
    keysChanged = new Set()
  }

  return {
    get: (key) => values.get(key),
    has: (key) => values.has(key),
    set(key, value) {
      if (values.has(key)) listed = undefined
      else noteKey(key)
      values.set(key, value)
    },
    delete(key) {
      if (values.delete(key)) noteKey(key)
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
