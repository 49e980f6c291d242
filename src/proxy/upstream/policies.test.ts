/** What a service's traffic policy does to the requests of a proxy. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { TrafficPolicy } from '../../model/index.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  ok,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../testing.ts'

describe('a traffic policy', () => {
  let proxy: TestProxy
  let port = 0
  const broken = new Set<string>()
  const closers: (() => void)[] = []

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
    broken.clear()
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  /** Three endpoints that answer their names, or 500 while they are broken. */
  async function serve(traffic: TrafficPolicy): Promise<void> {
    const origin = { kind: 'DestinationRule', namespace: 'demo', name: 's' }
    const base = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    const service = { ...base, policies: [{ traffic, ports: {}, subsets: [], origin }] }
    const workloads = await Promise.all(
      ['one', 'two', 'three'].map(async (name) => {
        const server = await rawServer(
          respondWith(() =>
            broken.has(name) ? `HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n` : ok(name),
          ),
        )
        closers.push(server.close)
        return workloadObject(name, {
          address: '127.0.0.1',
          services: { [service.key]: { ports: { '80': server.port }, ready: true } },
        })
      }),
    )
    const route = routeObject('r', {
      port,
      action: forwardTo(service, { retries: { attempts: 0, retryOn: [] } }),
    })
    const objects = [meshObject(), service, ...workloads, listenerObject(port), route]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
    await until(() => proxy.isBound(), 'the port is bound')
  }

  function get(...lines: readonly string[]): Promise<string> {
    return exchangeBytes(
      port,
      ['GET /?user=a HTTP/1.1', 'Host: a', 'Connection: close', ...lines, '', ''].join('\r\n'),
    )
  }

  const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4)

  test('with outlier detection leaves out an endpoint that keeps failing', async () => {
    const outlierDetection = {
      consecutive5xx: 2,
      consecutiveGatewayErrors: 0,
      consecutiveLocalFailures: 5,
      splitLocal: false,
      intervalMs: 20,
      baseEjectionMs: 200,
      maxEjectionPercent: 40,
      minHealthPercent: 0,
    }
    await serve({ balancer: { kind: 'round-robin' }, outlierDetection })
    broken.add('two')
    const first = await Promise.all(Array.from({ length: 9 }, () => get()))
    assert.ok(first.some((answer) => answer.startsWith('HTTP/1.1 500')))
    const cluster = [...proxy.runtime.clusters()][0]!
    assert.equal(cluster.hosts().filter(cluster.isEjected).length, 1)
    const second = await Promise.all(Array.from({ length: 9 }, () => get()))
    assert.ok(second.every((answer) => answer.startsWith('HTTP/1.1 200')))
    broken.clear()
    await until(() => !cluster.hosts().some(cluster.isEjected), 'the endpoint is back')
    const third = await Promise.all(Array.from({ length: 9 }, () => get()))
    assert.ok(third.some((answer) => bodyOf(answer) === 'two'))
  })

  test('with a hash of a header, a query or the source sends equal requests to one endpoint', async () => {
    const ring = { kind: 'hash', algorithm: 'ring', size: 1024 } as const
    await serve({ balancer: { ...ring, key: { kind: 'header', name: 'x-user' } } })
    const users = ['ann', 'bob', 'carl', 'dora', 'emil', 'fred', 'gus', 'hal']
    const places = await Promise.all(users.map(async (user) => bodyOf(await get(`X-User: ${user}`))))
    assert.ok(new Set(places).size > 1, 'users are spread')
    for (const [i, user] of users.entries()) assert.equal(bodyOf(await get(`X-User: ${user}`)), places[i])
  })

  test('with a cookie gives one to a client that has none, and finds its endpoint again', async () => {
    const key = { kind: 'cookie', name: 'place', path: '/', ttlMs: 60_000, attributes: [] } as const
    await serve({ balancer: { kind: 'hash', algorithm: 'maglev', size: 251, key } })
    const answer = await get()
    const cookie = /^set-cookie: (place="[0-9a-f]{8}"); Max-Age=60; Path=\/; HttpOnly\r$/im.exec(answer)?.[1]
    assert.ok(cookie, answer)
    for (let i = 0; i < 5; i++) {
      const next = await get(`Cookie: a=b; ${cookie}`)
      assert.equal(bodyOf(next), bodyOf(answer))
      assert.doesNotMatch(next, /set-cookie/i)
    }
  })
})
