import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, systemClock } from '../../base/index.ts'
import { OVERLOAD, overloadOf, singleBoard } from '../net/intake.ts'
import { until } from '../testing.ts'
import { actionsAt, startHeapShrinker, startOverloadGuard } from './overload-guard.ts'

const { keepAliveOff, refuseRequests, refuseConnections } = OVERLOAD

test('the fuller the memory, the less is taken', () => {
  assert.equal(actionsAt(0.5, 0), 0)
  assert.equal(actionsAt(0.9, 0), keepAliveOff)
  assert.equal(actionsAt(0.96, 0), keepAliveOff | refuseRequests)
  assert.equal(actionsAt(1.2, 0), keepAliveOff | refuseRequests | refuseConnections)
})

test('an action ends a little below where it begins', () => {
  assert.equal(actionsAt(0.93, keepAliveOff | refuseRequests), keepAliveOff | refuseRequests)
  assert.equal(actionsAt(0.88, keepAliveOff | refuseRequests), keepAliveOff)
  assert.equal(actionsAt(0.86, keepAliveOff | refuseRequests), 0)
})

test('the guard follows the memory of the process up and down', async () => {
  const board = { ...singleBoard(), isGuarded: true }
  let used = 50
  const stop = startOverloadGuard({
    board,
    memoryMax: 100,
    memoryUsed: () => used,
    clock: systemClock,
    logger: silentLogger,
  })
  const stopShrinking = startHeapShrinker(board, systemClock)
  used = 96
  await until(() => overloadOf(board) === (keepAliveOff | refuseRequests), 'requests are refused')
  used = 50
  await until(() => overloadOf(board) === 0, 'all is as before')
  stop()
  stopShrinking()
})
