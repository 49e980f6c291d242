import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Endpoint, EndpointSlice, Pod, Service } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { planSlices } from './slices.ts'
import { deploymentOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
})
after(() => cluster.stop())

test('endpoints follow the readiness of pods', async () => {
  const unready = new Set<string>()
  cluster.kubelet.setReadiness((pod) => !unready.has(pod.metadata.name))
  await client.create(KINDS.service, serviceOf('web'))
  await client.create(KINDS.deployment, deploymentOf('web', { replicas: 2 }))
  const [first] = await readyEndpoints('web', 2)
  unready.add(first?.targetRef?.name ?? '')
  cluster.kubelet.setReadiness((pod) => !unready.has(pod.metadata.name))
  const [other] = await readyEndpoints('web', 1)
  assert.notEqual(other?.targetRef?.name, first?.targetRef?.name)
  const off = (await endpointsOf('web')).find((one) => one.targetRef?.name === first?.targetRef?.name)
  assert.deepEqual(off?.conditions, { ready: false, serving: false, terminating: false })
  cluster.kubelet.setReadiness(() => true)
  await readyEndpoints('web', 2)
})

test('a pod that ends is not ready but still serving, until it is gone', async () => {
  await client.create(KINDS.service, serviceOf('ending'))
  await client.create(KINDS.deployment, deploymentOf('ending', { replicas: 1 }))
  await readyEndpoints('ending', 1)
  cluster.kubelet.setPaused(true)
  await scale('ending', 0)
  await eventually(async () => {
    const conditions = (await endpointsOf('ending')).map((one) => one.conditions)
    assert.deepEqual(conditions, [{ ready: false, serving: true, terminating: true }])
  })
  cluster.kubelet.setPaused(false)
  await eventually(async () => assert.deepEqual(await endpointsOf('ending'), []))
  assert.equal((await slicesOf('ending')).length, 1)
})

test('a named target port is the number that the pod gives to it', async () => {
  await client.create(
    KINDS.service,
    serviceOf('named', { ports: [{ name: 'web', port: 80, targetPort: 'http' }] }),
  )
  await client.create(KINDS.deployment, deploymentOf('named'))
  await readyEndpoints('named', 1)
  const [slice] = await slicesOf('named')
  assert.deepEqual(slice?.ports, [{ name: 'web', port: 8080, protocol: 'TCP' }])
})

test('a headless Service has slices too, marked as such, with the host names of its pods', async () => {
  await client.create(KINDS.service, serviceOf('headless', { clusterIP: 'None' }))
  const deployment = deploymentOf('headless')
  const { template } = deployment.spec
  const spec = {
    ...template.spec,
    hostname: 'zero',
    subdomain: 'headless',
    containers: template.spec?.containers ?? [],
  }
  await client.create(KINDS.deployment, deploymentOf('headless', { template: { ...template, spec } }))
  const [endpoint] = await readyEndpoints('headless', 1)
  assert.equal(endpoint?.hostname, 'zero')
  const [slice] = await slicesOf('headless')
  assert.equal(slice?.metadata.labels?.['service.kubernetes.io/headless'], '')
})

test('with publishNotReadyAddresses every pod with an address counts as ready', async () => {
  cluster.kubelet.setReadiness((pod) => pod.metadata.labels?.['app'] !== 'early')
  await client.create(KINDS.service, serviceOf('early', { publishNotReadyAddresses: true }))
  await client.create(KINDS.deployment, deploymentOf('early'))
  const [endpoint] = await readyEndpoints('early', 1)
  assert.deepEqual(endpoint?.conditions, { ready: true, serving: false, terminating: false })
  cluster.kubelet.setReadiness(() => true)
})

test('a changed selector or a deleted Service takes its endpoints along; slices made by hand stay', async () => {
  await client.create(KINDS.service, serviceOf('moved'))
  await client.create(KINDS.deployment, deploymentOf('moved'))
  await readyEndpoints('moved', 1)
  const byHand = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'by-hand', namespace: 'default', labels: { 'kubernetes.io/service-name': 'moved' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'] }],
  }
  await client.create(KINDS.endpointSlice, byHand)
  await client.patch(
    KINDS.service,
    'moved',
    'default',
    { spec: { selector: { app: 'nobody' } } },
    { type: 'merge' },
  )
  await eventually(async () => {
    const addresses = (await endpointsOf('moved')).flatMap((one) => one.addresses)
    assert.deepEqual(addresses, ['192.0.2.1'])
  })
  await client.delete(KINDS.service, 'moved', 'default')
  await eventually(async () => {
    assert.deepEqual(
      (await slicesOf('moved')).map((slice) => slice.metadata.name),
      ['by-hand'],
    )
  })
})

test('many pods that come and go at once leave each pod in exactly one slice', async () => {
  await client.create(KINDS.service, serviceOf('crowd'))
  await client.create(KINDS.deployment, deploymentOf('crowd', { replicas: 130 }))
  await readyEndpoints('crowd', 130)
  await scale('crowd', 40)
  await eventually(async () => assert.equal((await endpointsOf('crowd')).length, 40))
  await scale('crowd', 120)
  const endpoints = await readyEndpoints('crowd', 120)
  assert.equal(new Set(endpoints.map((one) => one.targetRef?.uid)).size, 120)
})

test('one pod more or less in the middle of hundreds changes one slice', () => {
  const service = serviceOf('big')
  const pods = Array.from({ length: 350 }, (_, index) =>
    podOf(`pod-${String(index).padStart(3, '0')}`, index),
  )
  const first = planSlices(service, pods, [])
  assert.deepEqual(
    first.create.map((slice) => slice.endpoints?.length),
    [100, 100, 100, 50],
  )
  const existing = first.create.map((slice, index) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `big-${index}` },
  }))
  const fewer = planSlices(service, pods.toSpliced(150, 1), existing)
  assert.deepEqual([fewer.create.length, fewer.update.length, fewer.remove.length], [0, 1, 0])
  assert.equal(fewer.update[0]?.metadata.name, 'big-1')
  const more = planSlices(service, pods.toSpliced(10, 0, podOf('pod-009a', 400)), existing)
  assert.deepEqual([more.create.length, more.update.length, more.remove.length], [0, 1, 0])
  assert.equal(more.update[0]?.metadata.name, 'big-3')
  assert.deepEqual(planSlices(service, pods.toReversed(), existing), { create: [], update: [], remove: [] })
})

test('a new port number for all pods is written into the slices that are there', () => {
  const pods = [podOf('a', 1), podOf('b', 2)]
  const [slice] = planSlices(serviceOf('port'), pods, []).create
  assert.ok(slice)
  const existing = { ...slice, metadata: { ...slice.metadata, name: 'port-x' } }
  const ports = [{ port: 80, targetPort: 9090 }]
  const plan = planSlices(serviceOf('port', { ports }), pods, [existing])
  assert.deepEqual([plan.create.length, plan.remove.length], [0, 0])
  assert.equal(plan.update[0]?.ports?.[0]?.port, 9090)
})

function serviceOf(name: string, spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  }
}

test('a Service of two families has slices of both, and a pod without IPv6 is in those of IPv4 alone', () => {
  const both = serviceOf('big', { ipFamilies: ['IPv4', 'IPv6'] })
  const pods = [podOf('a', 1), podOf('b', 2)].map((pod, index) => {
    const podIP = pod.status?.podIP ?? ''
    const podIPs = index === 0 ? [{ ip: podIP }, { ip: 'fd00:10:42::1' }] : [{ ip: podIP }]
    return { ...pod, status: { ...pod.status, podIPs } }
  })
  const { create } = planSlices(both, pods, [])
  const found = create.map(({ addressType, endpoints }) => [
    addressType,
    ...(endpoints ?? []).flatMap(({ addresses }) => addresses),
  ])
  assert.deepEqual(found, [
    ['IPv4', '10.42.0.1', '10.42.0.2'],
    ['IPv6', 'fd00:10:42::1'],
  ])
  const existing = create.map((slice, index) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `s${index}` },
  }))
  const single = planSlices(serviceOf('big', { ipFamilies: ['IPv4'] }), pods, existing)
  assert.deepEqual([single.create, single.update], [[], []])
  assert.deepEqual(
    single.remove.map(({ addressType }) => addressType),
    ['IPv6'],
  )
})

function podOf(name: string, index: number): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, labels: { app: 'big' } },
    spec: { containers: [] },
    status: { phase: 'Running', podIP: `10.42.${Math.floor(index / 250)}.${index % 250}` },
  }
}

function scale(name: string, replicas: number): Promise<unknown> {
  return client.patch(KINDS.deployment, name, 'default', { spec: { replicas } }, { type: 'merge' })
}

async function slicesOf(service: string): Promise<readonly EndpointSlice[]> {
  const { items } = await client.list<EndpointSlice>(KINDS.endpointSlice, {
    namespace: 'default',
    labelSelector: `kubernetes.io/service-name=${service}`,
  })
  return items
}

async function endpointsOf(service: string): Promise<readonly Endpoint[]> {
  return (await slicesOf(service)).flatMap((slice) => slice.endpoints ?? [])
}

function readyEndpoints(service: string, count: number): Promise<readonly Endpoint[]> {
  return eventually(async () => {
    const ready = (await endpointsOf(service)).filter((one) => one.conditions?.ready === true)
    assert.equal(ready.length, count)
    return ready
  })
}
