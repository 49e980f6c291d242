import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { percentile, table } from './figures.ts'

test('a percentile is a measured value with at least its share of the values at or below it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (values, share) => {
        const found = percentile(values, share)
        assert.ok(values.includes(found))
        assert.ok(values.filter((value) => value <= found).length >= Math.floor(values.length * share))
      },
    ),
  )
})

test('the median of sixty values is the thirtieth, p99 the greatest', () => {
  const values = Array.from({ length: 60 }, (_, index) => 60 - index)
  assert.equal(percentile(values, 0.5), 30)
  assert.equal(percentile(values, 0.99), 60)
})

test('a table says whether each goal is met', () => {
  assert.deepEqual(
    table([
      { name: 'first 200', value: 9.5, unit: 's', most: 15 },
      { name: 'sum', value: 512.3, unit: 'MB', most: 400 },
      { name: 'p50', value: 12.34, unit: 'ms' },
    ]),
    ['  first 200   9.50 s  ✔ goal 15', '  sum         512 MB  ✗ goal 400', '  p50        12.3 ms'],
  )
})
