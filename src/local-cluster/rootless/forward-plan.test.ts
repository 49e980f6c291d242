import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../kube/index.ts'
import { plannedForwards } from './forward-plan.ts'

const OPTIONS = { apiPort: 6443, unprivilegedStart: 1024 }

test('the API server is forwarded under its own number, whatever Services there are', () => {
  const [api] = plannedForwards([], OPTIONS)
  assert.deepEqual(api?.candidates, [6443])
  assert.equal(api.address, '127.0.0.1')
})

test('a node port keeps its number and leads to the node', () => {
  const [, forward] = plannedForwards([serviceOf({ type: 'NodePort', port: 80, nodePort: 30_080 })], OPTIONS)
  assert.deepEqual(forward?.candidates, [30_080])
  assert.deepEqual([forward?.address, forward?.port], ['10.42.0.1', 30_080])
})

test('a port of a LoadBalancer keeps its number from 1024 on; below that it is 8000 more', () => {
  const bestFor = (port: number, unprivilegedStart = 1024) =>
    plannedForwards([serviceOf({ type: 'LoadBalancer', port, address: '10.44.0.1' })], {
      ...OPTIONS,
      unprivilegedStart,
    }).at(-1)?.candidates[0]
  assert.equal(bestFor(80), 8080)
  assert.equal(bestFor(443), 8443)
  assert.equal(bestFor(1024), 1024)
  assert.equal(bestFor(15_021), 15_021)
  assert.equal(bestFor(80, 80), 80, 'where the machine lets anybody open it')
})

test('what has no address yet, and UDP, is not forwarded', () => {
  const services = [
    serviceOf({ type: 'LoadBalancer', port: 80 }),
    serviceOf({ type: 'NodePort', port: 53, nodePort: 30_053, protocol: 'UDP' }),
    serviceOf({ type: 'ClusterIP', port: 80 }),
  ]
  assert.equal(plannedForwards(services, OPTIONS).length, 1)
})

function serviceOf(about: {
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer'
  readonly port: number
  readonly nodePort?: number
  readonly protocol?: 'UDP'
  readonly address?: string
}): Service {
  const { type, address, port, nodePort, protocol } = about
  const ports = [
    {
      port,
      ...(nodePort === undefined ? {} : { nodePort }),
      ...(protocol === undefined ? {} : { protocol }),
    },
  ]
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'demo' },
    spec: { type, clusterIP: '10.43.0.5', ports },
    ...(address === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip: address }] } } }),
  }
}
