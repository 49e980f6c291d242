import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFieldError, invalid, unsupported } from './field-error.ts'
import { goQuote } from './go-quote.ts'

const CASES: readonly (readonly [string, string])[] = [
  ['b\u0001', String.raw`"b\x01"`],
  ['\u0000\u001b\u007f', String.raw`"\x00\x1b\x7f"`],
  ['\u0007\b\f\n\r\t\v', String.raw`"\a\b\f\n\r\t\v"`],
  ['say "a\\b"', String.raw`"say \"a\\b\""`],
  ["it's <é> & 日本 😀 e\u0301", '"it\'s <é> & 日本 😀 e\u0301"'],
  ['\u00a0\u200b\u2028\ufeff', String.raw`"\u00a0\u200b\u2028\ufeff"`],
  ['\u{e0001}', String.raw`"\U000e0001"`],
  ['\ud800', '"\ufffd"'],
]

test('a text is quoted as Go quotes it', () => {
  for (const [text, quoted] of CASES) assert.equal(goQuote(text), quoted)
})

test('errors quote values and choices so', () => {
  assert.equal(formatFieldError(invalid('a', 'b\u0001', 'no')), String.raw`a: Invalid value: "b\x01": no`)
  assert.equal(
    formatFieldError(unsupported('a', '\u0001', ['\u0002'])),
    String.raw`a: Unsupported value: "\x01": supported values: "\x02"`,
  )
})
