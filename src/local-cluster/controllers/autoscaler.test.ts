import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { HorizontalPodAutoscaler, KubeObject } from '../../kube/index.ts'
import { type KubeClient, type KindRef, KINDS } from '../../kube/client/index.ts'
import { WIDGET_CRD, widget, WIDGETS } from '../apiserver/testing.ts'
import { deploymentOf, eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

/** Millicores that every pod is made to use. */
const USED_MILLIS = 150

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster({
    podCpu: () => ({ atMs: performance.now(), cpuMs: (performance.now() * USED_MILLIS) / 1000 }),
    readyForMs: 60_000,
  })
  client = cluster.client
})
after(() => cluster.stop())

for (const kind of [KINDS.replicaSet, KINDS.statefulSet]) {
  test(`a ${kind.kind} is scaled to its target`, async () => {
    const name = `busy-${kind.plural}`
    const containers = [{ name: 'app', image: 'app:1', resources: { requests: { cpu: '100m' } } }]
    const { selector, template } = deploymentOf(name).spec
    const spec = { replicas: 1, selector, template: { ...template, spec: { containers } } }
    await client.create(kind, object(kind, name, spec))
    await client.create(KINDS.horizontalPodAutoscaler, autoscalerOf(name, kind))
    await eventually(async () => {
      const { items } = await client.list(KINDS.pod, { namespace: 'default', labelSelector: `app=${name}` })
      assert.equal(items.length, 3)
    })
    await eventually(async () => {
      const [told] = await eventsOf(client, 'HorizontalPodAutoscaler', name)
      assert.deepEqual(
        [told?.reason, told?.message],
        [
          'SuccessfulRescale',
          'New size: 3; reason: cpu resource utilization (percentage of request) above target',
        ],
      )
    })
  })
}

test('whatever has a scale subresource is kept within the bounds', async () => {
  await client.create(KINDS.customResourceDefinition, WIDGET_CRD)
  await eventually(() => client.create(WIDGETS, widget('scaled', 1)))
  await client.create(KINDS.horizontalPodAutoscaler, autoscalerOf('scaled', WIDGETS, { minReplicas: 2 }))
  await eventually(async () => {
    const found = await client.get<KubeObject & { readonly spec: { readonly size: number } }>(
      WIDGETS,
      'scaled',
      'default',
    )
    assert.equal(found?.spec.size, 2)
  })
})

test('a target of an unknown kind is said to have no match', async () => {
  const unknown = { ...WIDGETS, kind: 'Gadget', group: 'nowhere.example' }
  await client.create(KINDS.horizontalPodAutoscaler, autoscalerOf('lost', unknown))
  await eventually(async () => {
    const autoscaler = await client.get<HorizontalPodAutoscaler>(
      KINDS.horizontalPodAutoscaler,
      'lost',
      'default',
    )
    const [condition] = autoscaler?.status?.conditions ?? []
    assert.equal(condition?.reason, 'FailedGetScale')
    assert.match(condition?.message ?? '', /no matches for kind "Gadget" in group "nowhere\.example"/)
  })
})

function object(kind: KindRef, name: string, spec: unknown): KubeObject {
  const apiVersion = `${kind.group}/${kind.version}`
  const made = { apiVersion, kind: kind.kind, metadata: { name, namespace: 'default' }, spec }
  return made
}

function autoscalerOf(
  name: string,
  kind: KindRef,
  spec: Partial<HorizontalPodAutoscaler['spec']> = {},
): HorizontalPodAutoscaler {
  const target = { type: 'Utilization', averageUtilization: 50 }
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, namespace: 'default' },
    spec: {
      scaleTargetRef: { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, name },
      maxReplicas: 5,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
      ...spec,
    },
  }
}
