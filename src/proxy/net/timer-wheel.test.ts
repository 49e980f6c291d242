import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createManualClock } from '../../base/index.ts'
import { createTimerWheel, createWheelTimer } from './timer-wheel.ts'

test('every timer fires once, never early and at most a tick late', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 700 }),
      (delays, step) => {
        const clock = createManualClock(12_345)
        const wheel = createTimerWheel(clock)
        const firedAt: number[] = delays.map(() => -1)
        delays.forEach((ms, index) => {
          const timer = createWheelTimer(() => {
            assert.equal(firedAt[index], -1, 'fired twice')
            firedAt[index] = clock.monotonic() - 12_345
          })
          wheel.set(timer, ms)
        })
        for (let passed = 0; passed < 9100; passed += step) clock.advance(step)
        delays.forEach((ms, index) => {
          assert.ok((firedAt[index] as number) >= ms, `timer of ${ms} ms fired at ${firedAt[index]}`)
          assert.ok(
            (firedAt[index] as number) <= ms + 8,
            `timer of ${ms} ms fired late, at ${firedAt[index]}`,
          )
        })
      },
    ),
  )
})

test('a cleared timer does not fire, also when it is cleared by one that is due together with it', () => {
  const clock = createManualClock()
  const wheel = createTimerWheel(clock)
  const fired: string[] = []
  const a = createWheelTimer(() => {
    fired.push('a')
    wheel.clear(b)
  })
  const b = createWheelTimer(() => {
    fired.push('b')
    wheel.clear(a)
  })
  wheel.set(a, 10)
  wheel.set(b, 10)
  clock.advance(50)
  assert.equal(fired.length, 1)
})

test('a timer that is set again fires at the new time only', () => {
  const clock = createManualClock()
  const wheel = createTimerWheel(clock)
  let fired = 0
  const timer = createWheelTimer(() => fired++)
  wheel.set(timer, 100)
  clock.advance(50)
  wheel.set(timer, 2000)
  clock.advance(1500)
  assert.equal(fired, 0)
  clock.advance(600)
  assert.equal(fired, 1)
})

test('a callback may set and clear timers of its own slot that are not due', () => {
  const clock = createManualClock(0)
  const wheel = createTimerWheel(clock)
  const fired: string[] = []
  const later = createWheelTimer(() => fired.push('later'))
  const cleared = createWheelTimer(() => fired.push('cleared'))
  const first = createWheelTimer(() => {
    fired.push('first')
    wheel.set(later, 300)
    wheel.clear(cleared)
  })
  // One second of the coarse wheel: only the first is due when it comes up.
  wheel.set(first, 2048)
  wheel.set(later, 2900)
  wheel.set(cleared, 2901)
  clock.advance(20_000)
  assert.deepEqual(fired, ['first', 'later'])
})
