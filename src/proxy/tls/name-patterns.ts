/**
 * What may stand in a configuration for a server name, the most specific first: the name itself, `*.b.c`, `*.c`, `*`.
 * A client that names no server gets only what is for any.
 */
export function namePatterns(serverName: string): readonly string[] {
  if (serverName === '') return ['*']
  const patterns = [serverName]
  for (let dot = serverName.indexOf('.'); dot >= 0; dot = serverName.indexOf('.', dot + 1)) {
    patterns.push(`*${serverName.slice(dot)}`)
  }
  patterns.push('*')
  return patterns
}
