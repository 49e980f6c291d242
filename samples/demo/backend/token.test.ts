import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createTokens } from './token.ts'

const KEY = 'key'
const NOW_MS = 1_774_700_000_000
const tokens = createTokens(KEY, () => NOW_MS)

function token(header: unknown, claims: unknown, hash = 'sha256', key = KEY): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`
}

const HEADER = { alg: 'HS256', typ: 'JWT' }
const CLAIMS = { exp: NOW_MS / 1000 + 60, iss: 'demo-app', username: 'u' }

test('a token of ours names its user, with or without the word Bearer', () => {
  fc.assert(
    fc.property(fc.string(), (username) => {
      const signed = tokens.sign(username)
      assert.equal(tokens.verify(signed), username)
      assert.equal(tokens.verify(`Bearer ${signed}`), username)
    }),
  )
})

test('a token is good for 24 hours and not a second longer', () => {
  const signed = tokens.sign('u')
  const at = (seconds: number): string | undefined =>
    createTokens(KEY, () => NOW_MS + seconds * 1000).verify(signed)
  assert.equal(at(24 * 3600 - 1), 'u')
  assert.equal(at(24 * 3600), undefined)
})

test('every HMAC algorithm is taken', () => {
  assert.equal(tokens.verify(token({ alg: 'HS384' }, CLAIMS, 'sha384')), 'u')
  assert.equal(tokens.verify(token({ alg: 'HS512' }, CLAIMS, 'sha512')), 'u')
})

test('a token that is missing, malformed, of another key or algorithm, expired, or without a name is refused', () => {
  const [header, claims, signature] = token(HEADER, CLAIMS).split('.')
  const refused = [
    undefined,
    '',
    'Bearer ',
    'a.b.c',
    `${header}.${claims}`,
    `${header}.${claims}.`,
    `${header}.${claims}.${signature}.x`,
    token(HEADER, CLAIMS, 'sha256', 'another key'),
    token({ alg: 'none' }, CLAIMS),
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`,
    token({ alg: 'RS256' }, CLAIMS),
    token({ alg: 'HS512' }, CLAIMS, 'sha256'),
    token({ alg: 'HS256', crit: ['b64'] }, CLAIMS),
    token('text', CLAIMS),
    token(HEADER, { ...CLAIMS, exp: NOW_MS / 1000 - 1 }),
    token(HEADER, { ...CLAIMS, exp: 'tomorrow' }),
    token(HEADER, { ...CLAIMS, username: 7 }),
    token(HEADER, { exp: CLAIMS.exp }),
    token(HEADER, null),
  ]
  for (const text of refused) assert.equal(tokens.verify(text), undefined, text)
})

test('a token with any letter changed is refused', () => {
  const signed = tokens.sign('jonathan')
  fc.assert(
    fc.property(
      fc.nat(signed.length - 1),
      fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'),
      (at, letter) => {
        fc.pre(signed[at] !== letter)
        assert.equal(tokens.verify(signed.slice(0, at) + letter + signed.slice(at + 1)), undefined)
      },
    ),
  )
})
