import { type ErrorCode, parseDocument } from 'yaml'
import { messageOf } from '../../base/index.ts'
import { formatJsonPath, type JsonValuePath, scanJson } from '../../kube/index.ts'
import { badRequest, type StatusError } from './status-error.ts'

/** Deeper values are refused before anything walks them. */
const DEPTH_MAX = 250

/** A value that was read from a body, with what only its text tells. */
export interface Decoded {
  readonly value: unknown
  /** members that stand twice, as strict decoding tells them, and unknown fields among them in the order of the text */
  readonly strictProblems: (unknown: readonly string[]) => readonly string[]
  /** a number as it was written */
  readonly sourceOf: (path: JsonValuePath) => string | undefined
}

/** What a body that is no text has to say: no member of it stands twice. */
export function plain(value: unknown): Decoded {
  return { value, strictProblems: (unknown) => unknown.map(unknownField), sourceOf: () => undefined }
}

function unknownField(path: string): string {
  return `unknown field "${path}"`
}

export function decodeJson(text: string, refuse: (problem: string) => StatusError): Decoded {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refuse(scanJson(text).error ?? messageOf(error))
  }
  const members = checkShape(value, text)
  return {
    value,
    strictProblems: (unknown) => strictProblemsOf(text, members, unknown),
    sourceOf: (wanted) => {
      let found: string | undefined
      scanJson(text, (path, source) => {
        if (path.length === wanted.length && path.every((part, index) => part === wanted[index]))
          found = source
      })
      return found
    },
  }
}

/** As many problems as Kubernetes tells. */
const STRICT_MAX = 100

/** @param members of all objects, as far as names are different */
function strictProblemsOf(text: string, members: number, unknown: readonly string[]): readonly string[] {
  if (countMembers(text) === members && unknown.length < 2) return unknown.map(unknownField)
  const place = new Map<string, number>()
  const wanted = new Set(unknown)
  const { duplicates } = scanJson(text, (path) => {
    const name = formatJsonPath(path)
    if (wanted.has(name) && !place.has(name)) place.set(name, place.size)
  })
  const inOrder = unknown.toSorted((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0))
  const twice = new Set(duplicates.map(formatJsonPath))
  return [...[...twice].map((path) => `duplicate field "${path}"`), ...inOrder.map(unknownField)].slice(
    0,
    STRICT_MAX,
  )
}

const COLON = 0x3a
const QUOTE = 0x22

/** Every member has a colon, and all other colons stand in texts. */
function countMembers(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === COLON) count += 1
    else if (code === QUOTE) at = endOfText(text, at)
  }
  return count
}

/** The closing quote of the text that begins at an opening one; the JSON is known to be whole. */
function endOfText(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end >= 0) {
    let escapes = 0
    while (text[end - 1 - escapes] === '\\') escapes += 1
    if (escapes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return text.length
}

const KEY_SHOWN_MAX = 256

export function decodeYaml(text: string, refuse: (problem: string) => StatusError): Decoded {
  // Most "YAML" on the wire is JSON, which the JSON parser reads a hundred times faster.
  if (/^\s*\{/.test(text) && isJson(text)) return decodeJson(text, refuse)
  // What the parser warns of would go to the standard error of the whole process.
  const document = parseDocument(text, { logLevel: 'error', strict: true })
  const twice: string[] = []
  for (const error of document.errors) {
    if (error.code === 'MULTIPLE_DOCS') continue // the first is read, as in Kubernetes
    const line = error.linePos?.[0].line ?? 1
    if (error.code !== 'DUPLICATE_KEY')
      throw refuse(`yaml: line ${line}: ${yamlProblem(error.code, error.message)}`)
    const key = /^["']?([^"':]*)/.exec(text.slice(error.pos[0], error.pos[0] + KEY_SHOWN_MAX))?.[1] ?? ''
    twice.push(`yaml: unmarshal errors:\n  line ${line}: key "${key.trim()}" already set in map`)
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw refuse(`yaml: ${messageOf(error)}`)
  }
  checkShape(value, text)
  return { ...plain(value), strictProblems: (unknown) => [...twice, ...unknown.map(unknownField)] }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false // flow style without quotes, for the YAML parser
  }
}

const YAML_PROBLEMS: Partial<Readonly<Record<ErrorCode, string>>> = {
  BAD_INDENT: 'did not find expected node content',
  TAB_AS_INDENT: 'found character that cannot start any token',
  MISSING_CHAR: "did not find expected ',' or ']'",
  BAD_ALIAS: 'unknown anchor referenced',
  BLOCK_AS_IMPLICIT_KEY: 'mapping values are not allowed in this context',
}

/** In the words of Go's parser where it has the same idea of what is wrong. */
function yamlProblem(code: ErrorCode, message: string): string {
  return YAML_PROBLEMS[code] ?? message.split('\n', 1)[0] ?? message
}

export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw badRequest('the body of the request is not valid UTF-8')
  }
}

/** @returns how many members the objects have @throws StatusError 400 */
function checkShape(value: unknown, text: string): number {
  const mayHoldPrototype = text.includes('__proto__') || text.includes('\\u')
  return countShape(value, DEPTH_MAX, mayHoldPrototype)
}

function countShape(value: unknown, left: number, refusePrototype: boolean): number {
  if (typeof value !== 'object' || value === null) return 0
  if (left === 0) throw badRequest(`the body of the request is nested deeper than ${DEPTH_MAX} levels`)
  if (refusePrototype && Object.hasOwn(value, '__proto__')) {
    throw badRequest('the field name "__proto__" is not allowed')
  }
  const inside: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  let count = Array.isArray(value) ? 0 : inside.length
  for (const item of inside) count += countShape(item, left - 1, refusePrototype)
  return count
}
