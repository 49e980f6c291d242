import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { byCodeUnit, createContents } from './contents.ts'

test('the list is in the order of the keys, however many came and went since the last', () => {
  const steps = fc.array(
    fc.oneof(
      // Bursts beyond what is kept of changes, of keys that stay and of keys that pass.
      fc.record({ kind: fc.constantFrom('set', 'delete', 'pass'), from: fc.nat(3000), count: fc.nat(1500) }),
      fc.constant({ kind: 'list' as const, from: 0, count: 0 }),
    ),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(steps, (taken) => {
      const contents = createContents<string>()
      const plain = new Map<string, string>()
      for (const { kind, from, count } of taken) {
        for (let i = from; i < from + count; i++) {
          const key = `k${i}`
          if (kind === 'delete' || kind === 'pass') contents.set(key, 'passing')
          if (kind === 'set') contents.set(key, `v${i}`)
          else contents.delete(key)
          if (kind === 'set') plain.set(key, `v${i}`)
          else plain.delete(key)
        }
        if (kind === 'list') assert.deepEqual(contents.list(), valuesInOrder(plain))
      }
      assert.deepEqual(contents.list(), valuesInOrder(plain))
    }),
    { numRuns: 30 },
  )
})

function valuesInOrder(plain: ReadonlyMap<string, string>): readonly string[] {
  return [...plain].sort(([a], [b]) => byCodeUnit(a, b)).map(([, value]) => value)
}
