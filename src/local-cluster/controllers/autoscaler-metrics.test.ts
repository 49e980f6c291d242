import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HorizontalPodAutoscaler, Pod } from '../../kube/index.ts'
import { propose } from './autoscaler-metrics.ts'

const CPU = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
} as const

const START = '2026-01-01T00:00:10Z'
const startMs = Date.parse(START)

/** A pod that was ready in the second in which it started, and what it has used of its request since `fromMs`. */
async function wanted(fromMs: number, atMs: number): Promise<number | string> {
  const pod = {
    metadata: { name: 'web-1', namespace: 'demo' },
    spec: { containers: [{ name: 'app', resources: { requests: { cpu: '100m' } } }] },
    status: {
      phase: 'Running',
      startTime: START,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: START }],
    },
  } as unknown as Pod
  const use = { millis: 250, atMs, windowMs: atMs - fromMs }
  const result = await propose(
    {
      autoscaler: { spec: {} } as HorizontalPodAutoscaler,
      currentReplicas: 1,
      pods: [pod],
      uses: () => Promise.resolve(new Map([['web-1', use]])),
      nowMs: atMs,
    },
    CPU,
  )
  return result.ok ? result.value.replicas : result.error.message
}

test('what a pod has used while it started is not its load, though both came in the same second', async () => {
  assert.notEqual(await wanted(startMs + 100, startMs + 1200), 4)
  assert.notEqual(await wanted(startMs + 900, startMs + 10_000), 4)
  assert.equal(await wanted(startMs + 1000, startMs + 10_000), 4)
})
