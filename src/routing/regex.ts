import { RE2JS } from 're2js'
import { type Result, fail, messageOf, ok } from '../base/index.ts'

/** Holds when the whole of a text matches. */
export type TextTest = (text: string) => boolean

/**
 * Compiles an RE2 pattern that must match the whole text. RE2 keeps matching linear in the length of the text, which
 * users' patterns on clients' text need; patterns that are linear in JavaScript's engine too run there (about 5 times
 * faster, measured).
 */
export function compileFullMatch(pattern: string, ignoreCase = false): Result<TextTest, string> {
  try {
    const re2 = RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0)
    const linear = ignoreCase ? undefined : linearRegExp(pattern)
    return ok(linear === undefined ? exactTest(re2) : linearTest(linear))
  } catch (error) {
    return fail(`is not an RE2 expression: ${messageOf(error)}`)
  }
}

function exactTest(re2: RE2JS): TextTest {
  return (text) => re2.testExact(text)
}

/** A function of its own, so that it does not keep the other expression, which is a hundred times as large. */
function linearTest(linear: RegExp): TextTest {
  return (text) => linear.test(text)
}

const PLAIN = /^[A-Za-z0-9/_\-,:;=@~&%!"'<> #]$/

/**
 * What every text begins with that the whole of a pattern matches; empty when that is not plain to see. Stops before
 * anything but a plain character, and before one that may be left out.
 */
export function literalPrefix(pattern: string): string {
  // A repetition after flags is one of what stands before them.
  if (hasAlternatives(pattern) || /\(\?[^:P<]/.test(pattern)) return ''
  let prefix = ''
  for (let at = pattern.startsWith('^') ? 1 : 0; at < pattern.length; at++) {
    const isEscape = pattern[at] === '\\'
    const character = pattern[isEscape ? ++at : at] ?? ''
    if (isEscape ? !/^[^A-Za-z0-9]$/.test(character) : !PLAIN.test(character)) break
    if (/^[*?{]$/.test(pattern[at + 1] ?? '')) break
    prefix += character
  }
  return prefix
}

/** Whether the whole pattern may be one of several; those within parentheses or a class do not count. */
function hasAlternatives(pattern: string): boolean {
  let depth = 0
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]
    if (character === '\\') {
      if (/[QE]/.test(pattern[at + 1] ?? '')) return true // quoted: not looked into
      at++
    } else if (character === '[') {
      at = endOfClass(pattern, at)
      if (at < 0) return true
    } else if (character === '(') depth++
    else if (character === ')') depth--
    else if (character === '|' && depth === 0) return true
  }
  return false
}

/** @returns -1 for a class with another one in it, which is not looked into */
function endOfClass(pattern: string, start: number): number {
  let at = start + (pattern[start + 1] === '^' ? 2 : 1)
  if (pattern[at] === ']') at++
  for (; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++
    else if (pattern[at] === '[') return -1
    else if (pattern[at] === ']') return at
  }
  return -1
}

const LITERAL = /[A-Za-z0-9/_\-,:;=@~&%!"'<> #]/
const ESCAPED_PUNCTUATION = /\\[.\-/+*?()[\]{}|^$]/
const CLASS = /\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_./])+-?\]|\\d/
const ANY = /\./
const ATOM = new RegExp(
  `(?:(?<any>${ANY.source})|(?<class>${CLASS.source})|(?<escaped>${ESCAPED_PUNCTUATION.source})|(?<literal>${LITERAL.source}))(?<quantifier>[*+?]?)`,
  'y',
)

interface Atom {
  /** one character, in JavaScript's words */
  readonly source: string
  readonly quantifier: string
}

/**
 * The same pattern for JavaScript's engine, when it is a sequence of plain characters, simple classes and dots in which
 * nothing can multiply: with one repetition, each start of what follows it is tried once; with several, none may take a
 * character that what follows it begins with, so that there is one way alone to match.
 */
export function linearRegExp(pattern: string): RegExp | undefined {
  const start = pattern.startsWith('^') ? 1 : 0
  const end = pattern.endsWith('$') && !pattern.endsWith('\\$') ? pattern.length - 1 : pattern.length
  const atoms = parseAtoms(pattern.slice(start, end))
  if (atoms === undefined) return undefined
  try {
    const repetitions = atoms.filter(({ quantifier }) => quantifier !== '').length
    if (repetitions > 1 && !atoms.every((_, at) => isDecided(atoms, at))) return undefined
    return new RegExp(`^(?:${atoms.map(({ source, quantifier }) => source + quantifier).join('')})$`, 'u')
  } catch {
    // A class such as [z-a]: RE2 has the last word on it.
    return undefined
  }
}

function parseAtoms(body: string): readonly Atom[] | undefined {
  const atoms: Atom[] = []
  ATOM.lastIndex = 0
  while (ATOM.lastIndex < body.length) {
    const groups = ATOM.exec(body)?.groups
    if (groups === undefined) return undefined
    atoms.push({ source: translateAtom(groups), quantifier: groups['quantifier'] ?? '' })
  }
  return atoms
}

/** Whether the next character alone tells if a repetition goes on. */
function isDecided(atoms: readonly Atom[], at: number): boolean {
  const { source, quantifier } = atoms[at] as Atom
  if (quantifier === '') return true
  for (const next of atoms.slice(at + 1)) {
    if (haveCommon(source, next.source)) return false
    if (next.quantifier !== '*' && next.quantifier !== '?') return true
  }
  return true
}

/** ASCII and one for all the others: no class names any of those. */
const CHARACTERS = Array.from({ length: 129 }, (_, code) => String.fromCharCode(code))

function haveCommon(one: string, other: string): boolean {
  const [first, second] = [new RegExp(`^${one}$`, 'u'), new RegExp(`^${other}$`, 'u')]
  return CHARACTERS.some((character) => first.test(character) && second.test(character))
}

function translateAtom(groups: Readonly<Record<string, string | undefined>>): string {
  if (groups['any'] !== undefined) return '[^\\n]'
  if (groups['class'] !== undefined) return groups['class']
  const character = groups['escaped']?.slice(1) ?? groups['literal'] ?? ''
  return /[A-Za-z0-9]/.test(character)
    ? character
    : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}

/** Replaces every match of a pattern, as Envoy's `regex_rewrite` does. */
export type RegexReplace = (text: string) => string

/**
 * @param substitution RE2's form: `\0` the match, `\1`..`\9` its groups, `\\` a backslash
 */
export function compileReplace(pattern: string, substitution: string): Result<RegexReplace, string> {
  try {
    const re2 = RE2JS.compile(pattern)
    const parts = parseSubstitution(substitution)
    const highest = Math.max(0, ...parts.filter((part) => typeof part === 'number'))
    if (highest > re2.groupCount()) {
      return fail(`the substitution names group ${highest}, but the pattern has ${re2.groupCount()}`)
    }
    return ok((text) => {
      const matcher = re2.matcher(text)
      return matcher.replaceAll((...args: unknown[]) =>
        parts
          .map((part) => (typeof part === 'number' ? ((args[part] as string | undefined) ?? '') : part))
          .join(''),
      )
    })
  } catch (error) {
    return fail(`is not an RE2 expression: ${messageOf(error)}`)
  }
}

function parseSubstitution(substitution: string): readonly (string | number)[] {
  return substitution
    .split(/(\\[0-9\\])/)
    .filter((part) => part !== '')
    .map((part) => (/^\\[0-9]$/.test(part) ? Number(part[1]) : part === '\\\\' ? '\\' : part))
}
