import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Endpoints, EndpointSlice, Service } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { deploymentOf, eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
})
after(() => cluster.stop())

test('the Endpoints of a Service say what its slices say, and go with it', async () => {
  let hidden = ''
  cluster.kubelet.setReadiness((pod) => pod.metadata.name !== hidden)
  await client.create(KINDS.service, serviceOf('web', { selector: { app: 'web' } }))
  await client.create(KINDS.deployment, deploymentOf('web', { replicas: 2 }))
  const found = await eventually(async () => {
    const endpoints = await endpointsOf('web')
    assert.equal(endpoints?.subsets?.[0]?.addresses?.length, 2)
    return endpoints
  })
  assert.deepEqual(found?.subsets?.[0]?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }])
  assert.equal(found?.metadata.labels?.['team'], 'blue')
  assert.equal(found?.metadata.labels?.['endpoints.kubernetes.io/managed-by'], 'endpoint-controller')
  const [first] = found?.subsets?.[0]?.addresses ?? []
  assert.equal(first?.nodeName, 'lateen')
  hidden = first?.targetRef?.name ?? ''
  cluster.kubelet.setReadiness((pod) => pod.metadata.name !== hidden)
  await eventually(async () => {
    const [subset] = (await endpointsOf('web'))?.subsets ?? []
    assert.equal(subset?.addresses?.length, 1)
    assert.equal(subset?.notReadyAddresses?.[0]?.targetRef?.name, hidden)
  })
  await client.patch(KINDS.deployment, 'web', 'default', { spec: { replicas: 0 } }, { type: 'merge' })
  await eventually(async () => {
    const endpoints = await endpointsOf('web')
    assert.ok(endpoints)
    assert.equal(endpoints.subsets, undefined)
  })
  await client.delete(KINDS.service, 'web', 'default')
  await eventually(async () => assert.equal(await endpointsOf('web'), undefined))
})

test('Endpoints written by hand become slices of both families, follow changes, and go with their Service', async () => {
  await client.create(KINDS.service, serviceOf('outside', {}))
  const addresses = [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }]
  await client.create(KINDS.endpoints, endpointsNamed('outside', addresses))
  await eventually(async () => {
    const slices = await slicesOf('outside')
    const found = slices.map((slice) => `${slice.addressType} ${slice.endpoints?.[0]?.addresses.join(' ')}`)
    assert.deepEqual(found.sort(), ['IPv4 192.0.2.1', 'IPv6 2001:db8::1'])
    assert.deepEqual(slices[0]?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }])
    assert.equal(slices[0]?.endpoints?.[0]?.conditions?.ready, true)
    assert.equal(
      slices[0]?.metadata.labels?.['endpointslice.kubernetes.io/managed-by'],
      'endpointslicemirroring-controller.k8s.io',
    )
  })
  const current = await endpointsOf('outside')
  assert.ok(current)
  await client.update(KINDS.endpoints, {
    ...current,
    subsets: [{ addresses: [{ ip: '192.0.2.2' }], notReadyAddresses: [{ ip: '192.0.2.3' }] }],
  })
  await eventually(async () => {
    const slices = await slicesOf('outside')
    assert.deepEqual(
      slices.flatMap((slice) => slice.endpoints?.map((one) => [one.addresses[0], one.conditions?.ready])),
      [
        ['192.0.2.2', true],
        ['192.0.2.3', false],
      ],
    )
  })
  await client.delete(KINDS.service, 'outside', 'default')
  await eventually(async () => {
    assert.deepEqual(await slicesOf('outside'), [])
    assert.equal(await endpointsOf('outside'), undefined)
  })
})

test('Endpoints that ask not to be mirrored, or that have no Service, have no slices', async () => {
  await client.create(KINDS.service, serviceOf('skipped', {}))
  const skipped = endpointsNamed('skipped', [{ ip: '192.0.2.9' }])
  const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' }
  await client.create(KINDS.endpoints, { ...skipped, metadata: { ...skipped.metadata, labels } })
  await client.create(KINDS.endpoints, endpointsNamed('alone', [{ ip: '192.0.2.10' }]))
  await client.create(KINDS.service, serviceOf('shown', {}))
  await client.create(KINDS.endpoints, endpointsNamed('shown', [{ ip: '192.0.2.11' }]))
  await eventually(async () => assert.equal((await slicesOf('shown')).length, 1))
  assert.deepEqual(await slicesOf('skipped'), [])
  assert.deepEqual(await slicesOf('alone'), [])
  assert.ok(await endpointsOf('alone'))
})

function serviceOf(name: string, spec: Partial<Service['spec']>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', labels: { team: 'blue' } },
    spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  }
}

function endpointsNamed(name: string, addresses: readonly { readonly ip: string }[]): Endpoints {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name, namespace: 'default' },
    subsets: [{ addresses, ports: [{ name: 'http', port: 8080 }] }],
  }
}

function endpointsOf(name: string): Promise<Endpoints | undefined> {
  return client.get<Endpoints>(KINDS.endpoints, name, 'default')
}

async function slicesOf(name: string): Promise<readonly EndpointSlice[]> {
  const { items } = await client.list<EndpointSlice>(KINDS.endpointSlice, {
    namespace: 'default',
    labelSelector: `kubernetes.io/service-name=${name}`,
  })
  return items
}
