/** Handling of JSON values that users sent: own properties only, and no key may reach a prototype. */

export type JsonRecord = Readonly<Record<string, unknown>>
export type MutableRecord = Record<string, unknown>

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The own property, or undefined: `constructor` and `__proto__` are found only if the user wrote them. */
export function getOwn<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

/** Follows own properties; undefined as soon as a step is missing. */
export function getPath(value: unknown, ...keys: readonly string[]): unknown {
  let current = value
  for (const key of keys) {
    if (!isRecord(current)) return undefined
    current = getOwn(current, key)
  }
  return current
}

export function getRecord(value: unknown, ...keys: readonly string[]): JsonRecord | undefined {
  const found = getPath(value, ...keys)
  return isRecord(found) ? found : undefined
}

export function getList(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const found = getPath(value, ...keys)
  return Array.isArray(found) ? found : []
}

export function getString(value: unknown, ...keys: readonly string[]): string | undefined {
  const found = getPath(value, ...keys)
  return typeof found === 'string' ? found : undefined
}

export function getNumber(value: unknown, ...keys: readonly string[]): number | undefined {
  const found = getPath(value, ...keys)
  return typeof found === 'number' ? found : undefined
}

/** Sets an own property, `__proto__` included. */
export function setOwn(record: MutableRecord, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
  } else {
    record[key] = value
  }
}

export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => deepEqual(item, b[index]))
  }
  if (Array.isArray(b)) return false
  const left = a as JsonRecord
  const right = b as JsonRecord
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => Object.hasOwn(right, key) && deepEqual(left[key], right[key]))
}

/** A copy that shares nothing with its source. */
export function deepClone<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(deepClone) as T
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, deepClone(item)])) as T
}

/** Whether lists and objects are nested deeper than a limit; checked without recursion before anything recurses. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null
        ? Object.values(item).filter((x) => typeof x === 'object')
        : [],
    )
  }
  return false
}

/**
 * Compact JSON as Go prints it: keys of objects sorted, those of a Map (which stands for a Go struct) as they are, and
 * `<`, `>`, `&` escaped.
 */
export function toGoJson(value: unknown): string {
  return write(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function write(value: unknown): string {
  if (value === undefined || value === null) return 'null'
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  if (value instanceof Map) return writeMembers([...(value as ReadonlyMap<string, unknown>)])
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return writeMembers(entries)
}

function writeMembers(entries: readonly (readonly [string, unknown])[]): string {
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${write(item)}`).join(',')}}`
}

/** Canonical text of a value, for use as a key of a set. */
export function jsonKey(value: unknown): string {
  return write(value)
}
