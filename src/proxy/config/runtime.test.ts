import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, get, request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ModelObject, Route, Service } from '../../model/index.ts'
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

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

function service(name: string): Service {
  return serviceObject(name, { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
}

function endpoint(of: Service, name: string, port: number, address = '127.0.0.1'): ModelObject {
  return workloadObject(name, { address, services: { [of.key]: { ports: { '80': port }, ready: true } } })
}

describe('configuration', () => {
  let proxy: TestProxy
  let port = 0
  const closers: (() => void)[] = []
  const a = service('a')
  const b = service('b')
  let portA = 0
  let portB = 0

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
    const serverA = await rawServer(respondWith(() => ok('A')))
    const serverB = await rawServer(respondWith(() => ok('B')))
    closers.push(serverA.close, serverB.close)
    portA = serverA.port
    portB = serverB.port
    proxy.accept(changesOf([meshObject(), a, endpoint(a, 'a-1', portA), listenerObject(port), route(a)]))
    await until(() => proxy.isBound(), 'the port is bound')
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  function route(to: Service): Route {
    return routeObject('r', { port, action: forwardTo(to) })
  }

  test('that is half wrong is applied as far as it is good, and the rest is named', async () => {
    const wrong = {
      ...route(b),
      matches: [{ order: [0], headers: [], query: [], path: { kind: 'regex', value: '(' } }],
    }
    const rejections = proxy.accept(
      changesOf([b, endpoint(b, 'b-1', portB), wrong as unknown as ModelObject]),
    )
    assert.equal(rejections.length, 1)
    assert.equal(rejections[0]?.key, route(b).key)
    assert.match(await exchangeBytes(port, GET), /A$/)
  })

  test('keeps the old route until the services of the new one are there', async () => {
    proxy.accept(changesOf([route(b)]))
    assert.match(await exchangeBytes(port, GET), /A$/)
    assert.deepEqual([...proxy.runtime.waiting()], [route(b).key])
    proxy.accept(changesOf([b, endpoint(b, 'b-1', portB)]))
    assert.deepEqual([...proxy.runtime.waiting()], [])
    assert.match(await exchangeBytes(port, GET), /B$/)
  })

  test('leaves a request that is under way on its old route', async () => {
    let answer: (() => void) | undefined
    const slow = await rawServer((socket) => {
      socket.on('data', () => {
        answer = () => socket.write(ok('slow'))
      })
    })
    closers.push(slow.close)
    proxy.accept(changesOf([b, endpoint(b, 'b-1', slow.port), route(b)]))
    const waiting = exchangeBytes(port, GET)
    await until(() => answer !== undefined, 'the slow server has the request')
    proxy.accept([...changesOf([route(a)]), { kind: 'remove', type: 'service', key: b.key }])
    proxy.accept([{ kind: 'remove', type: 'workload', key: endpoint(b, 'b-1', 0).key }])
    assert.match(await exchangeBytes(port, GET), /A$/)
    answer?.()
    assert.match(await waiting, /slow$/)
  })

  test('closes the idle connections of an endpoint that is removed', async () => {
    await exchangeBytes(port, GET)
    const [cluster] = [...proxy.runtime.clusters()]
    const [host] = cluster?.hosts() ?? []
    assert.equal(host?.idle(), 1)
    proxy.accept([{ kind: 'remove', type: 'workload', key: endpoint(a, 'a-1', 0).key }])
    await until(() => host?.counters.connectionsActive === 0, 'the connection is closed')
    assert.match(await exchangeBytes(port, GET), /no healthy upstream$/)
  })

  test('opens and closes ports as listeners come and go', async () => {
    const other = await freePort()
    proxy.accept(changesOf([listenerObject(other)]))
    await until(() => proxy.gateway?.list().length === 2, 'both ports are bound')
    assert.match(await exchangeBytes(other, GET), /^HTTP\/1\.1 404 /)
    proxy.accept([{ kind: 'remove', type: 'listener', key: listenerObject(other).key }])
    await assert.rejects(exchangeBytes(other, GET))
    assert.match(await exchangeBytes(port, GET), /A$/)
  })

  test('binds the pod port behind the port of its own Service', async () => {
    const target = await freePort()
    const own = workloadObject('gw', {
      address: '127.0.0.1',
      services: { [service('gw').key]: { ports: { [String(port)]: target }, ready: false } },
    })
    proxy.accept(changesOf([own]))
    await until(
      () => proxy.gateway?.list().some((one) => one.bound === target) === true,
      'the target port is bound',
    )
    assert.match(await exchangeBytes(target, GET), /A$/)
  })

  test('changes 200 times under load without a failed request', async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => rawServer(respondWith(() => ok('C')))))
    for (const server of servers) closers.push(server.close)
    proxy.accept(changesOf([b, endpoint(b, 'b-1', portB)]))
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    let running = true
    let answered = 0
    const failures: string[] = []
    const request = () =>
      new Promise<void>((resolve) => {
        get({ host: '127.0.0.1', port, agent, path: '/' }, (response) => {
          if (response.statusCode !== 200) failures.push(`status ${response.statusCode}`)
          answered++
          response.resume().on('end', resolve)
        }).on('error', (error) => {
          failures.push(error.message)
          resolve()
        })
      })
    const load = Array.from({ length: 8 }, async () => {
      while (running) await request()
    })
    for (let i = 0; i < 200; i++) {
      const index = i % 3
      const flip = i % 2 === 0 ? b : a
      proxy.accept([
        ...changesOf([
          { ...flip, policies: [] },
          endpoint(
            flip,
            `${flip === a ? 'a' : 'b'}-x${index}`,
            servers[index]?.port ?? 0,
            `127.0.0.${index + 2}`,
          ),
          route(flip),
        ]),
        {
          kind: 'remove',
          type: 'workload',
          key: endpoint(flip, `${flip === a ? 'a' : 'b'}-x${(index + 1) % 3}`, 0).key,
        },
      ])
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    running = false
    await Promise.all(load)
    agent.destroy()
    assert.deepEqual(failures, [])
  })

  test('follows a rolling restart of its endpoints under load without a failed request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    let running = true
    let answered = 0
    const failures: string[] = []
    const load = Array.from({ length: 8 }, async (_, i) => {
      while (running) {
        const status = await new Promise<string>((resolve) => {
          const request = httpRequest(
            { host: '127.0.0.1', port, agent, path: '/', method: i % 2 ? 'GET' : 'PUT' },
            (response) => {
              response.resume().on('end', () => resolve(String(response.statusCode)))
            },
          )
          request.on('error', (error) => resolve(error.message)).end()
        })
        answered++
        if (status !== '200') failures.push(status)
      }
    })
    let previous: { readonly close: () => void; readonly uid: string } | undefined
    for (let round = 0; round < 15; round++) {
      const server = createServer((_request, response) =>
        setTimeout(() => response.end('rolled'), round % 3),
      ).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const next = endpoint(a, `a-r${round}`, (server.address() as { port: number }).port)
      const leaving = [...proxy.runtime.clusters()].flatMap((one) => one.hosts())
      const answeredBefore = answered
      proxy.accept([
        ...changesOf([next]),
        {
          kind: 'remove',
          type: 'workload',
          key: round === 0 ? endpoint(a, 'a-1', 0).key : (previous?.uid ?? ''),
        },
      ])
      await until(
        () => leaving.every((host) => host.counters.connectionsActive === 0),
        'the endpoint that leaves has answered what it had begun, and its connections are closed',
      )
      previous?.close()
      previous = { uid: next.key, close: () => void server.close() }
      await until(() => answered > answeredBefore + 8, 'the new endpoint serves')
    }
    running = false
    await Promise.all(load)
    agent.destroy()
    previous?.close()
    assert.deepEqual(failures, [])
  })

  test('an endpoint that is a host name is served at its addresses, and at others when the name moves', async () => {
    let addresses = ['127.0.0.1']
    const port2 = await freePort()
    const named = createTestProxy({ resolve: async () => ({ addresses, ttlMs: 1 }) })
    closers.push(() => named.close())
    const { addresses: _, ...workload } = workloadObject('a-1', {
      address: '',
      services: { [a.key]: { ports: { '80': portA }, ready: true } },
    })
    const route2 = routeObject('r', { port: port2, action: forwardTo(a) })
    const elsewhere = { ...workload, addresses: [], hostname: 'a.example' }
    assert.deepEqual(named.accept(changesOf([meshObject(), a, elsewhere, listenerObject(port2), route2])), [])
    const hosts = () =>
      [...named.runtime.clusters()].flatMap((one) => one.hosts().map((host) => host.address))
    await until(() => named.isBound() && hosts().includes(`127.0.0.1:${portA}`), 'the name is resolved')
    assert.match(await exchangeBytes(port2, GET), /A$/)
    addresses = ['127.0.0.2']
    await until(() => hosts().join(' ') === `127.0.0.2:${portA}`, 'the name is resolved again')
    named.accept([{ kind: 'remove', type: 'workload', key: workload.key }])
    assert.deepEqual(hosts(), [])
  })
})
