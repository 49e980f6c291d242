import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bars, tally } from './sampling.ts'

test('a tally counts by name, in the order of names', () => {
  assert.deepEqual(
    [...tally(['b', 'a', 'b'], (one) => one)],
    [
      ['a', 1],
      ['b', 2],
    ],
  )
})

test('bars are in proportion and say count and share', () => {
  assert.deepEqual(
    bars(
      new Map([
        ['1.0.0', 3],
        ['2.0.0', 1],
      ]),
      4,
    ),
    ['1.0.0  ███░     3   75 %', '2.0.0  █░░░     1   25 %'],
  )
})
