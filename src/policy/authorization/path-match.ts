import { isPathTemplate, pathTemplateProblem } from '../../model/index.ts'
import { compileText, type TextMatch } from './text-match.ts'

/**
 * A path, its begin, its end, or a template: `{*}` is one segment, `{**}` at the end any number of them.
 * @returns undefined for a template that means nothing
 * @see istio.io, AuthorizationPolicy, Operation.paths
 */
export function compilePath(value: string): TextMatch | undefined {
  if (!isPathTemplate(value)) return compileText(bytesOf(value))
  if (pathTemplateProblem(value) !== undefined) return undefined
  return compileTemplate(bytesOf(value).split('/').slice(1))
}

/** Segment by segment: no expression that somebody's path could keep busy. */
function compileTemplate(pattern: readonly string[]): TextMatch {
  const rest = pattern.indexOf('{**}')
  return (path) => {
    if (path?.startsWith('/') !== true) return false
    const segments = path.slice(1).split('/')
    if (rest < 0 ? segments.length !== pattern.length : segments.length < pattern.length) return false
    return pattern.every((wanted, i) => {
      const segment = segments[i] ?? ''
      if (wanted === '{*}') return segment !== ''
      if (i === rest) return true
      // What comes after `{**}` stands at the very end.
      const found = rest >= 0 && i > rest ? segments[segments.length - pattern.length + i] : segment
      return wanted === found
    })
  }
}

/** On the wire paths and fields are bytes, one character for each. */
export function bytesOf(text: string): string {
  return /^[ -~]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** The reverse; bytes that are no UTF-8 stay what they are. */
export function textOfBytes(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  return bytesOf(text) === bytes ? text : bytes
}

/**
 * What an application that decodes takes the path for: every encoded byte but those of slashes, which the mesh's path
 * normalisation is about. A policy that refuses a path means this one too.
 */
export function decodedPath(path: string): string {
  return path.replaceAll(/%([0-9a-f]{2})/gi, (encoded, digits: string) => {
    const byte = Number.parseInt(digits, 16)
    return byte === SLASH || byte === BACKSLASH ? encoded : String.fromCharCode(byte)
  })
}

const SLASH = 0x2f
const BACKSLASH = 0x5c
