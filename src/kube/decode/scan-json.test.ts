import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatJsonPath, scanJson } from './scan-json.ts'

const ERRORS: Readonly<Record<string, string>> = {
  '': 'unexpected end of JSON input',
  '{"kind":': 'unexpected end of JSON input',
  '[1,': 'unexpected end of JSON input',
  nonsense: "invalid character 'o' in literal null (expecting 'u')",
  tru: 'unexpected end of JSON input',
  '{a:1}': "invalid character 'a' looking for beginning of object key string",
  '{"a" 1}': "invalid character '1' after object key",
  '{"a":1 "b":2}': `invalid character '"' after object key:value pair`,
  '{"a":1,}': "invalid character '}' looking for beginning of object key string",
  '[1 2]': "invalid character '2' after array element",
  '[1,]': "invalid character ']' looking for beginning of value",
  '1 2': "invalid character '2' after top-level value",
  '"a\nb"': "invalid character '\\n' in string literal",
  '"\\x"': "invalid character 'x' in string escape code",
  '"\\u00g0"': "invalid character 'g' in \\u hexadecimal character escape",
  '-': 'unexpected end of JSON input',
  '-a': "invalid character 'a' in numeric literal",
  '1.a': "invalid character 'a' after decimal point in numeric literal",
  '1e': 'unexpected end of JSON input',
  '1e+x': "invalid character 'x' in exponent of numeric literal",
  '01': "invalid character '1' after top-level value",
  "'a'": "invalid character '\\'' looking for beginning of value",
  é: "invalid character 'Ã' looking for beginning of value",
}

for (const [text, error] of Object.entries(ERRORS)) {
  test(`${JSON.stringify(text)} is refused in the words of Go`, () =>
    assert.equal(scanJson(text).error, error))
}

test('what JSON.parse reads is read, and nothing else', () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
  const texts = fc.oneof(
    fc.json(),
    fc.string({ unit: fc.constantFrom(...Array.from('{}[]":,0123456789-+.eE\\u \ntfnrals\u0000')) }),
  )
  fc.assert(fc.property(texts, (text) => (scanJson(text).error === undefined) === isJson(text)))
})

test('members that stand twice are found wherever they are, and told in the order of the text', () => {
  const text = '{"a":{"b":1,"b":2},"c":[{"d":1,"\\u0064":2}],"a":3,"e":{"a":1}}'
  assert.deepEqual(scanJson(text).duplicates.map(formatJsonPath), ['a.b', 'c[0].d', 'a'])
})

test('each value is shown with its path and the text of a scalar', () => {
  const seen: string[] = []
  scanJson('{"a":[1e999,"x",{"b":null}]}', (path, source) => seen.push(`${formatJsonPath(path)}=${source}`))
  assert.deepEqual(seen, ['=', 'a=', 'a[0]=1e999', 'a[1]="x"', 'a[2]=', 'a[2].b=null'])
})

test('a hundred thousand levels are read', () => {
  assert.equal(scanJson('['.repeat(100_000)).error, 'unexpected end of JSON input')
  assert.equal(scanJson(`${'['.repeat(100_000)}${']'.repeat(100_000)}`).error, undefined)
})
