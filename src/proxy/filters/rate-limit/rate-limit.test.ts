import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type RateLimit, type Route, rateLimitName } from '../../../model/index.ts'
import { createPlainNetwork } from '../../net/network.ts'
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
} from '../../testing.ts'

const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'
/** So long that no token comes back within a test. */
const HOUR_MS = 3_600_000

function limitOf(name: string, maxTokens: number, more: Partial<RateLimit> = {}): RateLimit {
  const origin = { kind: 'EnvoyFilter', namespace: 'demo', name }
  return {
    type: 'rate-limit',
    key: rateLimitName(origin, '0'),
    selector: { namespace: 'demo', labels: { app: 'gw' } },
    sides: ['gateway', 'inbound'],
    place: { kind: 'listener' },
    bucket: { maxTokens, tokensPerFill: 1, fillIntervalMs: HOUR_MS },
    enabledPercent: 100,
    enforcedPercent: 100,
    status: 429,
    isResourceExhausted: false,
    responseHeaders: [],
    requestHeaders: { set: [], add: [] },
    hasLimitHeaders: false,
    statPrefix: 'edge',
    order: [name],
    origin,
    ...more,
  }
}

function get(path: string, ...lines: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: shop.example', 'Connection: close', ...lines, '', ''].join('\r\n')
}

describe('rate limits', () => {
  let proxy: TestProxy
  let port = 0
  let appPort = 0
  let seen = ''
  const closers: (() => void)[] = []
  const service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
    const app = await rawServer(
      respondWith((head) => {
        seen = head
        return ok('fine')
      }),
    )
    closers.push(app.close)
    appPort = app.port
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  function routeFor(path: string, order: number): Route {
    const match = { path: { kind: 'string-prefix', value: path } } as const
    const domains = path === '/elsewhere' ? ['*'] : ['shop.example']
    return {
      ...routeObject(`r${order}`, { port, action: forwardTo(service), match, order, domains }),
      name: path,
    }
  }

  async function serve(...limits: readonly RateLimit[]): Promise<void> {
    const workload = workloadObject('s-1', {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '80': appPort }, ready: true } },
    })
    const routes = [routeFor('/checkout', 1), routeFor('/', 2)]
    const objects = [meshObject(LOG), service, workload, ...limits, listenerObject(port), ...routes]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
    await until(() => proxy.isBound(), 'the port is bound')
  }

  async function statuses(count: number, path = '/', at = port): Promise<readonly string[]> {
    const answers: string[] = []
    for (let i = 0; i < count; i++) answers.push((await exchangeBytes(at, get(path))).slice(9, 12))
    return answers
  }

  test('requests beyond the tokens are answered in Envoy’s words, and counted', async () => {
    await serve(limitOf('a', 2, { responseHeaders: [{ name: 'x-local-rate-limit', value: 'true' }] }))
    assert.deepEqual(await statuses(3), ['200', '200', '429'])
    const refused = await exchangeBytes(port, get('/'))
    assert.match(refused, /^HTTP\/1\.1 429 Too Many Requests\r\n[^]*\r\n\r\nlocal_rate_limited$/)
    assert.match(refused, /\r\nx-local-rate-limit: true\r\n/)
    assert.equal(proxy.logLines.at(-1), '429 RL local_rate_limited\n')
    assert.deepEqual(
      [...proxy.runtime.limits.counters()],
      [['edge', { enabled: 4, ok: 2, rate_limited: 2, enforced: 2 }]],
    )
  })

  test('calls of gRPC are told in gRPC', async () => {
    await serve(limitOf('a', 1, { isResourceExhausted: true }))
    await statuses(1)
    const refused = await exchangeBytes(port, get('/a.B/C', 'Content-Type: application/grpc'))
    assert.match(refused, /^HTTP\/1\.1 200 /)
    assert.match(refused, /\r\ngrpc-status: 8\r\n/)
  })

  test('what is not enforced is let through and marked', async () => {
    const requestHeaders = { set: [{ name: 'x-too-many', value: 'yes' }], add: [] }
    await serve(limitOf('a', 1, { enforcedPercent: 0, requestHeaders }))
    assert.deepEqual(await statuses(1), ['200'])
    assert.doesNotMatch(seen, /x-too-many/)
    assert.deepEqual(await statuses(1), ['200'])
    assert.match(seen, /\r\nx-too-many: yes\r\n/)
  })

  test('every answer can tell what is left', async () => {
    await serve(limitOf('a', 2, { hasLimitHeaders: true }))
    const told = async () => {
      const answer = (await exchangeBytes(port, get('/'))).toLowerCase()
      return ['limit', 'remaining', 'reset'].map((name) =>
        Number(new RegExp(`x-ratelimit-${name}: (\\d+)`).exec(answer)?.[1]),
      )
    }
    assert.deepEqual(await told(), [2, 1, 0])
    assert.deepEqual(await told(), [2, 0, 3600])
    assert.deepEqual(await told(), [2, 0, 3600])
  })

  test('the most special place decides: a route, its host, the listener', async () => {
    await serve(
      limitOf('a', 3),
      limitOf('b', 2, { place: { kind: 'virtual-host', domain: 'shop.example', port } }),
      limitOf('c', 1, { place: { kind: 'route', route: '/checkout' } }),
    )
    assert.deepEqual(await statuses(2, '/checkout'), ['200', '429'])
    assert.deepEqual(await statuses(3, '/'), ['200', '200', '429'])
  })

  test('limits of another port, or of other proxies, are nobody’s business here', async () => {
    await serve(
      limitOf('a', 1, { place: { kind: 'listener', port: port + 1 } }),
      limitOf('b', 1, { selector: { namespace: 'demo', labels: { app: 'other' } } }),
      limitOf('c', 1, { selector: { namespace: 'elsewhere', labels: {} } }),
      limitOf('d', 1, { sides: ['inbound'] }),
    )
    assert.deepEqual(await statuses(3), ['200', '200', '200'])
  })

  test('another change of configuration gives no new tokens; a change of the limit does', async () => {
    await serve(limitOf('a', 1))
    assert.deepEqual(await statuses(2), ['200', '429'])
    proxy.accept(changesOf([routeFor('/', 2)]))
    assert.deepEqual(await statuses(1), ['429'])
    proxy.accept(changesOf([limitOf('a', 2)]))
    assert.deepEqual(await statuses(3), ['200', '200', '429'])
    proxy.accept([{ kind: 'remove', type: 'rate-limit', key: limitOf('a', 1).key }])
    assert.deepEqual(await statuses(2), ['200', '200'])
  })

  test('a sidecar limits what calls its workload, each port for itself', async () => {
    const sidecar = createTestProxy({
      role: 'sidecar',
      network: createPlainNetwork({ originalDestination: () => ({ address: '127.0.0.1', port: appPort }) }),
      ports: { outbound: 0, inbound: 0 },
      node: { ...proxy.node, role: 'sidecar' },
    })
    closers.push(() => sidecar.close())
    await sidecar.start()
    const limits = [limitOf('a', 5), limitOf('b', 1, { place: { kind: 'route', port: appPort } })]
    sidecar.accept(changesOf([meshObject(LOG), ...limits]))
    const at = sidecar.sidecar?.ports().inbound ?? 0
    assert.deepEqual(await statuses(2, '/', at), ['200', '429'])
    assert.equal(sidecar.logLines.at(-1), '429 RL local_rate_limited\n')
  })
})
