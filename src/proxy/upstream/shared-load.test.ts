import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ConnectionLimits } from '../../model/index.ts'
import {
  countConnection,
  countPending,
  countRequest,
  createLoad,
  giveRetryBack,
  limitsOf,
  mayConnect,
  mayRequest,
  mayWait,
  shareLoad,
  takeRetry,
} from './load.ts'
import { createLoadMemory, createSharedLoads, forgetWorkerLoads, LOAD } from './shared-load.ts'

const WORKERS = 3

describe('what the threads of a process have under way for a cluster', () => {
  const threadsOf = (memory: SharedArrayBuffer) =>
    Array.from({ length: WORKERS }, (_, worker) => createSharedLoads(memory, { worker, workers: WORKERS }))

  function loadsOf(limits: ConnectionLimits, retryBudget?: { percent: number; concurrencyMin: number }) {
    const memory = createLoadMemory(WORKERS)
    const loads = threadsOf(memory).map((shared) => {
      const load = createLoad(limitsOf(limits, retryBudget))
      shareLoad(load, shared('c'))
      return load
    })
    return { memory, loads }
  }

  test('counts against the limits of each', () => {
    const { loads } = loadsOf({ connectionsMax: 2, pendingMax: 1, requestsMax: 2, retriesMax: 1 })
    const [a, b, c] = loads as [(typeof loads)[0], (typeof loads)[0], (typeof loads)[0]]
    countConnection(a, 1)
    assert.equal(mayConnect(c), true)
    countConnection(b, 1)
    assert.deepEqual(loads.map(mayConnect), [false, false, false])
    countConnection(a, -1)
    assert.deepEqual(loads.map(mayConnect), [true, true, true])
    countPending(c, 1)
    assert.deepEqual(loads.map(mayWait), [false, false, false])
    countRequest(b, 1)
    countRequest(b, 1)
    assert.deepEqual(loads.map(mayRequest), [false, false, false])
    assert.equal(takeRetry(a), true)
    assert.equal(takeRetry(b), false)
    giveRetryBack(a)
    assert.equal(takeRetry(b), true)
  })

  test('is what a budget of retries is measured against', () => {
    const { loads } = loadsOf({}, { percent: 20, concurrencyMin: 0 })
    const [a, b] = loads as [(typeof loads)[0], (typeof loads)[0]]
    assert.equal(takeRetry(a), false)
    for (let i = 0; i < 5; i++) countRequest(b, 1)
    assert.equal(takeRetry(a), true)
    assert.equal(takeRetry(b), false)
  })

  test('is another thing for each cluster', () => {
    const [a, b] = threadsOf(createLoadMemory(WORKERS))
    a?.('one')?.add(LOAD.requests, 5)
    assert.equal(b?.('two')?.elsewhere(LOAD.requests), 0)
    assert.equal(b?.('one')?.elsewhere(LOAD.requests), 5)
  })

  test('is taken over when limits come, and leaves when they go', () => {
    const [a, b] = threadsOf(createLoadMemory(WORKERS))
    const load = createLoad()
    countRequest(load, 1)
    shareLoad(load, a?.('c'))
    const other = b?.('c')
    assert.equal(other?.elsewhere(LOAD.requests), 1)
    shareLoad(load, undefined)
    countRequest(load, -1)
    assert.equal(other?.elsewhere(LOAD.requests), 0)
  })

  test('ends with a thread that dies, even one that was just looking for its place', () => {
    const { memory, loads } = loadsOf({ requestsMax: 1 })
    const [a, b] = loads as [(typeof loads)[0], (typeof loads)[0]]
    countRequest(a, 1)
    new Int32Array(memory)[0] = 1
    forgetWorkerLoads(memory, 0, WORKERS)
    assert.equal(mayRequest(b), true)
    assert.ok(threadsOf(memory)[0]?.('d'))
  })

  test('has room for thousands of clusters, and for others when those are gone', () => {
    const [a] = threadsOf(createLoadMemory(WORKERS))
    for (let round = 0; round < 3; round++) {
      const found = Array.from({ length: 2500 }, (_, i) => a?.(`c${round} ${i}`))
      assert.ok(found.every((one) => one !== undefined))
      for (const one of found) one?.release()
    }
  })

  test('has a bound: a cluster that finds no room counts for itself', () => {
    const [a] = threadsOf(createLoadMemory(WORKERS))
    const found = Array.from({ length: 4200 }, (_, i) => a?.(`c${i}`))
    assert.ok(found.some((one) => one === undefined))
  })
})
