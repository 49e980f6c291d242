import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  assertShare,
  type EchoMesh,
  type Question,
  untilServed,
  versionsOf,
} from '../../support/echo/mesh.ts'
import type { Reply } from '../../support/echo/protocol.ts'
import { destinationRule, to } from '../../support/echo/virtual-service.ts'
import { serveRules } from '../../support/echo/ways.ts'

/** Where the rules of a VirtualService send requests and what they make of them, at the gateway and in the sidecar. */
export function virtualServiceTests(mesh: () => EchoMesh): void {
  describe('VirtualService destinations', () => {
    test('weights are shares of requests among the subsets of a DestinationRule', async () => {
      await mesh().apply(destinationRule('echo', 'echo', SUBSETS))
      const destination = (subset: string, weight: number) =>
        `{ destination: { host: echo, subset: ${subset}, port: { number: 80 } }, weight: ${weight} }`
      const ways = await serveRules(mesh(), 'vs-weights', [
        `{ match: [{ uri: { prefix: /unknown } }], route: [${destination('v9', 100)}] }`,
        `{ match: [{ uri: { exact: / } }], route: [${destination('v1', 75)}, ${destination('v2', 25)}] }`,
      ])
      for (const { way, ask, sample } of ways) {
        const { v1 = 0, v2 = 0 } = versionsOf(await sample(300))
        assert.equal(v1 + v2, 300, way)
        assertShare(v1, 300, 0.75)
        assert.equal((await ask('/unknown')).status, 503, 'a subset that nobody defines')
      }
      await mesh().remove('destinationrule echo')
      const isGone = (reply: Reply) => reply.status === 503
      for (const { ask } of ways) await untilServed('no subset', () => ask('/'), isGone)
    })

    test('a host that nobody knows is 503', async () => {
      const ways = await serveRules(mesh(), 'vs-unknown', [
        '{ match: [{ uri: { exact: / } }], route: [{ destination: { host: nowhere } }] }',
      ])
      for (const { ask } of ways) assert.equal((await ask('/')).status, 503)
    })

    test('ROUND_ROBIN alternates strictly; a subset’s policy replaces the host’s', async () => {
      const both =
        'subsets: [{ name: both, labels: { app: echo }, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }]'
      await mesh().apply(
        `${service('turns')}---${service('mixed')}---${destinationRule('turns', 'turns', 'trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }')}---${destinationRule('mixed', 'mixed.shop.svc.cluster.local', `trafficPolicy: { loadBalancer: { simple: RANDOM } }, ${both}`)}`,
      )
      const turns = await serveRules(mesh(), 'vs-turns', [
        '{ match: [{ uri: { exact: / } }], route: [{ destination: { host: turns } }] }',
      ])
      const mixed = await serveRules(mesh(), 'vs-mixed', [
        '{ match: [{ uri: { exact: / } }], route: [{ destination: { host: mixed, subset: both } }] }',
      ])
      for (const { way, sample } of [...turns, ...mixed]) {
        const versions = (await sample(40)).map((reply) => reply.headers['x-served-by'])
        assert.deepEqual(versionsOf(await sample(2)), { v1: 1, v2: 1 }, way)
        for (const [index, version] of versions.entries()) {
          if (index > 0) assert.notEqual(version, versions[index - 1], `${way}: ${versions.join(' ')}`)
        }
      }
    })
  })

  describe('VirtualService changes', () => {
    test('headers of the route and of the destination', async () => {
      const route =
        '{ request: { set: { x-set: new }, add: { x-add: second }, remove: [x-gone] }, response: { set: { x-made: made }, remove: [x-hidden] } }'
      const destination = 'headers: { request: { set: { x-for: v1 } }, response: { add: { x-from: v1 } } }'
      const ways = await serveRules(mesh(), 'vs-headers', [
        `{ match: [{ uri: { exact: / } }], headers: ${route}, route: [${to('v1', destination)}] }`,
      ])
      for (const { ask } of ways) {
        const { echo, headers } = await ask('/', {
          headers: { 'x-set': 'old', 'x-add': 'first', 'x-gone': 'here' },
          order: { headers: { 'x-hidden': 'here', 'x-kept': 'kept' } },
        })
        assert.ok(echo)
        assert.equal(echo.headers['x-set'], 'new')
        assert.match(echo.headers['x-add'] ?? '', /^first, ?second$/)
        assert.equal(echo.headers['x-gone'], undefined)
        assert.equal(echo.headers['x-for'], 'v1')
        assert.equal(headers['x-made'], 'made')
        assert.equal(headers['x-from'], 'v1')
        assert.equal(headers['x-hidden'], undefined)
        assert.equal(headers['x-kept'], 'kept')
      }
    })

    test('a Host header that is set is an authority that is rewritten', async () => {
      const ways = await serveRules(mesh(), 'vs-host', [
        `{ match: [{ uri: { exact: / } }], headers: { request: { set: { Host: inner.test } } }, route: [${to('v1')}] }`,
      ])
      for (const { way, ask } of ways) assert.equal((await ask('/')).echo?.host, 'inner.test', way)
    })

    test('a rewrite without a match of its own replaces the / of every path', async () => {
      const ways = await serveRules(mesh(), 'vs-rewrite-all', [
        `{ rewrite: { uri: /all/ }, route: [${to('v1')}] }`,
      ])
      for (const { way, ask } of ways) assert.equal((await ask('/x?y=z')).echo?.path, '/all/x?y=z', way)
    })

    test('rewrites of uri and authority', async () => {
      const ways = await serveRules(
        mesh(),
        'vs-rewrite',
        REWRITES.map(
          ({ match, rewrite }) => `{ match: [{ uri: ${match} }], rewrite: ${rewrite}, route: [${to('v1')}] }`,
        ),
      )
      for (const { way, ask } of ways) {
        for (const { path, becomes, host } of REWRITES.flatMap((one) => one.cases)) {
          const { echo } = await ask(path)
          assert.equal(echo?.path, becomes, `${way} ${path}`)
          assert.equal(echo?.host, host ?? 'vs-rewrite.test', `${way} ${path}`)
        }
      }
    })

    test('redirects', async () => {
      const ways = await serveRules(
        mesh(),
        'vs-redirect',
        REDIRECTS.map(
          ({ uri, redirect }) => `{ match: [{ uri: { prefix: ${uri} } }], redirect: ${redirect} }`,
        ),
      )
      for (const { way, ask } of ways) {
        for (const { path, status, location } of REDIRECTS) {
          // The port that the client wrote, as behind a port that is forwarded.
          const reply = await ask(path, { host: 'vs-redirect.test:8888' })
          assert.equal(reply.headers['location'], location, `${way} ${path}`)
          assert.equal(reply.status, status ?? 301, `${way} ${path}`)
        }
      }
    })

    test('a timeout answers 504 in Envoy’s words', async () => {
      const ways = await serveRules(mesh(), 'vs-timeout', [
        `{ match: [{ uri: { exact: / } }], timeout: 0.15s, route: [${to('v1')}] }`,
      ])
      for (const { ask } of ways) {
        const late = await ask('/', { order: { delayMs: 3000 } })
        assert.equal(late.status, 504)
        assert.equal(late.body, 'upstream request timeout')
        assert.equal((await ask('/')).status, 200)
      }
    })

    test('retries go on as often and on what the rule says, and no further', async () => {
      const ways = await serveRules(mesh(), 'vs-retries', [
        `{ match: [{ uri: { exact: /twice } }], retries: { attempts: 2, retryOn: '5xx' }, route: [${to('v1')}] }`,
        `{ match: [{ uri: { exact: /codes } }], retries: { attempts: 2, retryOn: '418,409' }, route: [${to('v1')}] }`,
        `{ match: [{ uri: { exact: /slow } }], retries: { attempts: 2, perTryTimeout: 0.1s, retryOn: 'gateway-error' }, route: [${to('v1')}] }`,
        `{ match: [{ uri: { exact: /never } }], retries: { attempts: 0 }, route: [${to('v1')}] }`,
      ])
      for (const { way, ask } of ways) {
        const failing = (key: string, count: number, status = 503): Question => ({
          order: { failures: { key: `${way} ${key}`, count, status } },
        })
        assert.equal((await ask('/twice', failing('two', 2))).status, 200)
        assert.equal((await ask('/twice', failing('three', 3))).status, 503)
        assert.equal((await ask('/codes', failing('teapot', 1, 418))).status, 200)
        assert.equal((await ask('/codes', failing('other', 1, 503))).status, 503)
        assert.equal((await ask('/never', failing('never', 1))).status, 503)
        const posted = await ask('/twice', { ...failing('posted', 2), method: 'POST', body: 'once more' })
        assert.equal(posted.echo?.bodyBytes, 9)
        const slow = await ask('/slow', { order: { delayMs: 3000 } })
        assert.equal(slow.status, 504)
        assert.equal(slow.body, 'upstream request timeout')
      }
    })
  })
}

const SUBSETS = 'subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]'

function service(name: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: echo }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`
}

const REWRITES: readonly {
  readonly match: string
  readonly rewrite: string
  readonly cases: readonly { readonly path: string; readonly becomes: string; readonly host?: string }[]
}[] = [
  {
    match: '{ prefix: /prefix/ }',
    rewrite: '{ uri: / }',
    cases: [{ path: '/prefix/x?q=1', becomes: '/x?q=1' }],
  },
  {
    match: '{ exact: /exact }',
    rewrite: '{ uri: /whole }',
    cases: [{ path: '/exact?q=1', becomes: '/whole?q=1' }],
  },
  {
    match: '{ regex: "/regex/.*" }',
    rewrite: '{ uri: /whole }',
    cases: [{ path: '/regex/x?q=1', becomes: '/whole?q=1' }],
  },
  {
    match: '{ prefix: /authority }',
    rewrite: '{ authority: other.test }',
    cases: [{ path: '/authority/x', becomes: '/authority/x', host: 'other.test' }],
  },
  {
    match: '{ prefix: /groups/ }',
    rewrite: String.raw`{ uriRegexRewrite: { match: '^/groups/([^/]+)/(.*)$', rewrite: '/\2/of/\1' } }`,
    cases: [{ path: '/groups/a/b?q=1', becomes: '/b/of/a?q=1' }],
  },
]

const REDIRECTS: readonly {
  readonly uri: string
  readonly redirect: string
  readonly path: string
  readonly status?: number
  readonly location: string
}[] = [
  {
    uri: /* whole path */ '/uri',
    redirect: '{ uri: /new }',
    path: '/uri/x?q=1',
    location: 'http://vs-redirect.test:8888/new?q=1',
  },
  {
    uri: '/authority',
    redirect: '{ authority: other.test }',
    path: '/authority/x',
    location: 'http://other.test/authority/x',
  },
  {
    uri: '/scheme',
    redirect: '{ scheme: https, redirectCode: 308 }',
    path: '/scheme',
    status: 308,
    location: 'https://vs-redirect.test:8888/scheme',
  },
  { uri: '/port', redirect: '{ port: 8443 }', path: '/port', location: 'http://vs-redirect.test:8443/port' },
  {
    uri: '/all',
    redirect: '{ uri: /x, authority: all.test, scheme: https, port: 8443, redirectCode: 307 }',
    path: '/all',
    status: 307,
    location: 'https://all.test:8443/x',
  },
]
