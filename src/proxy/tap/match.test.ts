import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseTapConfig } from './config.ts'
import { compileMatch, type FieldReader } from './match.ts'

const REQUEST: Readonly<Record<string, string>> = { ':path': '/api/users', 'x-user': 'Jonathan' }
const RESPONSE: Readonly<Record<string, string>> = { ':status': '503' }
const request: FieldReader = (name) => REQUEST[name]
const response: FieldReader = (name) => RESPONSE[name]

function holds(predicate: unknown, answered = true): boolean | undefined {
  const match = compileMatch(predicate, 'match')
  assert.ok(match.ok, match.ok ? '' : match.error)
  return match.value(request, answered ? response : undefined)
}

const header = (condition: unknown) => ({ http_request_headers_match: { headers: [condition] } })
const status = (text: string) => ({
  http_response_headers_match: { headers: [{ name: ':status', string_match: { exact: text } }] },
})

describe('the predicate of a tap', () => {
  test('looks at fields by all conditions of texts', () => {
    const cases: readonly (readonly [unknown, boolean])[] = [
      [{ name: ':path', string_match: { prefix: '/api' } }, true],
      [{ name: ':path', prefix_match: '/app' }, false],
      [{ name: ':path', string_match: { suffix: 'users' } }, true],
      [{ name: ':path', contains_match: 'i/u' }, true],
      [{ name: 'X-User', string_match: { exact: 'jonathan', ignore_case: true } }, true],
      [{ name: 'x-user', exact_match: 'jonathan' }, false],
      [{ name: ':path', string_match: { safe_regex: { regex: '/api/[a-z]+' } } }, true],
      [{ name: ':path', string_match: { safe_regex: { regex: '/api' } } }, false],
      [{ name: 'x-user', present_match: true }, true],
      [{ name: 'x-user' }, true],
      [{ name: 'x-none', present_match: false }, true],
      [{ name: 'x-user', present_match: true, invert_match: true }, false],
    ]
    for (const [condition, expected] of cases) {
      assert.equal(holds(header(condition)), expected, JSON.stringify(condition))
    }
  })

  test('is unknown while the answer is, unless the request alone decides', () => {
    assert.equal(holds(status('503'), false), undefined)
    assert.equal(holds({ not_match: status('503') }, false), undefined)
    const wrong = header({ name: 'x-none', present_match: true })
    const right = header({ name: 'x-user', present_match: true })
    assert.equal(holds({ and_match: { rules: [status('503'), wrong] } }, false), false)
    assert.equal(holds({ and_match: { rules: [status('503'), right] } }, false), undefined)
    assert.equal(holds({ or_match: { rules: [status('1'), right] } }, false), true)
    assert.equal(holds({ or_match: { rules: [status('1'), wrong] } }, false), undefined)
  })

  test('says of the request alone nothing that the answer could change', () => {
    const leaf = fc.constantFrom(
      { any_match: true },
      status('503'),
      status('200'),
      header({ name: 'x-user', present_match: true }),
      header({ name: 'x-none', present_match: true }),
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        tie('tree').map((inner) => ({ not_match: inner })),
        fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map((rules) => ({ and_match: { rules } })),
        fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map((rules) => ({ or_match: { rules } })),
      ),
    }))
    fc.assert(
      fc.property(tree, (predicate) => {
        const early = holds(predicate, false)
        const whole = holds(predicate)
        assert.notEqual(whole, undefined)
        if (early !== undefined) assert.equal(early, whole)
      }),
    )
  })
})

test('whatever is sent as a configuration is taken or refused with words', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      const parsed = parseTapConfig(text)
      if (!parsed.ok) assert.notEqual(parsed.error, '')
    }),
  )
  const bad = parseTapConfig('{"tap_config":{"match":{"any_match":true,"not_match":{}}}}')
  assert.match(bad.ok ? '' : bad.error, /tap_config\.match must have exactly one rule/)
})
