import { deepEqual } from '../../base/index.ts'

/** RFC 6902, as far as a difference needs it. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** The operations that make `after` of `before`: member by member through objects, arrays as a whole. */
export function jsonPatch(before: unknown, after: unknown, path = ''): readonly PatchOperation[] {
  if (deepEqual(before, after)) return []
  if (!isRecord(before) || !isRecord(after)) return [{ op: 'replace', path, value: after }]
  const operations: PatchOperation[] = []
  for (const name of Object.keys(before)) {
    if (after[name] === undefined && before[name] !== undefined) {
      operations.push({ op: 'remove', path: `${path}/${escapeToken(name)}` })
    }
  }
  for (const [name, value] of Object.entries(after)) {
    if (value === undefined) continue
    const member = `${path}/${escapeToken(name)}`
    if (before[name] === undefined) operations.push({ op: 'add', path: member, value })
    else operations.push(...jsonPatch(before[name], value, member))
  }
  return operations
}

function escapeToken(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
