import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { type ModelObject, type RateLimit, rateLimitName, type RouteFilter } from '../../model/index.ts'
import {
  changesOf,
  createTestProxy,
  forwardTo,
  meshObject,
  routeObject,
  serviceObject,
  type TestProxy,
} from '../testing.ts'

let proxy: TestProxy
beforeEach(() => {
  proxy = createTestProxy()
})
afterEach(() => proxy.close())

const service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })

const PLAIN = 2

/** The number of filters that a request of the route passes. */
function lengthWith(filters: readonly RouteFilter[], ...others: readonly ModelObject[]): number {
  const route = routeObject('r', { action: forwardTo(service), filters })
  assert.deepEqual(proxy.accept(changesOf([meshObject(), service, ...others, route])), [])
  const [compiled] = proxy.runtime.routes()
  return compiled === undefined ? 0 : proxy.runtime.chain(compiled).length
}

test('a chain has the filters that its route uses, and no others', () => {
  // The router, and what looks for gRPC-Web: whether a service speaks gRPC may change under a route.
  assert.equal(lengthWith([]), PLAIN)
  const target = { kind: 'service', service: service.key, port: 80 } as const
  assert.equal(
    lengthWith([
      { kind: 'request-headers', set: [{ name: 'a', value: 'b' }], add: [], remove: [] },
      { kind: 'response-headers', set: [{ name: 'a', value: 'b' }], add: [], remove: [] },
      { kind: 'rewrite', authority: 'b.example' },
      { kind: 'mirror', percent: 1, target },
    ]),
    PLAIN + 3,
  )
})

test('a rate limit is in the chains of the routes that it is for, as long as it is there', () => {
  const limit = (name: string, place: RateLimit['place'], sides: RateLimit['sides']): RateLimit => {
    const origin = { kind: 'EnvoyFilter', namespace: 'demo', name }
    return {
      type: 'rate-limit',
      key: rateLimitName(origin, '0'),
      selector: { labels: {} },
      sides,
      place,
      bucket: { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1000 },
      enabledPercent: 100,
      enforcedPercent: 100,
      status: 429,
      isResourceExhausted: false,
      responseHeaders: [],
      requestHeaders: { set: [], add: [] },
      hasLimitHeaders: false,
      statPrefix: 'p',
      order: [name],
      origin,
    }
  }
  const elsewhere = limit('a', { kind: 'virtual-host', domain: 'b.example' }, ['gateway'])
  assert.equal(lengthWith([], elsewhere, limit('b', { kind: 'listener' }, ['inbound'])), PLAIN)
  const here = limit('c', { kind: 'listener' }, ['gateway'])
  assert.equal(lengthWith([], here), PLAIN + 1)
  proxy.accept([{ kind: 'remove', type: 'rate-limit', key: here.key }])
  assert.equal(lengthWith([]), PLAIN)
})
