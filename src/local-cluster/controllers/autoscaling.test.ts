import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStabilizer, scaleByUtilization } from './autoscaling.ts'

const base = { currentReplicas: 2, minReplicas: 1, maxReplicas: 5, targetUtilization: 80 }
const pod = (usedMillis: number) => ({ usedMillis, requestedMillis: 100 })

test('desired replicas are the current ones times the ratio of use to target, rounded up', () => {
  const result = scaleByUtilization({ ...base, pods: [pod(160), pod(160)] })
  assert.deepEqual(result, { utilization: 160, averageMillis: 160, desiredReplicas: 4 })
})

test('a ratio within a tenth of the target changes nothing', () => {
  assert.equal(scaleByUtilization({ ...base, pods: [pod(86), pod(86)] })?.desiredReplicas, 2)
})

test('the bounds hold', () => {
  assert.equal(scaleByUtilization({ ...base, pods: [pod(900), pod(900)] })?.desiredReplicas, 5)
  assert.equal(scaleByUtilization({ ...base, pods: [pod(0), pod(0)] })?.desiredReplicas, 1)
})

test('without figures or requests nothing is decided', () => {
  assert.equal(scaleByUtilization({ ...base, pods: [] }), undefined)
  assert.equal(scaleByUtilization({ ...base, pods: [{ usedMillis: 5, requestedMillis: 0 }] }), undefined)
})

test('scaling down waits until the window holds no higher recommendation', () => {
  const stabilizer = createStabilizer(300_000)
  assert.equal(stabilizer.recommend('a', 4, 4, 0), 4)
  assert.equal(stabilizer.recommend('a', 1, 4, 10_000), 4)
  assert.equal(stabilizer.recommend('a', 1, 4, 300_001), 1)
  assert.equal(stabilizer.recommend('a', 5, 1, 300_002), 5)
})
