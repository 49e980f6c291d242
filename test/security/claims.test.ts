import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const ROOT = new URL('../../', import.meta.url)

/** `path`: name, at the end of a cell or between brackets. */
const CLAIM = /`((?:src|test)\/[\w./-]+\.test\.ts)`: ([^|)\n]+?)(?= *[|)\n])/g
/** The rows of a table whose tests are all in one file, which its head names. */
const CROSS_NAMESPACE = 'test/security/cross-namespace.test.ts'

function claimsOf(text: string): readonly { readonly path: string; readonly name: string }[] {
  const named = [...text.matchAll(CLAIM)].map(([, path = '', name = '']) => ({ path, name }))
  const [, table = ''] = text.split(`test in \`${CROSS_NAMESPACE}\``)
  const rows = table.split('\n\n')[0]?.split('\n').slice(2) ?? []
  const listed = rows.map((row) => ({ path: CROSS_NAMESPACE, name: row.split('|')[2]?.trim() ?? '' }))
  return [...named, ...listed]
}

function isThere({ path, name }: { readonly path: string; readonly name: string }): boolean {
  const source = readFileSync(new URL(path, ROOT), 'utf8')
  return ["'", '"', '`'].some((quote) => source.includes(`${quote}${name}${quote}`))
}

test('each claim of the security review names a test that exists', () => {
  const claims = claimsOf(readFileSync(new URL('docs/security.md', ROOT), 'utf8'))
  assert.ok(claims.length > 30, `${claims.length} claims were found`)
  assert.deepEqual(
    claims.filter((claim) => !isThere(claim)),
    [],
  )
})

test('a claim whose test has another name is found', () => {
  const [claim] = claimsOf('| x | `test/security/claims.test.ts`: no such name |\n')
  assert.deepEqual(claim, { path: 'test/security/claims.test.ts', name: 'no such name' })
  assert.ok(
    isThere({ path: 'test/security/claims.test.ts', name: 'a claim whose test has another name is found' }),
  )
  assert.ok(!isThere({ path: 'test/security/claims.test.ts', name: ['no', 'such', 'test'].join(' ') }))
})
