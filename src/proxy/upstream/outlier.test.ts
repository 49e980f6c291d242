import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '../../base/index.ts'
import type { OutlierDetection } from '../../model/index.ts'
import { createOutlierDetector } from './outlier.ts'

const POLICY: OutlierDetection = {
  consecutive5xx: 3,
  consecutiveGatewayErrors: 0,
  consecutiveLocalFailures: 2,
  splitLocal: false,
  intervalMs: 1000,
  baseEjectionMs: 5000,
  maxEjectionPercent: 50,
  minHealthPercent: 0,
}

function setUp(policy: Partial<OutlierDetection> = {}, hosts: readonly string[] = ['a', 'b', 'c', 'd']) {
  const clock = createManualClock()
  let changes = 0
  const detector = createOutlierDetector<string>({
    policy: { ...POLICY, ...policy },
    clock,
    hosts: () => hosts,
    onChange: () => changes++,
  })
  const fail = (host: string, times = 3) => {
    for (let i = 0; i < times; i++) detector.report(host, 500)
  }
  return {
    clock,
    detector,
    fail,
    usable: () => hosts.filter((host) => !detector.isEjected(host)).join(''),
    changes: () => changes,
  }
}

test('a host that fails so many times in a row is left out, and comes back when its time is over', () => {
  const { clock, detector, fail, usable, changes } = setUp()
  fail('a', 2)
  detector.report('a', 200)
  fail('a', 2)
  assert.equal(usable(), 'abcd')
  detector.report('a', 503)
  assert.equal(usable(), 'bcd')
  clock.advance(4999)
  assert.equal(usable(), 'bcd')
  clock.advance(1001)
  assert.equal(usable(), 'abcd')
  assert.equal(changes(), 2)
})

test('each ejection lasts longer than the last, until the host has behaved for a while', () => {
  const { clock, fail, usable } = setUp()
  fail('a')
  clock.advance(5000)
  assert.equal(usable(), 'abcd')
  fail('a')
  clock.advance(9000)
  assert.equal(usable(), 'bcd')
  clock.advance(1000)
  assert.equal(usable(), 'abcd')
  clock.advance(5000)
  fail('a')
  clock.advance(5000)
  assert.equal(usable(), 'abcd')
})

test('no more than the share is left out, but for the first', () => {
  const { fail, usable } = setUp({ maxEjectionPercent: 50 })
  for (const host of ['a', 'b', 'c']) fail(host)
  assert.equal(usable(), 'cd')
  const one = setUp({ maxEjectionPercent: 10 })
  one.fail('a')
  one.fail('b')
  assert.equal(one.usable(), 'bcd')
})

test('connections that fail count as gateway errors, or for themselves', () => {
  const joined = setUp({ consecutive5xx: 0, consecutiveGatewayErrors: 2 })
  joined.detector.report('a', 'local')
  joined.detector.report('a', 504)
  assert.equal(joined.usable(), 'bcd')
  const split = setUp({ splitLocal: true })
  split.detector.report('a', 'local')
  split.detector.report('a', 500)
  split.detector.report('a', 'local')
  assert.equal(split.usable(), 'abcd')
  split.detector.report('a', 'local')
  assert.equal(split.usable(), 'bcd')
})

test('statuses that are named count in the place of 5xx, and no others', () => {
  const { detector, fail, usable } = setUp({ errorStatuses: [429, 503] })
  fail('a', 5)
  assert.equal(usable(), 'abcd')
  for (const status of [429, 503]) detector.report('b', status)
  detector.report('b', 502)
  for (const status of [429, 503]) detector.report('b', status)
  assert.equal(usable(), 'abcd')
  detector.report('b', 429)
  assert.equal(usable(), 'acd')
})
