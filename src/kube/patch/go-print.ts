import { isRecord } from '../json.ts'

/** A JSON value as Go's `%v` prints the maps and lists that it is decoded into: keys sorted, texts bare. */
export function goPrint(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return `[${value.map(goPrint).join(' ')}]`
  if (!isRecord(value)) return JSON.stringify(value)
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `map[${entries.map(([key, item]) => `${key}:${goPrint(item)}`).join(' ')}]`
}
