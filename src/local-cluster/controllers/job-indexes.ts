/** Sets of indexes as a Job's status writes them: `1,3-5,7`. */
export function parseIndexes(text: string | undefined): ReadonlySet<number> {
  const found = new Set<number>()
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim())
    if (!match) continue
    const first = Number(match[1])
    const last = Math.min(Number(match[2] ?? first), first + INDEXES_MAX)
    for (let index = first; index <= last; index++) found.add(index)
  }
  return found
}

/** @see JobSpec.completions of an Indexed Job: at most a hundred thousand */
const INDEXES_MAX = 100_000

export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b)
  const parts: string[] = []
  for (let at = 0; at < sorted.length;) {
    const first = sorted[at] ?? 0
    let last = first
    while (sorted[at + 1] === last + 1) {
      last += 1
      at += 1
    }
    at += 1
    // Two neighbours are written one by one, as Kubernetes writes them.
    if (last === first) parts.push(String(first))
    else parts.push(last === first + 1 ? `${first},${last}` : `${first}-${last}`)
  }
  return parts.join(',')
}
