import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normalizePath } from './normalize-path.ts'

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
