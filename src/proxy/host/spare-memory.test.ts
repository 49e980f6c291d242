import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock, silentLogger } from '../../base/index.ts'
import { createSpareMemory } from './spare-memory.ts'

const MINUTE_MS = 60_000

function start(fail = false) {
  const clock = createManualClock()
  let released = 0
  const spare = createSpareMemory(clock, silentLogger, () => {
    released++
    if (fail) throw new Error('EACCES')
  })
  return { clock, spare, released: () => released }
}

test('memory is given back 11 s and a minute after a change, and every ten minutes', () => {
  const { clock, spare, released } = start()
  clock.advance(20 * MINUTE_MS)
  assert.equal(released(), 0)
  spare.expect()
  clock.advance(10_999)
  assert.equal(released(), 0)
  clock.advance(1)
  assert.equal(released(), 1)
  clock.advance(MINUTE_MS)
  assert.equal(released(), 2)
  clock.advance(30 * MINUTE_MS)
  assert.equal(released(), 5)
  spare.close()
  clock.advance(30 * MINUTE_MS)
  assert.equal(released(), 5)
})

test('where one change follows another it is given back all the same', () => {
  const { clock, spare, released } = start()
  for (let second = 0; second < 60; second++) {
    spare.expect()
    clock.advance(1000)
  }
  assert.equal(released(), 1)
  for (let second = 0; second < 60; second++) {
    spare.expect()
    clock.advance(1000)
  }
  assert.equal(released(), 3)
})

test('what has failed is not tried again before the next change', () => {
  const { clock, spare, released } = start(true)
  spare.expect()
  clock.advance(60 * MINUTE_MS)
  assert.equal(released(), 1)
  spare.expect()
  clock.advance(MINUTE_MS)
  assert.equal(released(), 2)
})
