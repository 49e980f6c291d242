/** Whether a concrete or wildcard host is covered by `pattern` (exact, `*.suffix` or `*`), both in lower case. */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true
  if (!pattern.startsWith('*')) return false
  // `*.a` covers `x.a`, `y.x.a` and `*.x.a`, but not `a`.
  const suffix = pattern.slice(1)
  const bare = host.startsWith('*') ? host.slice(1) : host
  return bare.length > suffix.length && bare.endsWith(suffix)
}

/** Whether some host is covered by both. */
export function hostsOverlap(a: string, b: string): boolean {
  return hostCovers(a, b) || hostCovers(b, a)
}
