/** For settings that no schema has looked at: a value of the wrong type counts as absent. */
export type Members = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function textOf(from: Members, member: string): string | undefined {
  const value = Object.hasOwn(from, member) ? from[member] : undefined
  return typeof value === 'string' ? value : undefined
}

export function numberOf(from: Members, member: string): number | undefined {
  const value = Object.hasOwn(from, member) ? from[member] : undefined
  return typeof value === 'number' ? value : undefined
}

export function recordsOf(value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.filter(isRecord) : []
}

/** A list of objects that should be one by its type; that it is odd is the schema's to say. */
export function listOf<T>(list: readonly T[] | undefined): readonly T[] {
  return Array.isArray(list) ? list.filter((one) => typeof one === 'object' && one !== null) : []
}

export function textsOf(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.map(String) : []
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
