import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mergeApplied } from './merge-applied.ts'
import { typedProblem } from './typed-check.ts'

const BY_NAME = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: { type: 'object', properties: { name: { type: 'string' }, size: { type: 'integer' } } },
} as const
const named = (names: string) => Array.from(names, (name) => ({ name }))

function merged(live: string, applied: string): string {
  const list = mergeApplied(named(live), named(applied), BY_NAME) as readonly { readonly name: string }[]
  return list.map(({ name }) => name).join('')
}

test('entries come in the order of the configuration, and those of others keep their place', () => {
  assert.equal(merged('w', 'sw'), 'sw')
  assert.equal(merged('ab', 'ba'), 'ba')
  assert.equal(merged('axb', 'nba'), 'xnba')
  assert.equal(merged('x', 'n'), 'xn')
  assert.equal(merged('axb', 'ab'), 'axb')
})

test('a merged list has every entry once, and the applied ones in their order', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e')).map((list) => list.join(''))
  fc.assert(
    fc.property(names, names, (live, applied) => {
      const result = merged(live, applied)
      assert.deepEqual(Array.from(result).toSorted(), [...new Set(live + applied)].toSorted())
      assert.equal(
        Array.from(result)
          .filter((name) => applied.includes(name))
          .join(''),
        applied,
      )
      const others = (text: string) =>
        Array.from(text)
          .filter((name) => !applied.includes(name))
          .join('')
      assert.equal(others(result), others(live))
    }),
  )
})

test('what does not fit the schema is told before anything is merged', () => {
  const schema = {
    type: 'object',
    properties: {
      list: BY_NAME,
      tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
      on: { type: 'boolean' },
      open: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { a: { type: 'string' } },
      },
    },
  } as const
  const cases: readonly (readonly [object, string | undefined])[] = [
    [{ list: [{ name: 'a', size: 1 }], tags: ['x'], on: true, open: { b: 1 } }, undefined],
    [{ odd: 1 }, '.odd: field not declared in schema'],
    [{ list: {} }, '.list: expected list, got &{map[]}'],
    [{ open: ['a'] }, '.open: expected map, got &{[a]}'],
    [{ open: { a: 1 } }, '.open.a: expected string, got &value.valueUnstructured{Value:1}'],
    [{ on: 'yes' }, '.on: expected boolean, got &{yes}'],
    [
      { list: [{ name: 'a', size: 'x' }] },
      '.list[name="a"].size: expected numeric (int or float), got string',
    ],
    [{ list: [{ name: 'a' }, { name: 'a' }] }, '.list: duplicate entries for key [name="a"]'],
    [{ tags: ['x', 'x'] }, '.tags: duplicate entries for key [="x"]'],
    [
      { list: [{ size: 1 }] },
      `.list: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn't have default values for any key fields)`,
    ],
    [{ odd: 1, on: 1 }, 'errors:\n  .odd: field not declared in schema\n  .on: expected boolean, got &{1}'],
  ]
  for (const [value, problem] of cases) assert.equal(typedProblem(value, schema), problem)
})
