import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSchedule } from './cron-schedule.ts'

test('what is no schedule is refused with a reason', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['* * * *', /expected exactly 5 fields, found 4/],
    ['60 * * * *', /above maximum \(59\)/],
    ['* * 0 * *', /below minimum \(1\)/],
    ['5-1 * * * *', /beyond end of range/],
    ['*/0 * * * *', /positive number/],
    ['x * * * *', /failed to parse int from x/],
    ['* * * * 7', /above maximum \(6\)/],
    ['@sometimes', /unrecognized descriptor/],
    ['@every soon', /failed to parse duration/],
  ]
  for (const [text, reason] of cases) {
    const parsed = parseSchedule(text)
    assert.ok(!parsed.ok, text)
    assert.match(parsed.error, reason)
  }
})
