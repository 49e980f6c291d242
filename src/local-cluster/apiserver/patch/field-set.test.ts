import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StructuralSchema } from '../../../kube/index.ts'
import { commonFields, compareFields, type FieldSet, pathsOf, unionOf, withoutFields } from './field-set.ts'

const SCHEMA: StructuralSchema = {
  type: 'object',
  properties: {
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    map: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'string' } } },
    },
    atomic: { type: 'object', 'x-kubernetes-map-type': 'atomic' },
  },
}

const text = fc.constantFrom('a', 'b', 'c')
const values = fc.record(
  {
    set: fc.uniqueArray(text),
    map: fc.uniqueArray(fc.record({ name: text, value: text }), { selector: ({ name }) => name }),
    atomic: fc.dictionary(text, text),
    plain: fc.dictionary(text, fc.oneof(text, fc.dictionary(text, text), fc.array(text, { maxLength: 2 }))),
  },
  { requiredKeys: [] },
)

/** Everything that a value holds, as a new object would be owned. */
const fieldsOf = (value: object): FieldSet => compareFields({}, value, SCHEMA).changed
const leaves = (set: FieldSet): readonly string[] => [...new Set(pathsOf(set))].sort()

test('nothing has changed between equal values, whatever the order of their members', () => {
  fc.assert(
    fc.property(values, (value) => {
      const reversed = Object.fromEntries(Object.entries(structuredClone(value)).reverse())
      assert.deepEqual(compareFields(value, reversed, SCHEMA), { changed: {}, removed: {} })
    }),
  )
})

test('what was removed one way was added the other way', () => {
  fc.assert(
    fc.property(values, values, (before, after) => {
      const there = compareFields(before, after, SCHEMA)
      const back = compareFields(after, before, SCHEMA)
      for (const path of leaves(there.removed)) assert.ok(leaves(back.changed).includes(path), path)
    }),
  )
})

test('a set without another has nothing in common with it, and both parts make the whole again', () => {
  fc.assert(
    fc.property(values, values, (one, other) => {
      const [a, b] = [fieldsOf(one), fieldsOf(other)]
      const rest = withoutFields(a, b)
      assert.deepEqual(commonFields(rest, b), {})
      assert.deepEqual(leaves(unionOf(rest, commonFields(a, b))), leaves(a))
    }),
  )
})

test('the order in which sets are joined does not matter', () => {
  fc.assert(
    fc.property(values, values, (one, other) => {
      const [a, b] = [fieldsOf(one), fieldsOf(other)]
      assert.deepEqual(leaves(unionOf(a, b)), leaves(unionOf(b, a)))
    }),
  )
})

test('paths name list entries by their keys and set entries by their value', () => {
  const set = fieldsOf({ map: [{ name: 'a', value: 'b' }], set: ['x'] })
  assert.deepEqual(pathsOf(withoutFields(set, { 'f:map': { '.': {} }, 'f:set': { '.': {} } })), [
    '.map[name="a"]',
    '.map[name="a"].name',
    '.map[name="a"].value',
    '.set[="x"]',
  ])
})
