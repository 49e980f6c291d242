import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { HorizontalPodAutoscaler, KubeObject } from '../../kube/index.ts'
import { type KubeClient, type KindRef, KINDS } from '../../kube/client/index.ts'
import { WIDGET_CRD, widget, WIDGETS } from '../apiserver/testing.ts'
import { deploymentOf, eventsOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

/** What the containers of every pod are made to use. */
let usage = [{ name: 'app', cpuNanocores: 150_000_000, memoryBytes: 64 * 1024 ** 2 }]

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster({
    podUsage: () => ({ atMs: Date.now(), windowMs: 15_000, containers: usage }),
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
      assert.deepEqual(await toldOf(name, 'SuccessfulRescale'), [
        'New size: 3; reason: cpu resource utilization (percentage of request) above target',
      ])
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

const found = async (name: string) =>
  (await client.get<HorizontalPodAutoscaler>(KINDS.horizontalPodAutoscaler, name, 'default')) ??
  assert.fail(`${name} is gone`)
const conditionsOf = async (name: string) =>
  ((await found(name)).status?.conditions ?? []).map(({ type, status, reason, message }) => [
    type,
    status,
    reason,
    message,
  ])

/** What was told under a reason, the latest last. */
async function toldOf(name: string, reason: string): Promise<readonly string[]> {
  const told = await eventsOf(client, 'HorizontalPodAutoscaler', name)
  return told.flatMap((event) => (event.reason === reason ? [event.message ?? ''] : []))
}

async function deployed(name: string, replicas = 1, requests: object = { cpu: '100m', memory: '64Mi' }) {
  const { template } = deploymentOf(name).spec
  const containers = [{ name: 'app', image: 'app:1', resources: { requests } }]
  await client.create(
    KINDS.deployment,
    deploymentOf(name, { replicas, template: { ...template, spec: { containers } } } as object),
  )
}

test('the metric that wants most decides, and each is shown', async () => {
  usage = [
    { name: 'app', cpuNanocores: 50_000_000, memoryBytes: 128 * 1024 ** 2 },
    { name: 'proxy', cpuNanocores: 0, memoryBytes: 0 },
  ]
  await deployed('several')
  const metrics: HorizontalPodAutoscaler['spec']['metrics'] = [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '100m' } } },
    {
      type: 'ContainerResource',
      containerResource: {
        name: 'memory',
        container: 'app',
        target: { type: 'Utilization', averageUtilization: 100 },
      },
    },
  ]
  await client.create(KINDS.horizontalPodAutoscaler, autoscalerOf('several', KINDS.deployment, { metrics }))
  const { status } = await eventually(async () => {
    const autoscaler = await found('several')
    assert.equal(autoscaler.status?.desiredReplicas, 2)
    return autoscaler
  })
  assert.deepEqual(status?.currentMetrics, [
    { type: 'Resource', resource: { name: 'cpu', current: { averageValue: '50m' } } },
    {
      type: 'ContainerResource',
      containerResource: {
        name: 'memory',
        container: 'app',
        current: { averageUtilization: 200, averageValue: '128Mi' },
      },
    },
  ])
  await eventually(async () => {
    assert.deepEqual(await toldOf('several', 'SuccessfulRescale'), [
      'New size: 2; reason: memory container resource utilization (percentage of request) above target',
    ])
  })
})

test('a metric without figures says why, and takes nothing away', async () => {
  await deployed('blind', 2, {})
  await client.create(KINDS.horizontalPodAutoscaler, autoscalerOf('blind', KINDS.deployment))
  await eventually(async () => {
    const problems = await toldOf('blind', 'FailedGetResourceMetric')
    assert.match(
      problems.at(-1) ?? '',
      /^failed to get cpu utilization: missing request for cpu in container app of Pod blind-/,
    )
    const summaries = await toldOf('blind', 'FailedComputeMetricsReplicas')
    assert.match(
      summaries.at(-1) ?? '',
      /^invalid metrics \(1 invalid out of 1\), first error is: failed to get cpu resource metric value: failed to get cpu utilization: missing request/,
    )
  })
  const active = (await conditionsOf('blind')).find(([type]) => type === 'ScalingActive')
  assert.deepEqual(active?.slice(1, 3), ['False', 'FailedGetResourceMetric'])
  assert.equal((await found('blind')).status?.currentReplicas, 2)
  const metrics = [
    { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '3' } } },
  ]
  await client.patch(
    KINDS.horizontalPodAutoscaler,
    'blind',
    'default',
    { spec: { metrics } },
    { type: 'merge' },
  )
  await eventually(async () => {
    assert.deepEqual(await toldOf('blind', 'FailedGetExternalMetric'), [
      'unable to get metric queue: unable to fetch metrics from external metrics API: no external metrics API (external.metrics.k8s.io) registered',
    ])
  })
})

test('conditions say what an autoscaler can do and what holds it back', async () => {
  usage = [{ name: 'app', cpuNanocores: 1_000_000_000, memoryBytes: 0 }]
  await deployed('bounded')
  await client.create(
    KINDS.horizontalPodAutoscaler,
    autoscalerOf('bounded', KINDS.deployment, { maxReplicas: 2 }),
  )
  await eventually(async () =>
    assert.deepEqual(await conditionsOf('bounded'), [
      [
        'AbleToScale',
        'True',
        'SucceededRescale',
        'the HPA controller was able to update the target scale to 2',
      ],
      [
        'ScalingActive',
        'True',
        'ValidMetricFound',
        'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)',
      ],
      [
        'ScalingLimited',
        'True',
        'TooManyReplicas',
        'the desired replica count is more than the maximum replica count',
      ],
    ]),
  )
})

test('what was scaled to zero by hand stays there', async () => {
  await deployed('off', 0)
  await client.create(
    KINDS.horizontalPodAutoscaler,
    autoscalerOf('off', KINDS.deployment, { minReplicas: 2 }),
  )
  await eventually(async () =>
    assert.deepEqual(
      (await conditionsOf('off')).map(([, , reason]) => reason),
      ['SucceededGetScale', 'ScalingDisabled'],
    ),
  )
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
