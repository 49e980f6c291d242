import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../../testing.ts'
import { createRouteStatistics } from '../../exchange/route-statistics.ts'

let proxy: TestProxy
let port = 0
const closers: (() => void)[] = []
const service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })

before(async () => {
  port = await freePort()
  proxy = createTestProxy()
  closers.push(proxy.close)
  let asked = 0
  const app = await rawServer(
    respondWith((head) => {
      const status = head.startsWith('GET /counted/flaky') && ++asked % 2 === 1 ? 503 : 200
      return `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`
    }),
  )
  closers.push(app.close)
  const path = (value: string) => ({ kind: 'string-prefix', value }) as const
  const route = {
    ...routeObject('r', {
      port,
      match: { path: path('/counted'), statPrefix: 'critical' },
      action: forwardTo(service, { retries: { attempts: 1, retryOn: ['5xx'] } }),
    }),
    domains: ['shop.example'],
  }
  const other = {
    ...routeObject('o', { port, match: { path: path('/other') }, action: forwardTo(service) }),
    domains: ['shop.example'],
  }
  proxy.accept(
    changesOf([
      meshObject(),
      listenerObject(port),
      service,
      workloadObject('s-1', {
        address: '127.0.0.1',
        services: { [service.key]: { ports: { '80': app.port }, ready: true } },
      }),
      route,
      other,
    ]),
  )
  await until(() => proxy.isBound(), 'the port is bound')
})
after(() => {
  for (const close of closers) close()
})

test('requests of a match with a statPrefix are counted by it, and no others', async () => {
  for (const path of ['/counted', '/counted/flaky', '/other', '/nothing']) {
    await exchangeBytes(port, `GET ${path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n`)
  }
  const all = [...proxy.runtime.statistics.all()]
  assert.deepEqual(all, [
    {
      virtualHost: `shop.example:${port}`,
      prefix: 'critical',
      sent: 3,
      retries: 1,
      timeouts: 0,
      byStatus: new Map([[200, 2]]),
    },
  ])
})

test('there is an end to what is kept', () => {
  const table = createRouteStatistics()
  for (let i = 0; i < 1000; i++) assert.ok(table.of('a', String(i)))
  assert.equal(table.of('a', 'one more'), undefined)
  assert.ok(table.of('a', '7'))
})
