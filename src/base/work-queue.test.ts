import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from './clock.ts'
import { silentLogger } from './logger.ts'
import { createWorkQueue, type WorkQueueOptions } from './work-queue.ts'

const clock = createManualClock()
const base = {
  name: 'test',
  concurrency: 2,
  retryBaseMs: 10,
  retryMaxMs: 100,
  clock,
  random: { next: () => 0 },
  logger: silentLogger,
} satisfies Partial<WorkQueueOptions>

test('a key added many times while it waits is worked on once', async () => {
  const seen: string[] = []
  const queue = createWorkQueue({ ...base, concurrency: 1, reconcile: async (key) => void seen.push(key) })
  for (const key of ['a', 'b', 'b', 'b']) queue.add(key)
  await queue.idle()
  assert.deepEqual(seen, ['a', 'b'])
})

test('a key added while it is worked on is worked on once more, never twice at once', async () => {
  let active = 0
  let runs = 0
  const queue = createWorkQueue({
    ...base,
    reconcile: async () => {
      active += 1
      assert.equal(active, 1)
      runs += 1
      if (runs === 1) queue.add('a')
      await Promise.resolve()
      active -= 1
      return undefined
    },
  })
  queue.add('a')
  await queue.idle()
  assert.equal(runs, 2)
})

test('a failure is tried again after a growing wait', async () => {
  let runs = 0
  const queue = createWorkQueue({
    ...base,
    reconcile: async () => {
      runs += 1
      if (runs < 3) throw new Error('not yet')
      return undefined
    },
  })
  queue.add('a')
  await queue.idle()
  clock.advance(4)
  await queue.idle()
  assert.equal(runs, 1)
  clock.advance(1) // 5 ms: half of the first ceiling
  await queue.idle()
  assert.equal(runs, 2)
  clock.advance(10)
  await queue.idle()
  assert.equal(runs, 3)
})

test('stopping waits for work under way and takes no more', async () => {
  let finish = () => {}
  let finished = false
  const queue = createWorkQueue({
    ...base,
    reconcile: () =>
      new Promise((resolve) => {
        finish = () => {
          finished = true
          resolve(undefined)
        }
      }),
  })
  queue.add('a')
  const stopped = queue.stop()
  queue.add('b')
  finish()
  await stopped
  assert.equal(finished, true)
})
