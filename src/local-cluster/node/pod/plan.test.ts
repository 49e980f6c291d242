import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod } from '../../../kube/index.ts'
import type { ContainerView } from './container-view.ts'
import { isInitialized, planPod, restartDelayMs } from './plan.ts'

const running = (started = true): ContainerView => ({
  state: { kind: 'running', startedAtMs: 0, id: 'x' },
  restartCount: 0,
  settled: true,
  started,
  ready: started,
  restartAtMs: 0,
})
const exited = (exitCode: number, restartAtMs = 0): ContainerView => ({
  state: { kind: 'terminated', run: { exitCode, reason: '', startedAtMs: 0, finishedAtMs: 1, id: 'x' } },
  restartCount: 0,
  settled: true,
  started: false,
  ready: false,
  restartAtMs,
})

function pod(parts: {
  readonly init?: readonly string[]
  readonly sidecars?: readonly string[]
  readonly main: readonly string[]
  readonly policy?: 'Always' | 'OnFailure' | 'Never'
}): Pod {
  const initContainers: Container[] = [
    ...(parts.init ?? []).map((name) => ({ name })),
    ...(parts.sidecars ?? []).map((name) => ({ name, restartPolicy: 'Always' })),
  ]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n' },
    spec: {
      initContainers,
      containers: parts.main.map((name) => ({ name })),
      restartPolicy: parts.policy ?? 'Always',
    },
  }
}

const plan = (subject: Pod, views: Readonly<Record<string, ContainerView>>, nowMs = 0) =>
  planPod(subject, new Map(Object.entries(views)), nowMs)

test('init containers start one after the other, main containers together after them', () => {
  const subject = pod({ init: ['i1', 'i2'], main: ['a', 'b'] })
  assert.deepEqual(plan(subject, {}).start, ['i1'])
  assert.deepEqual(plan(subject, { i1: running() }).start, [])
  assert.deepEqual(plan(subject, { i1: exited(0) }).start, ['i2'])
  assert.deepEqual(plan(subject, { i1: exited(0), i2: exited(0) }).start, ['a', 'b'])
})

test('what follows a sidecar waits until it has started, not until it ends', () => {
  const subject = pod({ init: ['i'], sidecars: ['s'], main: ['a'] })
  assert.deepEqual(plan(subject, { i: exited(0), s: running(false) }).start, [])
  assert.deepEqual(plan(subject, { i: exited(0), s: running() }).start, ['a'])
})

test('a sidecar that ends is restarted although the pod is initialized, and nothing waits for it again', () => {
  const subject = pod({ sidecars: ['s'], main: ['a', 'b'] })
  const views = { s: exited(1), a: running(), b: exited(1) }
  assert.deepEqual(plan(subject, views).start, ['s', 'b'])
  assert.equal(isInitialized(subject, new Map(Object.entries(views))), true)
})

test('an init container that fails is tried again unless the policy is Never', () => {
  const views = { i: exited(1) }
  assert.deepEqual(plan(pod({ init: ['i'], main: ['a'] }), views).start, ['i'])
  assert.equal(plan(pod({ init: ['i'], main: ['a'], policy: 'Never' }), views).outcome, 'Failed')
})

test('the restart policy decides whether an ended container starts again', () => {
  const start = (policy: 'Always' | 'OnFailure' | 'Never', exitCode: number) =>
    plan(pod({ main: ['a', 'b'], policy }), { a: exited(exitCode), b: running() }).start
  assert.deepEqual(start('Always', 0), ['a'])
  assert.deepEqual(start('OnFailure', 0), [])
  assert.deepEqual(start('OnFailure', 1), ['a'])
  assert.deepEqual(start('Never', 1), [])
})

test('when all main containers are done the pod has its outcome, sidecars or not', () => {
  const subject = pod({ sidecars: ['s'], main: ['a', 'b'], policy: 'Never' })
  assert.equal(plan(subject, { s: running(), a: exited(0), b: exited(0) }).outcome, 'Succeeded')
  assert.equal(plan(subject, { s: running(), a: exited(0), b: exited(2) }).outcome, 'Failed')
  assert.equal(plan(subject, { s: running(), a: exited(0), b: running() }).outcome, undefined)
})

test('a container in back-off is not started before its time', () => {
  const subject = pod({ main: ['a'] })
  const early = plan(subject, { a: exited(1, 5000) }, 4999)
  assert.deepEqual([early.start, early.backingOff, early.wakeAtMs], [[], ['a'], 5000])
  assert.deepEqual(plan(subject, { a: exited(1, 5000) }, 5000).start, ['a'])
})

test('the first restart is immediate, then ten seconds doubling to five minutes', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((failures) => restartDelayMs(failures) / 1000)
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300, 300])
})

test('a container whose postStart hook is under way holds up those that follow it', () => {
  const lifecycle = { postStart: { exec: { command: ['true'] } } }
  const subject: Pod = { ...pod({ main: ['a', 'b'] }) }
  const hooked: Pod = {
    ...subject,
    spec: { ...subject.spec, containers: [{ name: 'a', lifecycle }, { name: 'b' }] },
  }
  assert.deepEqual(planPod(hooked, new Map(), 0).start, ['a'])
  const unsettled = { ...running(false), settled: false }
  assert.deepEqual(planPod(hooked, new Map([['a', unsettled]]), 0).start, [])
  assert.deepEqual(planPod(hooked, new Map([['a', running()]]), 0).start, ['b'])
})

test('a container’s own policy and rules come before its pod’s policy', () => {
  const containers: Container[] = [
    {
      name: 'a',
      restartPolicy: 'Never',
      restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
    },
  ]
  const subject = pod({ main: ['a'] })
  const ruled: Pod = { ...subject, spec: { ...subject.spec, containers } }
  assert.deepEqual(planPod(ruled, new Map([['a', exited(42)]]), 5).start, ['a'])
  assert.equal(planPod(ruled, new Map([['a', exited(1)]]), 5).outcome, 'Failed')
})

test('a container for debugging starts beside the others and never again', () => {
  const subject = pod({ main: ['a'], init: ['i'] })
  const debugged: Pod = { ...subject, spec: { ...subject.spec, ephemeralContainers: [{ name: 'd' }] } }
  assert.deepEqual(planPod(debugged, new Map(), 0).start, ['d', 'i'])
  assert.deepEqual(
    planPod(
      debugged,
      new Map([
        ['d', exited(1)],
        ['i', exited(0)],
        ['a', running()],
      ]),
      9,
    ).start,
    [],
  )
})
