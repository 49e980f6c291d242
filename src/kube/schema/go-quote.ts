/** The escapes that Go has a letter for. */
const LETTERS: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
}

/** What Go prints as it is: letters, marks, numbers, punctuation and symbols, and of the spaces only the plain one. */
const ESCAPED = /["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu

/** Quotes a text as Go's `%q` does, so that a message is the API server's whatever a user's text holds. */
export function goQuote(text: string): string {
  return `"${text.toWellFormed().replace(ESCAPED, escape)}"`
}

function escape(char: string): string {
  const letter = LETTERS[char]
  if (letter !== undefined) return letter
  const code = char.codePointAt(0) ?? 0
  const hex = code.toString(16)
  // DEL is the last of the ASCII control characters, which have two digits.
  if (code < 0x20 || code === 0x7f) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
