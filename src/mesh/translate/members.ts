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
