import { goQuote } from '../schema/go-quote.ts'

/** Where a value stands: names of members and indices of items. */
export type JsonPath = readonly (string | number)[]

export interface JsonScan {
  /** what is wrong with the text, in the words of Go's encoding/json */
  readonly error: string | undefined
  /** members whose name their object has already, in the order of the text */
  readonly duplicates: readonly JsonPath[]
}

type Frame =
  | { readonly kind: 'object'; readonly names: Set<string>; name: string }
  | { readonly kind: 'array'; index: number }

type Expected = 'value' | 'first item' | 'first name' | 'name' | 'colon' | 'after'

/** Thrown inside, caught at the door. */
class ScanError extends Error {
  override readonly name = 'ScanError'
}

/**
 * Reads JSON a second time, for what `JSON.parse` does not tell: Go's words for what is wrong, members that stand
 * twice, and numbers as they were written. Does not recurse, so any nesting may come.
 * @param visit is called for each value with its path, and the text of a scalar ('' for lists and objects)
 */
export function scanJson(text: string, visit?: (path: JsonPath, source: string) => void): JsonScan {
  const duplicates: JsonPath[] = []
  const onDuplicate = (path: JsonPath) => duplicates.push(path)
  try {
    scan(text, { visit, onDuplicate })
    return { error: undefined, duplicates }
  } catch (error) {
    if (error instanceof ScanError) return { error: error.message, duplicates }
    throw error
  }
}

interface Listener {
  readonly visit: ((path: JsonPath, source: string) => void) | undefined
  readonly onDuplicate: (path: JsonPath) => void
}

function scan(text: string, { visit, onDuplicate }: Listener): void {
  const frames: Frame[] = []
  const pathHere = (): JsonPath => frames.map((frame) => (frame.kind === 'object' ? frame.name : frame.index))
  let expected: Expected = 'value'
  let at = 0
  for (;;) {
    at = skipBlanks(text, at)
    if (at >= text.length) {
      if (expected === 'after' && frames.length === 0) return
      throw new ScanError(TOO_SHORT)
    }
    const char = text[at] ?? ''
    const frame = frames.at(-1)
    const ends = (expected === 'first item' && char === ']') || (expected === 'first name' && char === '}')
    if (ends || (expected === 'after' && char === closing(frame))) {
      frames.pop()
      expected = 'after'
      at += 1
    } else if (expected === 'value' || expected === 'first item') {
      if (char === '{' || char === '[') {
        visit?.(pathHere(), '')
        frames.push(
          char === '{' ? { kind: 'object', names: new Set(), name: '' } : { kind: 'array', index: 0 },
        )
        expected = char === '{' ? 'first name' : 'first item'
        at += 1
      } else {
        const end = endOfScalar(text, at)
        visit?.(pathHere(), text.slice(at, end))
        expected = 'after'
        at = end
      }
    } else if ((expected === 'first name' || expected === 'name') && frame?.kind === 'object') {
      if (char !== '"') throw invalid(char, 'looking for beginning of object key string')
      const end = endOfString(text, at)
      frame.name = JSON.parse(text.slice(at, end)) as string
      if (frame.names.has(frame.name)) onDuplicate(pathHere())
      frame.names.add(frame.name)
      expected = 'colon'
      at = end
    } else if (expected === 'colon') {
      if (char !== ':') throw invalid(char, 'after object key')
      expected = 'value'
      at += 1
    } else {
      expected = nextInFrame(frame, char)
      at += 1
    }
  }
}

function closing(frame: Frame | undefined): string {
  return frame === undefined ? '' : frame.kind === 'object' ? '}' : ']'
}

/** What may come after a comma. */
function nextInFrame(frame: Frame | undefined, char: string): Expected {
  if (!frame) throw invalid(char, 'after top-level value')
  if (char !== ',')
    throw invalid(char, frame.kind === 'object' ? 'after object key:value pair' : 'after array element')
  if (frame.kind === 'object') return 'name'
  frame.index += 1
  return 'value'
}

const TOO_SHORT = 'unexpected end of JSON input'

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\r\n'.includes(text[at] ?? '')) at += 1
  return at
}

const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' }

function endOfScalar(text: string, start: number): number {
  const char = text[start] ?? ''
  if (char === '"') return endOfString(text, start)
  if (char === '-' || isDigit(char)) return endOfNumber(text, start)
  const literal = LITERALS[char]
  if (literal === undefined) throw invalid(char, 'looking for beginning of value')
  for (let index = 1; index < literal.length; index += 1) {
    const found = text[start + index]
    if (found === undefined) throw new ScanError(TOO_SHORT)
    if (found !== literal[index])
      throw invalid(found, `in literal ${literal} (expecting '${literal[index]}')`)
  }
  return start + literal.length
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  for (;;) {
    const char = text[at]
    if (char === undefined) throw new ScanError(TOO_SHORT)
    if (char === '"') return at + 1
    if (char < ' ') throw invalid(char, 'in string literal')
    at = char === '\\' ? endOfEscape(text, at) : at + 1
  }
}

function endOfEscape(text: string, start: number): number {
  const char = text[start + 1]
  if (char === undefined) throw new ScanError(TOO_SHORT)
  if (!'bfnrt\\/"u'.includes(char)) throw invalid(char, 'in string escape code')
  if (char !== 'u') return start + 2
  for (let index = 2; index < 6; index += 1) {
    const digit = text[start + index]
    if (digit === undefined) throw new ScanError(TOO_SHORT)
    if (!/[0-9a-f]/i.test(digit)) throw invalid(digit, 'in \\u hexadecimal character escape')
  }
  return start + 6
}

function endOfNumber(text: string, start: number): number {
  let at = text[start] === '-' ? start + 1 : start
  expectDigit(text, at, 'in numeric literal')
  at = text[at] === '0' ? at + 1 : endOfDigits(text, at)
  if (text[at] === '.') {
    expectDigit(text, at + 1, 'after decimal point in numeric literal')
    at = endOfDigits(text, at + 1)
  }
  if (text[at] === 'e' || text[at] === 'E') {
    at += text[at + 1] === '+' || text[at + 1] === '-' ? 2 : 1
    expectDigit(text, at, 'in exponent of numeric literal')
    at = endOfDigits(text, at)
  }
  return at
}

function expectDigit(text: string, at: number, where: string): void {
  const char = text[at]
  if (char === undefined) throw new ScanError(TOO_SHORT)
  if (!isDigit(char)) throw invalid(char, where)
}

function endOfDigits(text: string, start: number): number {
  let at = start
  while (isDigit(text[at] ?? '')) at += 1
  return at
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9' && char.length === 1
}

/** Go reads bytes: of a character that is none of ASCII it names the first byte. */
function invalid(char: string, where: string): ScanError {
  const byte = String.fromCharCode(new TextEncoder().encode(char)[0] ?? 0)
  const quoted = byte === "'" ? "'\\''" : byte === '"' ? `'"'` : `'${goQuote(byte).slice(1, -1)}'`
  return new ScanError(`invalid character ${quoted} ${where}`)
}

/** `spec.containers[0].name`, as the API server names a field that is unknown or stands twice. */
export function formatJsonPath(path: JsonPath): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('')
}
