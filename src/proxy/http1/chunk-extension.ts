import { NAME_LOWER, VALUE_BYTE } from './characters.ts'

/** States within the extensions of one chunk, and the two ways out. */
export const EXTENSION = {
  name: 0,
  inName: 1,
  afterName: 2,
  value: 3,
  inValue: 4,
  quoted: 5,
  escaped: 6,
  afterValue: 7,
  end: 8,
  bad: 9,
} as const

const TAB = 9
const CR = 13
const SPACE = 32
const QUOTE = 34
const SEMICOLON = 59
const EQUALS = 61
const BACKSLASH = 92

/**
 * The state after one more byte (RFC 9112 section 7.1.1); it begins with `name`, after the semicolon. Extensions mean
 * nothing here, but a reader who takes quotes or line ends in them more loosely would see other chunks.
 */
export function nextExtension(state: number, code: number): number {
  switch (state) {
    case EXTENSION.name:
      if (isBlank(code)) return state
      return isToken(code) ? EXTENSION.inName : EXTENSION.bad
    case EXTENSION.inName:
      if (isToken(code)) return state
      return afterName(code)
    case EXTENSION.afterName:
      return afterName(code)
    case EXTENSION.value:
      if (isBlank(code)) return state
      if (code === QUOTE) return EXTENSION.quoted
      return isToken(code) ? EXTENSION.inValue : EXTENSION.bad
    case EXTENSION.inValue:
      return isToken(code) ? state : afterValue(code)
    case EXTENSION.quoted:
      if (code === QUOTE) return EXTENSION.afterValue
      if (code === BACKSLASH) return EXTENSION.escaped
      return VALUE_BYTE[code] === 1 ? state : EXTENSION.bad
    case EXTENSION.escaped:
      return VALUE_BYTE[code] === 1 ? EXTENSION.quoted : EXTENSION.bad
    case EXTENSION.afterValue:
      return afterValue(code)
    default:
      return EXTENSION.bad
  }
}

function afterName(code: number): number {
  if (code === EQUALS) return EXTENSION.value
  return isBlank(code) ? EXTENSION.afterName : next(code)
}

function afterValue(code: number): number {
  return isBlank(code) ? EXTENSION.afterValue : next(code)
}

function next(code: number): number {
  if (code === SEMICOLON) return EXTENSION.name
  return code === CR ? EXTENSION.end : EXTENSION.bad
}

function isToken(code: number): boolean {
  return NAME_LOWER[code] !== 0
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
