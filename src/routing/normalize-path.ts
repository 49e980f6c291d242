/**
 * Path normalisation BASE, Istio's default: RFC 3986 section 6.2.2 without the case of percent-encodings that stay.
 * Dot segments are resolved, percent-encoded unreserved characters decoded, backslashes become slashes; slashes are not
 * merged. So routing and policies see the path that the application will take it for.
 * @param path with its query, which stays as it is
 * @returns undefined when the path leads above the root, or holds an encoded NUL: nobody asks for that in good faith
 */
export function normalizePath(path: string): string | undefined {
  const end = queryStart(path)
  if (!needsWork(path, end)) return path
  const decoded = decodeUnreserved(path.slice(0, end).replaceAll('\\', '/'))
  if (decoded.includes('%00')) return undefined
  const resolved = resolveDots(decoded)
  return resolved === undefined ? undefined : resolved + path.slice(end)
}

/** The other ways of MeshConfig's pathNormalization. @see Istio, ProxyPathNormalization */
export function normalizePathBy(
  how: 'none' | 'base' | 'merge-slashes' | 'decode-and-merge-slashes',
  path: string,
): string | undefined {
  if (how === 'none') return path
  const end = queryStart(path)
  const given = path.slice(0, end)
  // What is decoded first may spell an encoded slash.
  const decoded =
    how === 'decode-and-merge-slashes' ? decodeUnreserved(given).replaceAll(/%2f|%5c/gi, '/') : given
  const base = normalizePath(decoded)
  if (base === undefined || how === 'base') return base === undefined ? undefined : base + path.slice(end)
  return base.replaceAll(/\/{2,}/g, '/') + path.slice(end)
}

const SLASH = 47
const DOT = 46
const PERCENT = 37
const BACKSLASH = 92
const QUESTION = 63

function queryStart(path: string): number {
  const at = path.indexOf('?')
  return at < 0 ? path.length : at
}

/** Almost no path needs anything: one pass finds out. */
function needsWork(path: string, end: number): boolean {
  for (let i = 0; i < end; i++) {
    const code = path.charCodeAt(i)
    if (code === PERCENT || code === BACKSLASH) return true
    if (code === DOT && path.charCodeAt(i - 1) === SLASH && isSegmentEnd(path, i, end)) return true
  }
  return false
}

/** Whether the segment that begins with this dot is `.` or `..`. */
function isSegmentEnd(path: string, dot: number, end: number): boolean {
  let i = dot + 1
  if (i < end && path.charCodeAt(i) === DOT) i++
  const code = path.charCodeAt(i)
  return i >= end || code === SLASH || code === QUESTION || code === PERCENT || code === BACKSLASH
}

/** Broken encodings such as `%%36%31` may become whole ones; they are decoded too, so that nothing is left to be. */
function decodeUnreserved(path: string): string {
  if (!path.includes('%')) return path
  // Character by character, and back where one completes an encoding: linear in the length of the path.
  const decoded: string[] = []
  for (let i = 0; i < path.length; i++) {
    decoded.push(path.charAt(i))
    for (let code = encodedAtEnd(decoded); code !== undefined; code = encodedAtEnd(decoded)) {
      decoded.length -= 3
      decoded.push(String.fromCharCode(code))
    }
  }
  return decoded.join('')
}

/** The unreserved character that the last three encode. */
function encodedAtEnd(characters: readonly string[]): number | undefined {
  const { length } = characters
  if (length < 3 || characters[length - 3] !== '%') return undefined
  const digits = `${characters[length - 2]}${characters[length - 1]}`
  if (!/^[0-9A-Fa-f]{2}$/.test(digits)) return undefined
  const code = Number.parseInt(digits, 16)
  return isUnreserved(code) ? code : undefined
}

function isUnreserved(code: number): boolean {
  return /[A-Za-z0-9\-._~]/.test(String.fromCharCode(code))
}

function resolveDots(path: string): string | undefined {
  const segments: string[] = []
  const parts = path.split('/').slice(1)
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1
    if (part === '..') {
      if (segments.length === 0) return undefined
      segments.pop()
      if (last) segments.push('')
    } else if (part === '.') {
      if (last) segments.push('')
    } else {
      segments.push(part)
    }
  }
  return `/${segments.join('/')}`
}
