import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../../kube/index.ts'
import type { ContainerView, TerminatedRun } from './container-view.ts'
import { podStatus, type StatusInput } from './status.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const run = (exitCode: number): TerminatedRun => ({
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
  startedAtMs: NOW - 2000,
  finishedAtMs: NOW - 1000,
  id: 'abc',
})
const view = (state: ContainerView['state'], over: Partial<ContainerView> = {}): ContainerView => ({
  state,
  restartCount: 0,
  settled: true,
  started: state.kind === 'running',
  ready: state.kind === 'running',
  restartAtMs: 0,
  ...over,
})
const RUNNING: ContainerView['state'] = { kind: 'running', startedAtMs: NOW, id: 'abc' }

function statusOf(
  views: Readonly<Record<string, ContainerView>>,
  { spec, ...input }: Partial<StatusInput> & { readonly spec?: Partial<Pod['spec']> } = {},
) {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u', generation: 3 },
    spec: { containers: [{ name: 'c', image: 'busybox' }], ...spec },
  }
  return podStatus({
    pod,
    views: new Map(Object.entries(views)),
    plan: { start: [], backingOff: [] },
    nowMs: NOW,
    startedAtMs: NOW,
    hostIps: ['10.42.0.1'],
    podIps: ['10.42.0.2'],
    terminating: false,
    ...input,
  })
}
const condition = (status: ReturnType<typeof statusOf>, type: string) =>
  status.conditions?.find((one) => one.type === type)

test('before its first container a pod is pending, and says what it is doing', () => {
  const fresh = statusOf({})
  assert.equal(fresh.phase, 'Pending')
  assert.deepEqual(fresh.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } })
  const initializing = statusOf({}, { spec: { initContainers: [{ name: 'i' }] } })
  assert.deepEqual(initializing.containerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } })
  assert.equal(condition(initializing, 'Initialized')?.message, 'containers with incomplete status: [i]')
  const hooked = statusOf({ c: view(RUNNING, { settled: false, ready: false, started: false }) })
  assert.deepEqual(hooked.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } })
})

test('a running pod is ready when its containers are, and each condition says of which generation', () => {
  const ready = statusOf({ c: view(RUNNING) })
  assert.deepEqual([ready.phase, ready.podIP, ready.observedGeneration], ['Running', '10.42.0.2', 3])
  assert.deepEqual(
    ready.conditions?.map(({ type, status, observedGeneration }) => [type, status, observedGeneration]),
    ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => [
      type,
      'True',
      3,
    ]),
  )
  const unready = statusOf({ c: view(RUNNING, { ready: false }) })
  assert.equal(condition(unready, 'Ready')?.message, 'containers with unready status: [c]')
})

test('a readiness gate that nobody has opened keeps the pod out, its containers not', () => {
  const gated = statusOf({ c: view(RUNNING) }, { spec: { readinessGates: [{ conditionType: 'x/y' }] } })
  assert.equal(condition(gated, 'ContainersReady')?.status, 'True')
  assert.deepEqual(
    [condition(gated, 'Ready')?.reason, condition(gated, 'Ready')?.message],
    ['ReadinessGatesNotReady', 'corresponding condition of pod readiness gate "x/y" does not exist.'],
  )
})

test('a container in back-off shows when it comes back, and its end as the last state', () => {
  const ended = view({ kind: 'terminated', run: run(3) }, { restartAtMs: NOW + 9000, restartCount: 2 })
  const status = statusOf({ c: ended }, { plan: { start: [], backingOff: ['c'] } }).containerStatuses?.[0]
  assert.equal(status?.state?.waiting?.reason, 'CrashLoopBackOff')
  assert.equal(status?.state?.waiting?.message, 'back-off 10s restarting failed container=c pod=p_n(u)')
  assert.deepEqual([status?.lastState?.terminated?.exitCode, status?.restartCount], [3, 2])
})

test('a pod that is over has its phase, and conditions that say how', () => {
  const done = statusOf(
    { c: view({ kind: 'terminated', run: run(0) }) },
    { plan: { start: [], backingOff: [], outcome: 'Succeeded' }, podIps: [] },
  )
  assert.equal(done.phase, 'Succeeded')
  assert.equal(condition(done, 'Ready')?.reason, 'PodCompleted')
  assert.equal(condition(done, 'PodReadyToStartContainers')?.status, 'False')
  const { state } = done.containerStatuses?.[0] ?? {}
  assert.deepEqual(state?.terminated, {
    exitCode: 0,
    reason: 'Completed',
    startedAt: '2025-12-31T23:59:58Z',
    finishedAt: '2025-12-31T23:59:59Z',
    containerID: 'lateen://abc',
  })
})

test('a container for debugging has a list of its own and says nothing of the pod', () => {
  const status = statusOf(
    { c: view(RUNNING), d: view({ kind: 'terminated', run: run(1) }) },
    { spec: { ephemeralContainers: [{ name: 'd' }] } },
  )
  assert.deepEqual(
    status.ephemeralContainerStatuses?.map(({ name }) => name),
    ['d'],
  )
  assert.deepEqual([status.phase, condition(status, 'Ready')?.status], ['Running', 'True'])
})
