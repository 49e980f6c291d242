import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { KubeObject } from '../../kube/index.ts'
import { createObjectTexts, listPieces } from './list-text.ts'

const object = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })

test('the pieces of a list together are its JSON, whatever the sizes of its items', () => {
  const sizes = fc.array(fc.oneof(fc.nat(100), fc.integer({ min: 100_000, max: 300_000 })), { maxLength: 12 })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const items = lengths.map((length, index) => ({ index, text: 'x'.repeat(length) }))
      const list = { kind: 'List', metadata: { resourceVersion: '7' }, items }
      const pieces = [...listPieces(list, items.length, (index) => JSON.stringify(items[index]))]
      assert.equal(pieces.join(''), JSON.stringify(list))
      const total = lengths.reduce((sum, length) => sum + length, 0)
      assert.ok(pieces.length <= 1 + total / (256 * 1024))
    }),
    { numRuns: 50 },
  )
})

test('an object is encoded once for each shape that is asked for in a row', () => {
  const texts = createObjectTexts()
  const one = object('one')
  let encoded = 0
  const shaped = {
    toJSON: () => {
      encoded += 1
      return { name: 'one' }
    },
  }
  assert.equal(
    texts.textOf(one, 'v1', () => shaped),
    '{"name":"one"}',
  )
  assert.equal(
    texts.textOf(one, 'v1', () => shaped),
    '{"name":"one"}',
  )
  assert.equal(encoded, 1)
  assert.equal(
    texts.textOf(one, 'metadata', () => ({ kind: 'PartialObjectMetadata' })),
    '{"kind":"PartialObjectMetadata"}',
  )
  assert.equal(
    texts.textOf(one, 'v1', () => shaped),
    '{"name":"one"}',
  )
})

test('what is asked for again stays, and what is not is forgotten when there is too much', () => {
  const texts = createObjectTexts(100)
  const often = object('often')
  const once = object('once')
  texts.textOf(once, 'v1', () => 'first')
  for (let index = 0; index < 40; index += 1) {
    assert.equal(
      texts.textOf(often, 'v1', () => (index === 0 ? 'kept' : 'made again')),
      '"kept"',
    )
    texts.textOf(object(String(index)), 'v1', () => 'filler')
  }
  assert.equal(
    texts.textOf(once, 'v1', () => 'again'),
    '"again"',
  )
})
