import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Mesh } from '../model/index.ts'
import { createPlainNetwork, type SocketTarget } from './net/network.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  meshObject,
  ok,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  workloadObject,
} from './testing.ts'

/** MeshConfig.defaultHttpRetryPolicy (istio.io, reference/config/istio.mesh.v1alpha1). */
describe("the mesh's own retries", () => {
  let proxy: TestProxy
  let requests = 0
  let close = (): void => {}
  const original: SocketTarget = { address: '10.43.0.60', port: 80 }
  const ports = [{ port: 80, name: 'http', protocol: 'http' }] as const
  const cart = serviceObject('cart', { ports, addresses: ['10.43.0.60'] })

  before(async () => {
    const answer = () => {
      requests += 1
      return ok('later').replace('200 OK', '500 Not Yet')
    }
    const server = await rawServer(respondWith(answer))
    close = server.close
    proxy = createTestProxy({
      role: 'sidecar',
      network: createPlainNetwork({ originalDestination: () => original }),
      ports: { outbound: 0, inbound: 0 },
      node: { ...createTestProxy().node, role: 'sidecar' },
    })
    await proxy.start()
    const service = { [cart.key]: { ports: { '80': server.port }, ready: true } }
    const none = routeObject('none', {
      mesh: true,
      domains: ['own.test'],
      action: forwardTo(cart, { retries: { attempts: 0, retryOn: [] } }),
    })
    const silent = routeObject('silent', { mesh: true, domains: ['silent.test'], action: forwardTo(cart) })
    const workload = workloadObject('cart-1', { address: '127.0.0.1', services: service })
    assert.deepEqual(proxy.accept(changesOf([meshObject(), cart, workload, none, silent])), [])
  })
  after(() => {
    proxy.close()
    close()
  })

  async function triesOf(host: string): Promise<number> {
    requests = 0
    const head = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    await exchangeBytes(proxy.sidecar?.ports().outbound ?? 0, head)
    return requests
  }

  test('hold for routes that say nothing and for services without routes, and not where a route says more', async () => {
    assert.deepEqual([await triesOf('cart'), await triesOf('silent.test')], [1, 1])
    const mesh = meshObject() as Mesh
    const retries = { attempts: 1, retryOn: ['5xx'], backoffMs: 1 }
    assert.deepEqual(proxy.accept(changesOf([{ ...mesh, retries }])), [])
    const tries = [await triesOf('cart'), await triesOf('silent.test'), await triesOf('own.test')]
    assert.deepEqual(tries, [2, 2, 1])
    assert.deepEqual(proxy.accept(changesOf([mesh])), [])
    assert.deepEqual([await triesOf('cart'), await triesOf('silent.test')], [1, 1])
  })
})
