import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createManualClock, systemRandom } from '../base/index.ts'
import {
  type ConnectionRoute,
  type Listener,
  listenerName,
  type ModelObject,
  routeName,
  type Service,
} from '../model/index.ts'
import { createProxyThread } from './exchange/thread.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  GATEWAY,
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
} from './testing.ts'

/** One service with one endpoint on loopback. */
function backend(name: string, port: number): { service: Service; objects: readonly ModelObject[] } {
  const service = serviceObject(name, { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
  const workload = workloadObject(`${name}-1`, {
    address: '127.0.0.1',
    services: { [service.key]: { ports: { '80': port }, ready: true } },
  })
  return { service, objects: [service, workload] }
}

async function start(proxy: TestProxy, port: number, objects: readonly ModelObject[]): Promise<void> {
  const rejections = proxy.accept(changesOf([meshObject(), ...objects, listenerObject(port)]))
  assert.deepEqual(rejections, [])
  await until(() => proxy.isBound(), 'the port is bound')
}

describe('a gateway', () => {
  let proxy: TestProxy
  let port: number
  const closers: (() => void)[] = []
  let seen = ''

  before(async () => {
    const v1 = await rawServer(
      respondWith((head) => {
        seen = head
        return ok('one', 'Server: app\r\nX-Version: 1.0.0\r\nConnection: keep-alive\r\n')
      }),
    )
    const v2 = await rawServer(respondWith(() => ok('two')))
    closers.push(v1.close, v2.close)
    port = await freePort()
    proxy = createTestProxy()
    const one = backend('one', v1.port)
    const two = backend('two', v2.port)
    await start(proxy, port, [
      ...one.objects,
      ...two.objects,
      routeObject('two', {
        port,
        order: 1,
        match: { headers: [{ name: 'x-user', match: { kind: 'exact', value: 'jonathan' } }] },
        action: forwardTo(two.service),
      }),
      routeObject('moved', {
        port,
        order: 2,
        match: { path: { kind: 'segment-prefix', value: '/old' } },
        action: {
          kind: 'redirect',
          status: 302,
          hostname: 'new.example',
          path: { kind: 'prefix', value: '/new' },
        },
      }),
      routeObject('fixed', {
        port,
        order: 3,
        match: { path: { kind: 'exact', value: '/fixed' } },
        action: { kind: 'respond', status: 418, body: 'short and stout', reason: 'test' },
      }),
      routeObject('one', {
        port,
        order: 9,
        match: { path: { kind: 'segment-prefix', value: '/app' } },
        filters: [
          { kind: 'response-headers', set: [], add: [{ name: 'x-version', value: 'added' }], remove: [] },
          { kind: 'request-headers', set: [{ name: 'x-set', value: 's' }], add: [], remove: ['x-gone'] },
          { kind: 'rewrite', path: { kind: 'prefix', value: '/v1' } },
        ],
        action: forwardTo(one.service),
      }),
    ])
  })
  after(() => {
    proxy.close()
    for (const close of closers) close()
  })

  test('forwards a request by its route and adds what Istio adds', async () => {
    const answer = await exchangeBytes(
      port,
      'GET /app/x?q=1 HTTP/1.1\r\nHost: shop.example\r\nX-Gone: 1\r\nX-Envoy-Fake: 1\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n\r\n',
    )
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(answer, /\r\nserver: istio-envoy\r\n/)
    assert.doesNotMatch(answer, /server: app/i)
    assert.match(answer, /\r\nx-envoy-upstream-service-time: \d+\r\n/)
    assert.match(answer, /\r\nx-version: 1\.0\.0\r\n/)
    assert.match(answer, /\r\nx-version: added\r\n/)
    assert.match(answer, /\r\nconnection: close\r\n/)
    assert.match(answer, /\r\n\r\none$/)
    assert.match(seen, /^GET \/v1\/x\?q=1 HTTP\/1\.1\r\n/)
    assert.match(seen, /\r\nhost: shop\.example\r\n/)
    assert.match(seen, /\r\nx-set: s\r\n/)
    assert.match(seen, /\r\nx-forwarded-for: 9\.9\.9\.9,127\.0\.0\.1\r\n/)
    assert.match(seen, /\r\nx-forwarded-proto: http\r\n/)
    assert.match(seen, /\r\nx-request-id: [0-9a-f-]{36}\r\n/)
    assert.match(seen, /\r\nx-envoy-attempt-count: 1\r\n/)
    assert.doesNotMatch(seen, /x-gone|x-envoy-fake|connection:/)
  })

  test('prefers the route whose header condition holds', async () => {
    const answer = await exchangeBytes(
      port,
      'GET /app HTTP/1.1\r\nHost: a\r\nX-User: jonathan\r\nConnection: close\r\n\r\n',
    )
    assert.match(answer, /two$/)
  })

  test('redirects, answers itself, and says 404 where there is no route', async () => {
    const moved = await exchangeBytes(port, 'GET /old/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    assert.match(moved, /^HTTP\/1\.1 302 Found\r\n/)
    assert.match(moved, /\r\nlocation: http:\/\/new\.example(:\d+)?\/new\/a\r\n/)
    const fixed = await exchangeBytes(port, 'GET /fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    assert.match(fixed, /^HTTP\/1\.1 418 .*short and stout$/s)
    const none = await exchangeBytes(port, 'GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    assert.match(none, /^HTTP\/1\.1 404 Not Found\r\n/)
    assert.match(none, /server: istio-envoy/)
  })

  test('answers pipelined requests in order on one connection', async () => {
    const request = (user: string) => `GET /app HTTP/1.1\r\nHost: a\r\nX-User: ${user}\r\n\r\n`
    const answer = await exchangeBytes(
      port,
      `${request('x')}${request('jonathan')}GET /fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    assert.match(answer, /one.*two.*short and stout$/s)
  })

  test('counts requests with Istio labels', () => {
    const text = proxy.registry.text()
    assert.match(
      text,
      /istio_requests_total\{reporter="source",.*destination_workload="one-1".*response_code="200".*\} \d/,
    )
    assert.match(text, /destination_service="one\.demo\.svc\.cluster\.local"/)
    assert.match(text, /response_flags="NR"/)
    assert.match(text, /istio_request_duration_milliseconds_bucket/)
  })
})

describe('a port of a gateway', () => {
  test('that nothing listens on any more ends idle connections at once, the others with their response', async () => {
    const waiting: Socket[] = []
    const server = await rawServer((socket) => {
      respondWith((head) => {
        if (!head.startsWith('GET /slow')) return ok('now')
        waiting.push(socket)
        return ''
      })(socket)
    })
    const port = await freePort()
    const proxy = createTestProxy()
    const { service, objects } = backend('one', server.port)
    const route = routeObject('one', { port, order: 1, action: forwardTo(service) })
    await start(proxy, port, [...objects, route])
    try {
      const head = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
      const slow = exchangeBytes(port, head('/slow'))
      await until(() => waiting.length === 1, 'a request is under way')
      const idle = exchangeBytes(port, head('/'))
      const one = proxy.registry
      await until(() => /istio_requests_total\{.*\} 1$/m.test(one.text()), 'another has been answered')
      assert.equal(proxy.connections.size(), 2)

      const { key } = listenerObject(port)
      proxy.accept([{ kind: 'remove', type: 'listener', key }])
      assert.match(await idle, /^HTTP\/1\.1 200 [\s\S]*now$/)
      // Its route goes too; it has been taken by then.
      proxy.accept([{ kind: 'remove', type: 'route', key: route.key }])
      waiting[0]?.write(ok('late'))
      const answer = await slow
      assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*late$/)
      assert.match(answer, /^connection: close\r$/im)
      await until(() => proxy.connections.size() === 0, 'both are gone')

      await start(proxy, port, [route])
      const kept = await exchangeBytes(port, [head('/'), head('/')], (text) => text.split('now').length === 3)
      assert.doesNotMatch(kept, /connection: close/i)
    } finally {
      proxy.close()
      server.close()
    }
  })

  test('that nothing listens on any more lets connections of bytes go on for as long as Envoy does', async () => {
    const server = await rawServer((socket) => socket.pipe(socket))
    const port = await freePort()
    const clock = createManualClock(1_000_000)
    const proxy = createTestProxy({ thread: createProxyThread({ clock, random: systemRandom }) })
    const { service, objects } = backend('one', server.port)
    const origin = { kind: 'TCPRoute', namespace: 'demo', name: 'one', rule: 0 }
    const listener: Listener = { ...listenerObject(port), protocol: 'tcp' }
    const route: ConnectionRoute = {
      type: 'connection-route',
      key: routeName(origin),
      scope: { kind: 'gateway', listeners: [listener.key] },
      matches: [{ order: [0] }],
      destinations: [{ weight: 1, target: { kind: 'service', service: service.key, port: 80 } }],
      origin,
    }
    assert.deepEqual(proxy.accept(changesOf([meshObject(), ...objects, listener, route])), [])
    await until(() => proxy.isBound(), 'the port is bound')
    try {
      const socket = connect(port, '127.0.0.1')
      const says = async (text: string) => {
        socket.write(text)
        assert.equal(String((await once(socket, 'data'))[0]), text)
      }
      await says('before')
      proxy.accept([{ kind: 'remove', type: 'listener', key: listener.key }])
      proxy.accept([{ kind: 'remove', type: 'connection-route', key: route.key }])
      clock.advance(44_000)
      await says('while it drains')
      const closed = once(socket, 'close')
      clock.advance(2_000)
      await closed
    } finally {
      proxy.close()
      server.close()
    }
  })

  test('may be that of one address alone, and another on the next', async () => {
    const port = await freePort()
    const proxy = createTestProxy()
    const at = (bind: string): readonly ModelObject[] => {
      const listener = { ...listenerObject(port), key: listenerName(GATEWAY, bind), bind }
      const action = { kind: 'respond', status: 200, body: bind, reason: 'test' } as const
      const route = routeObject(`of-${bind}`, { action })
      return [listener, { ...route, scope: { kind: 'gateway', listeners: [listener.key] } }]
    }
    const objects = [meshObject(), ...at('127.0.0.5'), ...at('127.0.0.6')]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
    await until(() => proxy.isBound(), 'the ports are bound')
    const ask = async (host: string): Promise<string> => {
      const socket = connect(port, host)
      socket.on('error', () => {})
      socket.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      let text = ''
      for await (const chunk of socket.setEncoding('latin1')) text += String(chunk)
      return text.slice(text.indexOf('\r\n\r\n') + 4)
    }
    try {
      assert.equal(await ask('127.0.0.5'), '127.0.0.5')
      assert.equal(await ask('127.0.0.6'), '127.0.0.6')
      await assert.rejects(ask('127.0.0.7'), /ECONNREFUSED/)
    } finally {
      proxy.close()
    }
  })
})
