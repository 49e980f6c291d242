import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Route, Service, SessionPersistence, Workload } from '../../model/index.ts'
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

const COOKIE: SessionPersistence = { kind: 'cookie', name: 'sticky', path: '/' }

describe('sessions', () => {
  let proxy: TestProxy
  let port = 0
  let ports: number[] = []
  const closers: (() => void)[] = []

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
    ports = []
    for (const name of ['a', 'b', 'c']) {
      const server = await rawServer(respondWith(() => ok(name)))
      closers.push(server.close)
      ports.push(server.port)
    }
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  function serviceWith(name: string, session?: SessionPersistence): Service {
    const service = serviceObject(name, { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    return { ...service, ...(session && { session }) }
  }

  function endpoint(service: Service, index: number, state = { ready: true }): Workload {
    return workloadObject(`${service.hostname}-${index}`, {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '80': ports[index] ?? 0 }, ...state } },
    })
  }

  function routeTo(service: Service, session?: SessionPersistence): Route {
    return routeObject('r', { port, action: forwardTo(service, session && { session }) })
  }

  async function serve(service: Service, session?: SessionPersistence): Promise<void> {
    const workloads = ports.map((_, i) => endpoint(service, i))
    const objects = [meshObject(), service, ...workloads, listenerObject(port), routeTo(service, session)]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
    await until(() => proxy.isBound(), 'the port is bound')
  }

  async function get(line = ''): Promise<{ readonly head: string; readonly body: string }> {
    const answer = await exchangeBytes(port, `GET / HTTP/1.1\r\nHost: a\r\n${line}Connection: close\r\n\r\n`)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    return { head, body }
  }

  /** Where 20 requests with this line end. */
  async function ends(line: string): Promise<readonly string[]> {
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(line)))
    return [...new Set(answers.map(({ body }) => body))]
  }

  function cookieOf(head: string): string {
    return `Cookie: x=1; ${/set-cookie: (sticky="[^"]+")/.exec(head)?.[1]}\r\n`
  }

  test('a client gets a cookie, and with it the same endpoint for ever', async () => {
    await serve(serviceWith('s'), COOKIE)
    const first = await get()
    assert.match(first.head, /\r\nset-cookie: sticky="[A-Za-z0-9+/=]+"; Path=\/; HttpOnly(\r\n|$)/)
    const line = cookieOf(first.head)
    assert.deepEqual(await ends(line), [first.body])
    assert.doesNotMatch((await get(line)).head, /set-cookie/)
    // Another proxy, or the same after a restart, knows no more than the cookie.
    proxy.close()
    proxy = createTestProxy()
    await serve(serviceWith('s'), COOKIE)
    assert.deepEqual(await ends(line), [first.body])
  })

  test('a session by header', async () => {
    await serve(serviceWith('s'), { kind: 'header', name: 'x-session' })
    const first = await get()
    const value = /\r\nx-session: (\S+)/.exec(first.head)?.[1]
    assert.deepEqual(await ends(`X-Session: ${value}\r\n`), [first.body])
  })

  test('a service may ask for sessions by itself', async () => {
    await serve(serviceWith('s', COOKIE))
    const first = await get()
    assert.deepEqual(await ends(cookieOf(first.head)), [first.body])
  })

  test('when the endpoint is gone, a new session begins; what is no session is none', async () => {
    const service = serviceWith('s')
    await serve(service, COOKIE)
    const first = await get()
    const gone = ['a', 'b', 'c'].indexOf(first.body)
    proxy.accept([{ kind: 'remove', type: 'workload', key: endpoint(service, gone).key }])
    const next = await get(cookieOf(first.head))
    assert.notEqual(next.body, first.body)
    assert.deepEqual(await ends(cookieOf(next.head)), [next.body])
    for (const value of ['', '!', 'MTI3LjAuMC4xOjE=', 'x'.repeat(5000)]) {
      assert.match((await get(`Cookie: sticky=${value}\r\n`)).head, /set-cookie: sticky=/)
    }
  })

  test('an endpoint on its way out keeps its sessions and gets no new ones', async () => {
    const service = serviceWith('s')
    await serve(service, COOKIE)
    const first = await get()
    const leaving = ['a', 'b', 'c'].indexOf(first.body)
    proxy.accept(
      changesOf([endpoint(service, leaving, { ready: false, draining: true } as { ready: boolean })]),
    )
    assert.deepEqual(await ends(cookieOf(first.head)), [first.body])
    assert.ok(!(await ends('')).includes(first.body))
    proxy.accept(changesOf([endpoint(service, leaving, { ready: false })]))
    assert.ok(!(await ends(cookieOf(first.head))).includes(first.body))
  })

  test('a session that is over is none', async () => {
    await serve(serviceWith('s'), { ...COOKIE, maxAgeMs: 3_600_000, endsAfterMs: 3_600_000 })
    const first = await get()
    assert.match(first.head, /; Max-Age=3600; Path=\//)
    assert.deepEqual(await ends(cookieOf(first.head)), [first.body])
    const address = `127.0.0.1:${ports[0]}`
    for (const old of [address, `${address};1000000000`]) {
      const value = Buffer.from(old).toString('base64')
      assert.match((await get(`Cookie: sticky="${value}"\r\n`)).head, /set-cookie: sticky=/)
    }
  })

  test('weights are for new sessions: one that has begun stays with its destination', async () => {
    const [one, two] = [serviceWith('one'), serviceWith('two')]
    const [first, second] = [forwardTo(one), forwardTo(two)]
    if (first.kind !== 'forward' || second.kind !== 'forward') assert.fail()
    const destinations = [
      { ...first.destinations[0], weight: 1 },
      { ...second.destinations[0], weight: 1_000_000 },
    ] as typeof first.destinations
    const route = routeObject('r', { port, action: { ...first, destinations, session: COOKIE } })
    const workloads = [endpoint(one, 0), endpoint(two, 1)]
    proxy.accept(changesOf([meshObject(), one, two, ...workloads, listenerObject(port), route]))
    await until(() => proxy.isBound(), 'the port is bound')
    const value = Buffer.from(`127.0.0.1:${ports[0]}`).toString('base64')
    assert.deepEqual(await ends(`Cookie: sticky="${value}"\r\n`), ['a'])
  })
})
