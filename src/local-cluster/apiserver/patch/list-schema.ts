import type { StructuralSchema } from '../../../kube/index.ts'
import { isObject } from '../json.ts'

export type Schema = StructuralSchema | undefined

/** How a list merges: its entries by key, as a set, or as a whole. */
export type ListKind =
  | { readonly kind: 'map'; readonly keys: readonly string[] }
  | { readonly kind: 'set' }
  | { readonly kind: 'atomic' }

export function listKindOf(schema: Schema): ListKind {
  const type = schema?.['x-kubernetes-list-type']
  const mergeKey = schema?.['x-kubernetes-patch-merge-key']
  if (type === 'map') return { kind: 'map', keys: schema?.['x-kubernetes-list-map-keys'] ?? [] }
  if (type === 'set') return { kind: 'set' }
  if (type === undefined && mergeKey !== undefined) return { kind: 'map', keys: [mergeKey] }
  if (type === undefined && schema?.['x-kubernetes-patch-strategy'] === 'merge') return { kind: 'set' }
  return { kind: 'atomic' }
}

export function isAtomicMap(schema: Schema): boolean {
  return schema?.['x-kubernetes-map-type'] === 'atomic'
}

export function memberSchema(schema: Schema, name: string): Schema {
  const own = schema?.properties
  if (own && Object.hasOwn(own, name)) return own[name]
  const more = schema?.additionalProperties
  return typeof more === 'object' ? more : undefined
}

/** The name of a list’s entry in a set of fields. */
export function entryElement(kind: ListKind, entry: unknown, schema: Schema): string {
  if (kind.kind !== 'map') return `v:${JSON.stringify(entry)}`
  return `k:${JSON.stringify(keysOf(kind.keys, entry, schema))}`
}

/** The keys of an entry with their defaults; null for one that it has not. */
export function keysOf(
  names: readonly string[],
  entry: unknown,
  schema: Schema,
): Readonly<Record<string, unknown>> {
  const keys: Record<string, unknown> = {}
  for (const key of names) {
    const value = isObject(entry) ? entry[key] : undefined
    keys[key] = value ?? memberSchema(schema?.items, key)?.default ?? (key === 'protocol' ? 'TCP' : null)
  }
  return keys
}
