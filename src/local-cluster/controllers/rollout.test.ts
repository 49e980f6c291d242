import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { planRollout, type RolloutInput } from './rollout.ts'
import { isSameTemplate, templateHash } from './template-hash.ts'

const counts = fc
  .record({ replicas: fc.nat(10), unavailable: fc.nat(3) })
  .map(({ replicas, unavailable }) => ({
    replicas,
    available: Math.max(0, replicas - unavailable),
  }))

const inputs: fc.Arbitrary<RolloutInput> = fc
  .record({
    wanted: fc.nat(10),
    maxSurge: fc.nat(4),
    maxUnavailable: fc.nat(4),
    fresh: counts,
    old: fc.array(counts, { maxLength: 3 }),
  })
  .filter(({ maxSurge, maxUnavailable }) => maxSurge + maxUnavailable > 0)
  .map(({ fresh, old, ...rest }) => ({
    ...rest,
    strategy: 'RollingUpdate',
    newSet: { name: 'new', ...fresh },
    oldSets: old.map((set, index) => ({ name: `old${index}`, ...set })),
    oldPods: 0,
  }))

test('a step of a rolling update never makes more pods than wanted + maxSurge, unless there were more already', () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const plan = planRollout(input)
      const before = (input.newSet?.replicas ?? 0) + input.oldSets.reduce((sum, set) => sum + set.replicas, 0)
      const grown = plan.newReplicas - (input.newSet?.replicas ?? 0)
      if (grown > 0) assert.ok(before + grown <= input.wanted + input.maxSurge)
      assert.ok(plan.newReplicas <= input.wanted)
    }),
  )
})

test('a step of a rolling update takes no available old pod below wanted - maxUnavailable', () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const plan = planRollout(input)
      const kept = input.oldSets.reduce(
        (sum, set) => sum + Math.min(set.available, plan.oldReplicas.get(set.name) ?? 0),
        0,
      )
      const before = input.oldSets.reduce((sum, set) => sum + set.available, 0)
      const fresh = Math.min(input.newSet?.available ?? 0, plan.newReplicas)
      if (kept < before)
        assert.ok(kept + fresh >= Math.min(input.wanted - input.maxUnavailable, before + fresh))
    }),
  )
})

test('a rolling update ends with the new set alone when every step’s pods become available', () => {
  fc.assert(
    fc.property(inputs, (start) => {
      let input = start
      for (let step = 0; step < 60; step++) {
        const plan = planRollout(input)
        input = {
          ...input,
          newSet: { name: 'new', replicas: plan.newReplicas, available: plan.newReplicas },
          oldSets: input.oldSets.map((set) => {
            const replicas = plan.oldReplicas.get(set.name) ?? 0
            return { ...set, replicas, available: Math.min(set.available, replicas) }
          }),
        }
      }
      assert.equal(input.newSet?.replicas, input.wanted)
      assert.equal(
        input.oldSets.reduce((sum, set) => sum + set.replicas, 0),
        0,
      )
    }),
  )
})

test('Recreate starts new pods only after the last old one is gone', () => {
  const input: RolloutInput = {
    wanted: 3,
    strategy: 'Recreate',
    maxSurge: 0,
    maxUnavailable: 0,
    newSet: { name: 'new', replicas: 0, available: 0 },
    oldSets: [{ name: 'old', replicas: 3, available: 3 }],
    oldPods: 3,
  }
  assert.deepEqual(planRollout(input), { newReplicas: 0, oldReplicas: new Map([['old', 0]]) })
  assert.equal(planRollout({ ...input, oldPods: 0 }).newReplicas, 3)
})

test('the template hash ignores key order and the hash label, and has neither dash nor vowel', () => {
  const a = {
    metadata: { labels: { app: 'x', version: '1' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  }
  const b = {
    spec: { containers: [{ image: 'i', name: 'c' }] },
    metadata: { labels: { 'pod-template-hash': 'y', version: '1', app: 'x' } },
  }
  assert.equal(templateHash(a, 0), templateHash(b, 0))
  assert.ok(isSameTemplate(a, b))
  assert.notEqual(templateHash(a, 0), templateHash(a, 1))
  assert.match(templateHash(a, 0), /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
})
