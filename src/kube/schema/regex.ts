import { RE2JS } from 're2js'

/** A compiled pattern of RE2, the dialect of every `pattern` and `matches()` in Kubernetes; linear in time. */
interface Pattern {
  test(text: string): boolean
  /** the first `limit` matches, from left to right without overlap */
  findAll(text: string, limit: number): readonly string[]
}

export interface PatternCache {
  /** @returns undefined when the pattern is not valid RE2 */
  get(pattern: string): Pattern | undefined
}

/** Expressions may take patterns from objects: more of them than this are not remembered together. */
const PATTERNS_MAX = 2000

/** Patterns are compiled at first use: a schema has hundreds, an object meets few. */
export function createPatternCache(): PatternCache {
  const cache = new Map<string, Pattern | undefined>()
  return {
    get: (pattern) => {
      const known = cache.get(pattern)
      if (known !== undefined || cache.has(pattern)) return known
      if (cache.size >= PATTERNS_MAX) cache.clear()
      const compiled = compilePattern(pattern)
      cache.set(pattern, compiled)
      return compiled
    },
  }
}

/** @returns what is wrong with a pattern, in the words of Go's regexp; undefined when nothing is */
export function patternProblem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern)
    return undefined
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

function compilePattern(pattern: string): Pattern | undefined {
  try {
    const compiled = RE2JS.compile(pattern)
    return {
      test: (text) => compiled.matcher(text).find(),
      findAll: (text, limit) => {
        const matcher = compiled.matcher(text)
        const found: string[] = []
        while (found.length < limit && matcher.find()) found.push(matcher.group() ?? '')
        return found
      },
    }
  } catch {
    // re2js throws on a pattern that is not RE2; the caller reports it with its path.
    return undefined
  }
}
