import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ModelObject, Route, Service } from '../model/index.ts'
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

/** Requests of an application that names one service and dials another (Gateway API, MeshFrontendHostname). */
describe('routes attached to a Service', () => {
  let proxy: TestProxy
  let original: SocketTarget | undefined
  let podPort = 0
  const closers: (() => void)[] = []
  const ports = [
    { port: 80, name: 'http', protocol: 'http' },
    { port: 8080, name: 'http-alt', protocol: 'http' },
  ] as const
  const cart = serviceObject('cart', { ports, addresses: ['10.43.0.60'] })
  const shop = serviceObject('shop', { ports, addresses: ['10.43.0.61'] })
  const headless = serviceObject('headless', { ports, addresses: [] })

  before(async () => {
    const servers = await Promise.all(
      ['cart', 'shop'].map((name) => rawServer(respondWith(() => ok(`by ${name}`)))),
    )
    closers.push(...servers.map(({ close }) => close))
    const [cartPort = 0, shopPort = 0] = servers.map(({ port }) => port)
    podPort = cartPort
    proxy = createTestProxy({
      role: 'sidecar',
      network: createPlainNetwork({ originalDestination: () => original }),
      ports: { outbound: 0, inbound: 0 },
      node: { ...createTestProxy().node, role: 'sidecar' },
    })
    await proxy.start()
    const at = (port: number) => ({ ports: { '80': port, '8080': port }, ready: true })
    const objects: ModelObject[] = [
      meshObject('%ROUTE_NAME% %UPSTREAM_CLUSTER_RAW%\n'),
      cart,
      shop,
      headless,
      workloadObject('cart-1', {
        address: '127.0.0.1',
        services: { [cart.key]: at(cartPort), [headless.key]: at(cartPort) },
      }),
      workloadObject('shop-1', { address: '127.0.0.2', services: { [shop.key]: at(shopPort) } }),
      attached('cart', cart, { port: 80 }),
      attached('headless', headless),
      routeObject('virtual', {
        mesh: true,
        domains: [shop.hostname],
        match: { path: { kind: 'exact', value: '/virtual' } },
        action: { kind: 'respond', status: 298, body: 'by host', reason: 'test' },
      }),
      routeObject('virtual-rest', {
        mesh: true,
        order: 1,
        domains: [shop.hostname],
        action: forwardTo(shop),
      }),
    ]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
  })
  after(() => {
    proxy.close()
    for (const close of closers) close()
  })

  function attached(name: string, service: Service, match: { readonly port?: number } = {}): Route {
    const route = routeObject(name, {
      mesh: true,
      domains: [service.hostname],
      match: { ...match, path: { kind: 'segment-prefix', value: '/routed' } },
      action: { kind: 'respond', status: 299, body: `attached to ${name}`, reason: 'test' },
    })
    return { ...route, scope: { kind: 'mesh', service: service.key } }
  }

  async function ask(address: string, port: number, host: string, path: string): Promise<string> {
    original = { address, port }
    const head = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    const answer = await exchangeBytes(proxy.sidecar?.ports().outbound ?? 0, head)
    return `${answer.slice(9, 12)} ${answer.slice(answer.indexOf('\r\n\r\n') + 4)}`
  }

  test('hold for the address of the Service, whatever the Host says', async () => {
    assert.equal(await ask('10.43.0.60', 80, 'cart', '/routed'), '299 attached to cart')
    assert.equal(await ask('10.43.0.60', 80, 'shop', '/routed'), '299 attached to cart')
    assert.equal(await ask('10.43.0.60', 80, 'elsewhere.example', '/routed'), '299 attached to cart')
  })

  test('refuse what none of them takes, and leave other ports alone', async () => {
    assert.match(await ask('10.43.0.60', 80, 'cart', '/'), /^404/)
    assert.equal(await ask('10.43.0.60', 8080, 'cart', '/'), '200 by cart')
  })

  test('do not hold for who dials another Service by its address', async () => {
    assert.equal(await ask('10.43.0.61', 8080, 'cart', '/routed'), '200 by shop')
    assert.equal(await ask('10.43.0.61', 80, 'cart', '/routed'), '200 by shop')
  })

  test('do not hold for who dials a pod of the Service by its own address', async () => {
    assert.equal(await ask('127.0.0.1', podPort, `127.0.0.1:${podPort}`, '/routed'), '200 by cart')
  })

  test('hold for a Service without an address by its name, as nothing else tells it', async () => {
    assert.equal(await ask('127.0.0.1', 80, 'headless', '/routed'), '299 attached to headless')
    assert.equal(await ask('10.43.0.61', 80, 'headless', '/routed'), '200 by shop')
  })

  test('stand before those of a VirtualService, which go by the Host', async () => {
    assert.equal(await ask('10.43.0.61', 80, 'shop', '/virtual'), '298 by host')
    assert.equal(await ask('10.43.0.60', 8080, 'shop', '/virtual'), '298 by host')
    assert.match(await ask('10.43.0.60', 80, 'shop', '/virtual'), /^404/)
  })
})
