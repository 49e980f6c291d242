import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createScalingPace, type ScalingWish } from './autoscaler-pace.ts'
import { replicasByUse, type ScalingInput, type WeighedPod } from './autoscaling.ts'

const pod = (
  usedMillis: number,
  state: WeighedPod['state'] = 'ready',
  requestedMillis = 100,
): WeighedPod => ({
  state,
  usedMillis,
  requestedMillis,
})
function wanted(pods: readonly WeighedPod[], more: Partial<ScalingInput> = {}) {
  const target = { kind: 'utilization', percent: 80 } as const
  const tolerance = { up: 0.1, down: 0.1 }
  const result = replicasByUse({ currentReplicas: pods.length, target, pods, tolerance, ...more })
  return result.ok ? result.value : result.error
}
const replicas = (...input: Parameters<typeof wanted>) => {
  const result = wanted(...input)
  assert.ok(typeof result === 'object', JSON.stringify(result))
  return result.replicas
}

test('wanted are the ready pods times the ratio of use to target, rounded up', () => {
  assert.deepEqual(wanted([pod(160), pod(160)]), { utilization: 160, averageMillis: 160, replicas: 4 })
  assert.equal(replicas([pod(10), pod(10), pod(10)]), 1)
})

test('an average value is a target without requests', () => {
  const target = { kind: 'average', millis: 200 } as const
  assert.deepEqual(wanted([pod(400, 'ready', 0)], { target }), {
    utilization: undefined,
    averageMillis: 400,
    replicas: 2,
  })
})

test('a ratio within the tolerance changes nothing', () => {
  assert.equal(replicas([pod(86), pod(86)]), 2)
  assert.equal(replicas([pod(86), pod(86)], { tolerance: { up: 0.05, down: 0.1 } }), 3)
})

test('pods that have just started never make more of them', () => {
  assert.equal(
    wanted([pod(900, 'unready')]),
    'did not receive metrics for targeted pods (pods might be unready)',
  )
  assert.equal(replicas([pod(160), pod(900, 'unready')]), 2)
  assert.equal(replicas([pod(320), pod(900, 'unready')]), 4)
})

test('pods without figures are idle where more would be wanted, and busy where fewer', () => {
  assert.equal(replicas([pod(320), pod(0, 'missing')]), 4)
  assert.equal(replicas([pod(20), pod(0, 'missing')]), 2)
  assert.equal(replicas([pod(0), pod(0), pod(0, 'missing')]), 2)
})

test('pods that are about to go are not counted', () => {
  assert.equal(replicas([pod(160), pod(0, 'ignored')], { currentReplicas: 1 }), 2)
})

test('more use never asks for fewer pods', () => {
  const uses = fc.array(fc.nat(500), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(uses, fc.nat(200), (used, more) => {
      const before = replicas(used.map((use) => pod(use)))
      const after = replicas(used.map((use) => pod(use + more)))
      assert.ok(after >= before)
    }),
  )
})

function paceOf(common: Partial<ScalingWish> = {}) {
  const pace = createScalingPace()
  const bounds = { minReplicas: 1, maxReplicas: 100, behavior: undefined }
  let current = 4
  const wish = (desired: number, nowSeconds: number) => {
    const nowMs = nowSeconds * 1000
    const decision = pace.decide('a', { ...bounds, ...common, desired, current, nowMs })
    if (decision.replicas !== current) pace.scaled('a', { by: decision.replicas - current, nowMs })
    current = decision.replicas
    return decision
  }
  return { current: () => current, wish }
}

test('scaling down waits until the window holds no higher recommendation', () => {
  const { wish } = paceOf()
  assert.equal(wish(4, 0).replicas, 4)
  assert.deepEqual(wish(1, 10), { replicas: 4, stabilized: 'down', limit: undefined })
  assert.equal(wish(1, 301).replicas, 1)
})

test('without a behavior it at most doubles, and the bounds hold', () => {
  const { wish } = paceOf({ maxReplicas: 12 })
  assert.deepEqual(wish(50, 0), { replicas: 8, stabilized: undefined, limit: 'ScaleUpLimit' })
  assert.deepEqual(wish(50, 15), { replicas: 12, stabilized: undefined, limit: 'TooManyReplicas' })
})

test('policies say how many pods come and go in a period, and which of them counts', () => {
  const policies = [
    { type: 'Pods', value: 2, periodSeconds: 60 },
    { type: 'Percent', value: 100, periodSeconds: 60 },
  ] as const
  const up = paceOf({ behavior: { scaleUp: { policies, selectPolicy: 'Min' } } })
  assert.deepEqual(up.wish(50, 0), { replicas: 6, stabilized: undefined, limit: 'ScaleUpLimit' })
  assert.equal(up.wish(50, 30).replicas, 6)
  assert.equal(up.wish(50, 61).replicas, 8)
  const fast = paceOf({ behavior: { scaleUp: { policies } } })
  assert.equal(fast.wish(50, 0).replicas, 8)
  const down = paceOf({
    behavior: {
      scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] },
    },
  })
  assert.deepEqual(down.wish(1, 0), { replicas: 3, stabilized: undefined, limit: 'ScaleDownLimit' })
  assert.equal(down.wish(1, 30).replicas, 3)
  assert.equal(down.wish(1, 61).replicas, 2)
  assert.equal(down.wish(1, 122).replicas, 1)
})

test('a direction can be switched off, and a window upwards waits for what lasts', () => {
  const off = paceOf({ behavior: { scaleUp: { selectPolicy: 'Disabled' } } })
  assert.equal(off.wish(9, 0).replicas, 4)
  const calm = paceOf({ behavior: { scaleUp: { stabilizationWindowSeconds: 60 } } })
  assert.equal(calm.wish(4, 0).replicas, 4)
  assert.deepEqual(calm.wish(6, 30), { replicas: 4, stabilized: 'up', limit: undefined })
  assert.equal(calm.wish(6, 61).replicas, 6)
})

test('whatever is wished, the size stays within the bounds, and with a behavior moves towards the wish only', () => {
  const wishes = fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 100 })))
  fc.assert(
    fc.property(wishes, fc.boolean(), (steps, hasBehavior) => {
      const behavior = hasBehavior ? {} : undefined
      const { wish, current } = paceOf({ minReplicas: 2, maxReplicas: 20, behavior })
      let seconds = 0
      for (const [desired, pause] of steps) {
        seconds += pause
        const before = current()
        const { replicas: after } = wish(desired, seconds)
        assert.ok(after >= 2 && after <= 20)
        if (hasBehavior)
          assert.ok(desired >= before ? after >= Math.min(before, 20) : after <= Math.max(before, 2))
      }
    }),
  )
})
