import type { KubeObject, ObjectMeta } from '../../kube/index.ts'

/** Any JSON object, such as one that was just parsed from a request. */
export interface JsonObject {
  readonly [key: string]: unknown
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object at a path of member names, or undefined where anything on the way is missing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value
  for (const name of path) {
    if (!isObject(here)) return undefined
    here = here[name]
  }
  return here
}

export function stringAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : undefined
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

/** The labels or another map of texts; other values are left out. */
export function textsAt(value: unknown, ...path: readonly string[]): Readonly<Record<string, string>> {
  const found = at(value, ...path)
  if (!isObject(found)) return {}
  const texts: Record<string, string> = {}
  for (const [key, text] of Object.entries(found)) if (typeof text === 'string') texts[key] = text
  return texts
}

/** A copy with members changed; `undefined` removes one. */
export function withMembers<T extends object>(object: T, changes: Readonly<Record<string, unknown>>): T {
  const copy = { ...object } as { [name: string]: unknown }
  let removes = false
  for (const key of Object.keys(changes)) {
    const value = changes[key]
    if (value !== undefined) copy[key] = value
    else removes ||= Object.hasOwn(copy, key)
  }
  if (!removes) return copy as T
  // A member that is deleted would leave a slow object behind, and objects are read and written many times.
  const isKept = ([key]: readonly [string, unknown]) =>
    !Object.hasOwn(changes, key) || changes[key] !== undefined
  return Object.fromEntries(Object.entries(copy).filter(isKept)) as T
}

type MetaChanges = { readonly [K in keyof ObjectMeta]?: ObjectMeta[K] | undefined }

/** A copy with metadata changed; `undefined` removes a member. */
export function withMeta(object: KubeObject, changes: MetaChanges): KubeObject {
  return { ...object, metadata: withMembers(object.metadata, changes) }
}

/** A copy with the value at a path of member names set, parents made where missing; undefined removes it. */
export function withAt<T>(object: T, path: readonly string[], value: unknown): T {
  const [head, ...rest] = path
  if (head === undefined) return value as T
  const parent: JsonObject = isObject(object) ? object : {}
  const child = rest.length === 0 ? value : withAt(parent[head] ?? {}, rest, value)
  return withMembers(parent, { [head]: child }) as T
}

/** Whether two JSON values say the same; the order of members does not matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, index) => sameJson(item, b[index]))
  }
  const left = a as JsonObject
  const right = b as JsonObject
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]))
}

/** A value from a request as a message shows it: texts bare, anything else as JSON. */
export function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')
}

/** Kubernetes' form of a time: seconds, UTC. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
