import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normalizePath, normalizePathBy } from './normalize-path.ts'

test('dot segments, encoded letters and backslashes are resolved, the query is left alone', () => {
  for (const [path, expected] of [
    ['/', '/'],
    ['/a/b?c=/../d', '/a/b?c=/../d'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/b/..', '/a/'],
    ['/a/.', '/a/'],
    ['/a/%2e%2e/b', '/b'],
    ['/a/%2E/b', '/a/b'],
    ['/%61dmin', '/admin'],
    ['/a%2Fb', '/a%2Fb'],
    ['/a\\..\\b', '/b'],
    ['/a//b', '/a//b'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a/...', '/a/...'],
    ['/..', undefined],
    ['/a/../../b', undefined],
    ['/a%00b', undefined],
    ['/%%36%31dmin', '/admin'],
    ['/%2%35', '/%25'],
    ['/%%30%30', undefined],
  ] as const) {
    assert.equal(normalizePath(path), expected, path)
  }
})

test('a normalised path is normal', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^(\/([a-c.]|%2e|%2F|\\){0,4}){1,5}$/), (path) => {
      const once = normalizePath(path)
      if (once !== undefined) assert.equal(normalizePath(once), once)
    }),
  )
})

test('a path that is normal in any way is so for good', () => {
  const part = fc.constantFrom(
    '/',
    '\\',
    '.',
    '%',
    '2',
    '5',
    'e',
    'f',
    'c',
    '3',
    '6',
    '1',
    '%2f',
    '%5C',
    '%2e',
    '%25',
    'a',
  )
  const path = fc.array(part, { maxLength: 24 }).map((parts) => `/${parts.join('')}`)
  for (const how of ['base', 'merge-slashes', 'decode-and-merge-slashes'] as const) {
    fc.assert(
      fc.property(path, (given) => {
        const once = normalizePathBy(how, given)
        if (once !== undefined) assert.equal(normalizePathBy(how, once), once)
      }),
      { numRuns: 1000 },
    )
  }
})
