/** Whether a field's name is one of a list in Istio's form: exact, `prefix*`, `*suffix` or `*`. */
export type NameTest = (name: string) => boolean

export function compileNames(patterns: readonly string[]): NameTest {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')))
  const open = patterns.filter((pattern) => pattern.includes('*'))
  return (name) => exact.has(name) || open.some((pattern) => matches(pattern, name))
}

function matches(pattern: string, name: string): boolean {
  if (pattern === '*') return true
  return pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name.startsWith(pattern.slice(0, -1))
}

/** A value that could be the begin of another line is none. */
export function fieldLine(name: string, value: string): string {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !/[\r\n\0]/.test(value)
    ? `${name.toLowerCase()}: ${value}\r\n`
    : ''
}
