import assert from 'node:assert/strict'
import { test } from 'node:test'
import { convertBuiltIn, storedFormOf } from './convert.ts'

test('an autoscaler is the same in both versions', () => {
  const old = {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'a' },
    spec: { maxReplicas: 5, targetCPUUtilizationPercentage: 80 },
    status: { currentReplicas: 1, currentCPUUtilizationPercentage: 3 },
  }
  const converted = convertBuiltIn(old, { group: 'autoscaling', version: 'v2' })
  assert.deepEqual(converted.spec, {
    maxReplicas: 5,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
      },
    ],
  })
  assert.deepEqual(convertBuiltIn(converted, { group: 'autoscaling', version: 'v1' }), old)
})

test('an event is the same in both groups', () => {
  const core = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p' },
    message: 'started',
    count: 2,
    reason: 'Started',
  }
  const converted = convertBuiltIn(core, { group: 'events.k8s.io', version: 'v1' })
  assert.deepEqual(converted, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'e' },
    regarding: { kind: 'Pod', name: 'p' },
    note: 'started',
    deprecatedCount: 2,
    reason: 'Started',
  })
  assert.deepEqual(convertBuiltIn(converted, { group: '', version: 'v1' }), core)
})

test('most kinds are stored as they are written', () => {
  const pod = { group: '', version: 'v1', kind: 'Pod' }
  assert.equal(storedFormOf(pod), pod)
  const scaler = { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler' }
  assert.deepEqual(storedFormOf(scaler), { ...scaler, version: 'v2' })
})
