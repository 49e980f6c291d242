import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStabilizer, scaleByCpu } from './autoscaling.ts'

const target = { kind: 'utilization', percent: 80 } as const
const base = { currentReplicas: 2, minReplicas: 1, maxReplicas: 5, target }
const pod = (usedMillis: number, isSettled = true) => ({ usedMillis, requestedMillis: 100, isSettled })

test('desired replicas are the current ones times the ratio of use to target, rounded up', () => {
  assert.deepEqual(scaleByCpu({ ...base, pods: [pod(160), pod(160)] }), {
    utilization: 160,
    averageMillis: 160,
    rawReplicas: 4,
    desiredReplicas: 4,
  })
})

test('an average value is a target without requests', () => {
  const pods = [{ ...pod(400), requestedMillis: 0 }]
  const result = scaleByCpu({ ...base, target: { kind: 'average', millis: 200 }, pods })
  assert.deepEqual([result?.utilization, result?.desiredReplicas], [undefined, 2])
})

test('a ratio within a tenth of the target changes nothing', () => {
  assert.equal(scaleByCpu({ ...base, pods: [pod(86), pod(86)] })?.desiredReplicas, 2)
})

test('the bounds hold', () => {
  assert.equal(scaleByCpu({ ...base, pods: [pod(900), pod(900)] })?.desiredReplicas, 5)
  assert.equal(scaleByCpu({ ...base, pods: [pod(0), pod(0)] })?.desiredReplicas, 1)
})

test('what pods use to start is shown but does not make more of them', () => {
  const starting = scaleByCpu({ ...base, currentReplicas: 1, pods: [pod(900, false)] })
  assert.deepEqual([starting?.utilization, starting?.desiredReplicas], [900, 1])
  const beside = scaleByCpu({ ...base, pods: [pod(160), pod(900, false)] })
  assert.equal(beside?.desiredReplicas, 2)
  const busy = scaleByCpu({ ...base, pods: [pod(320), pod(900, false)] })
  assert.equal(busy?.desiredReplicas, 4)
})

test('pods that have just started are taken to be like the others where fewer will do', () => {
  const pods = [pod(40), pod(900, false), pod(900, false), pod(900, false)]
  assert.equal(scaleByCpu({ ...base, currentReplicas: 4, pods })?.desiredReplicas, 2)
})

test('without figures or requests nothing is decided', () => {
  assert.equal(scaleByCpu({ ...base, pods: [] }), undefined)
  assert.equal(scaleByCpu({ ...base, pods: [{ ...pod(5), requestedMillis: 0 }] }), undefined)
})

test('scaling down waits until the window holds no higher recommendation', () => {
  const stabilizer = createStabilizer()
  const recommend = (desired: number, current: number, nowMs: number) =>
    stabilizer.recommend('a', { desired, current, nowMs, windowMs: 300_000 })
  assert.equal(recommend(4, 4, 0), 4)
  assert.equal(recommend(1, 4, 10_000), 4)
  assert.equal(recommend(1, 4, 300_001), 1)
  assert.equal(recommend(5, 1, 300_002), 5)
})
