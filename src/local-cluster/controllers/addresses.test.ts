import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Service } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { eventually, startTestCluster, type TestCluster } from './testing.ts'

let cluster: TestCluster
let client: KubeClient
before(async () => {
  cluster = await startTestCluster()
  client = cluster.client
})
after(() => cluster.stop())

describe('load balancers', () => {
  test('every Service has an address of its own, however many come at once', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `lb-${index}`)
    await Promise.all(names.map((name) => client.create(KINDS.service, balanced(name))))
    const addresses = await Promise.all(names.map((name) => addressOf(name)))
    assert.equal(new Set(addresses).size, 20)
    for (const address of addresses) assert.match(address, /^10\.44\.0\.\d+$/)
    await Promise.all(names.map((name) => client.delete(KINDS.service, name, 'default')))
  })

  test('a requested address is given where it is free, and waited for where it is not', async () => {
    await client.create(KINDS.service, balanced('asks', { loadBalancerIP: '10.44.0.77' }))
    assert.equal(await addressOf('asks'), '10.44.0.77')
    await client.create(KINDS.service, balanced('waits', { loadBalancerIP: '10.44.0.77' }))
    await client.create(KINDS.service, balanced('later'))
    assert.notEqual(await addressOf('later'), '10.44.0.77')
    const waits = await client.get<Service>(KINDS.service, 'waits', 'default')
    assert.equal(waits?.status?.loadBalancer?.ingress, undefined)
    await client.delete(KINDS.service, 'asks', 'default')
    assert.equal(await addressOf('waits'), '10.44.0.77')
  })

  test('an address is free again when its Service is deleted, has another type, or asks for another', async () => {
    const ask = (name: string) =>
      client.create(KINDS.service, balanced(name, { loadBalancerIP: '10.44.0.99' }))
    const change = (name: string, spec: object) =>
      client.patch(KINDS.service, name, 'default', { spec }, { type: 'merge' })
    await ask('first')
    await addressOf('first')
    await change('first', { type: 'ClusterIP', loadBalancerIP: null })
    await eventually(async () => {
      const first = await client.get<Service>(KINDS.service, 'first', 'default')
      assert.deepEqual(first?.status?.loadBalancer ?? {}, {})
    })
    await ask('second')
    assert.equal(await addressOf('second'), '10.44.0.99')
    await change('second', { loadBalancerIP: '10.44.0.98' })
    await eventually(async () => assert.equal(await addressOf('second'), '10.44.0.98'))
    await ask('third')
    assert.equal(await addressOf('third'), '10.44.0.99')
  })

  test('a Service of another load balancer’s class is left alone', async () => {
    await client.create(KINDS.service, balanced('foreign', { loadBalancerClass: 'example.com/other' }))
    await client.create(KINDS.service, balanced('after-foreign'))
    await addressOf('after-foreign')
    const foreign = await client.get<Service>(KINDS.service, 'foreign', 'default')
    assert.equal(foreign?.status?.loadBalancer?.ingress, undefined)
  })
})

function balanced(name: string, spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80 }], ...spec },
  }
}

function addressOf(name: string): Promise<string> {
  return eventually(async () => {
    const service = await client.get<Service>(KINDS.service, name, 'default')
    const address = service?.status?.loadBalancer?.ingress?.[0]?.ip
    assert.ok(address)
    return address
  })
}
