import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareEqual } from './share-equal.ts'

test('equal parts of several objects are one, and every object says what it said', () => {
  const made = (name: string) => ({ name, action: { to: [{ host: 'up' }], timeouts: {} }, labels: ['a'] })
  const values = [made('one'), made('two')]
  shareEqual(values)
  assert.deepEqual(values, [made('one'), made('two')])
  assert.equal(values[0]?.action, values[1]?.action)
  assert.equal(values[0]?.labels, values[1]?.labels)
})

test('a text is never taken for an object that is written the same', () => {
  const values = [{ part: '{"a":1}' }, { part: { a: 1 } }, { part: '' }, { part: [] }, { part: {} }]
  const before = structuredClone(values)
  shareEqual(values)
  assert.deepEqual(values, before)
})
