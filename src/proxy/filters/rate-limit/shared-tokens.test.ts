import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { createSharedTokens, createTokenMemory } from './shared-tokens.ts'

test('threads that share a bucket get no more together than one would alone', () => {
  fc.assert(
    fc.property(
      fc.record({
        maxTokens: fc.integer({ min: 1, max: 20 }),
        tokensPerFill: fc.integer({ min: 1, max: 20 }),
        fillIntervalMs: fc.integer({ min: 1, max: 1000 }),
      }),
      fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 0, max: 300 })), { maxLength: 150 }),
      (bucket, steps) => {
        const memory = createTokenMemory()
        let ns = 10n ** 15n
        const threads = [0, 1, 2].map(() => createSharedTokens(memory, () => ns)('k', bucket))
        const start = ns
        let taken = 0
        for (const [thread, ms] of steps) {
          ns += BigInt(ms) * 1_000_000n
          if (threads[thread]?.take(0) === true) taken++
          const passed = Number(ns - start) / 1e6
          assert.ok(
            taken <= bucket.maxTokens + (passed * bucket.tokensPerFill) / bucket.fillIntervalMs + 1e-3,
          )
        }
      },
    ),
  )
})

test('each key has its tokens, and says what is left of them', () => {
  let ns = 10n ** 15n
  const tokens = createSharedTokens(createTokenMemory(), () => ns)
  const bucket = { maxTokens: 2, tokensPerFill: 1, fillIntervalMs: 1000 }
  const [a, b] = [tokens('a', bucket), tokens('b', bucket)]
  assert.deepEqual([a.take(0), a.take(0), a.take(0), b.take(0)], [true, true, false, true])
  assert.deepEqual([a.remaining(0), a.waitMs(0), b.remaining(0)], [0, 1000, 1])
  ns += 1_500_000_000n
  assert.deepEqual([a.remaining(0), a.waitMs(0)], [1, 0])
})

test('more keys than there are places for still have tokens', () => {
  const tokens = createSharedTokens(createTokenMemory())
  const bucket = { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 3_600_000 }
  for (let i = 0; i < 5000; i++) assert.ok(tokens(`k${i}`, bucket).take(0))
})

test('real threads that ask at once get exactly what there is', async () => {
  const memory = createTokenMemory()
  const module = new URL('./shared-tokens.ts', import.meta.url).href
  const code = `
    const { workerData, parentPort } = require('node:worker_threads')
    import(workerData.module).then(({ createSharedTokens }) => {
      const bucket = createSharedTokens(workerData.memory)('k', workerData.bucket)
      let taken = 0
      for (let i = 0; i < 5000; i++) if (bucket.take(0)) taken++
      parentPort.postMessage(taken)
    })`
  const bucket = { maxTokens: 3000, tokensPerFill: 1, fillIntervalMs: 3_600_000 }
  const workers = [0, 1].map(() => new Worker(code, { eval: true, workerData: { memory, bucket, module } }))
  const taken = await Promise.all(workers.map(async (worker) => Number((await once(worker, 'message'))[0])))
  assert.equal((taken[0] ?? 0) + (taken[1] ?? 0), 3000)
  await Promise.all(workers.map((worker) => worker.terminate()))
})
