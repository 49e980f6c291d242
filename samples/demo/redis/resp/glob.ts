/**
 * Whether a text matches a pattern of KEYS and SCAN: `*`, `?`, `[a-c]`, `[^a]`, and `\` before a letter that stands for itself.
 * Goes back to the last star only, so the time is bounded by the product of the two lengths.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let [p, t] = [0, 0]
  let star: { readonly pattern: number; text: number } | undefined
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = { pattern: p + 1, text: t }
      p += 1
      continue
    }
    const length = matchOne(pattern, p, text[t] ?? '')
    if (length > 0) {
      p += length
      t += 1
    } else if (star === undefined) {
      return false
    } else {
      star.text += 1
      p = star.pattern
      t = star.text
    }
  }
  while (pattern[p] === '*') p += 1
  return p === pattern.length
}

/** How much of the pattern the letter used up; 0 when it does not match, or the pattern is at its end. */
function matchOne(pattern: string, at: number, letter: string): number {
  switch (pattern[at]) {
    case undefined:
      return 0
    case '?':
      return 1
    case '[':
      return matchClass(pattern, at, letter)
    case '\\':
      if (at + 1 < pattern.length) return pattern[at + 1] === letter ? 2 : 0
      return letter === '\\' ? 1 : 0
    default:
      return pattern[at] === letter ? 1 : 0
  }
}

function matchClass(pattern: string, at: number, letter: string): number {
  let p = at + 1
  const isNegated = pattern[p] === '^'
  if (isNegated) p += 1
  let isIn = false
  while (p < pattern.length && pattern[p] !== ']') {
    if (pattern[p] === '\\' && p + 1 < pattern.length) p += 1
    const low = pattern[p] ?? ''
    const isRange = pattern[p + 1] === '-' && p + 2 < pattern.length
    const high = isRange ? (pattern[p + 2] ?? '') : low
    isIn ||= (low <= letter && letter <= high) || (high <= letter && letter <= low)
    p += isRange ? 3 : 1
  }
  return isIn === isNegated ? 0 : Math.min(p + 1, pattern.length) - at
}
