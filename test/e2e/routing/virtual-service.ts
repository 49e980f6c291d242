import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  askAt,
  assertShare,
  type EchoMesh,
  type Question,
  untilServed,
  versionsOf,
} from '../../support/echo/mesh.ts'
import type { Call, Reply } from '../../support/echo/protocol.ts'
import { destinationRule, markedRoute, to, virtualService } from '../../support/echo/virtual-service.ts'
import { waitForNextSecond } from '../../support/wait.ts'

interface Way {
  readonly name: 'gateway' | 'sidecar'
  readonly ask: (path: string, question: Question) => Promise<Reply>
  /** One after another. */
  readonly sample: (path: string, host: string, count: number) => Promise<readonly Reply[]>
}

/** Both ways by which a VirtualService takes requests: the same rules must mean the same at either. */
function waysOf(mesh: EchoMesh): readonly Way[] {
  const outgoing = (path: string, { port, host, headers, ...rest }: Question): Call => ({
    url: `http://echo.shop${port === undefined ? '' : `:${port}`}${path}`,
    headers: { ...(host !== undefined && { host }), ...headers },
    ...rest,
  })
  return [
    {
      name: 'gateway',
      ask: (path, question) => askAt(mesh.ingress, path, question),
      async sample(path, host, count) {
        const replies: Reply[] = []
        while (replies.length < count) replies.push(await askAt(mesh.ingress, path, { host }))
        return replies
      },
    },
    {
      name: 'sidecar',
      ask: (path, question) => mesh.client.call(outgoing(path, question)),
      sample: (path, host, count) =>
        mesh.client.calls(Array.from({ length: count }, () => outgoing(path, { host }))),
    },
  ]
}

/** Istio's rules on istio-ingressgateway and in the sidecars. */
export function virtualServiceTests(mesh: () => EchoMesh): void {
  /** Applies the rules for a host of their own. @returns how to ask for it, once both ways know it */
  async function serve(name: string, http: readonly string[]) {
    const host = `${name}.test`
    await mesh().apply(virtualService({ name, http: [READY, ...http] }))
    const ways = waysOf(mesh())
    for (const way of ways) {
      await untilServed(`${name} at the ${way.name}`, () => way.ask('/ready', { host }), isReady)
    }
    return ways.map((way) => ({
      way: way.name,
      ask: (path: string, question: Question = {}) => way.ask(path, { host, ...question }),
      sample: (count: number) => way.sample('/', host, count),
    }))
  }

  describe('VirtualService matches', () => {
    for (const { title, name, match, takes, leaves } of MATCHES) {
      test(title, async () => {
        for (const { way, ask } of await serve(name, [markedRoute(match, 'taken')])) {
          for (const [path, question] of takes) {
            const about = `${way} ${path} ${JSON.stringify(question)}`
            assert.equal((await ask(path, question)).headers['x-rule'], 'taken', about)
          }
          for (const [path, question] of leaves) {
            assert.equal(
              (await ask(path, question)).status,
              404,
              `${way} ${path} ${JSON.stringify(question)}`,
            )
          }
        }
      })
    }

    test('the port is the one that was dialled', async () => {
      const [gateway, sidecar] = await serve('vs-port', [
        markedRoute('[{ port: 8080 }]', 'alternative'),
        markedRoute('[{ port: 80 }]', 'usual'),
      ])
      assert.equal((await gateway?.ask('/'))?.headers['x-rule'], 'usual')
      assert.equal((await sidecar?.ask('/'))?.headers['x-rule'], 'usual')
    })

    test('rules are tried in their order, alternatives of a match each for itself', async () => {
      const ways = await serve('vs-order', [
        markedRoute('[{ uri: { prefix: /a } }, { uri: { exact: /b } }]', 'first'),
        markedRoute('[{ uri: { exact: /a/longer } }, { uri: { prefix: /b } }]', 'second'),
        `{ match: [{ uri: { prefix: /direct } }], directResponse: { status: 418, body: { string: tea } } }`,
      ])
      for (const { ask } of ways) {
        assert.equal((await ask('/a/longer')).headers['x-rule'], 'first')
        assert.equal((await ask('/b')).headers['x-rule'], 'first')
        assert.equal((await ask('/bb')).headers['x-rule'], 'second')
        const direct = await ask('/direct')
        assert.equal(direct.status, 418)
        assert.equal(direct.body, 'tea')
      }
    })
  })

  describe('VirtualService destinations', () => {
    test('weights are shares of requests among the subsets of a DestinationRule', async () => {
      await mesh().apply(destinationRule('echo', 'echo', SUBSETS))
      const destination = (subset: string, weight: number) =>
        `{ destination: { host: echo, subset: ${subset}, port: { number: 80 } }, weight: ${weight} }`
      const ways = await serve('vs-weights', [
        `{ match: [{ uri: { prefix: /unknown } }], route: [${destination('v9', 100)}] }`,
        `{ match: [{ uri: { exact: / } }], route: [${destination('v1', 75)}, ${destination('v2', 25)}] }`,
      ])
      for (const { way, ask, sample } of ways) {
        const { v1 = 0, v2 = 0 } = versionsOf(await sample(300))
        assert.equal(v1 + v2, 300, way)
        assertShare(v1, 300, 0.75)
        assert.equal((await ask('/unknown')).status, 503, 'a subset that nobody defines')
      }
    })

    test('a host that nobody knows is 503', async () => {
      const ways = await serve('vs-unknown', [
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
      const turns = await serve('vs-turns', [
        '{ match: [{ uri: { exact: / } }], route: [{ destination: { host: turns } }] }',
      ])
      const mixed = await serve('vs-mixed', [
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
      const ways = await serve('vs-headers', [
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

    test('rewrites of uri and authority', async () => {
      const ways = await serve(
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
      const ways = await serve(
        'vs-redirect',
        REDIRECTS.map(
          ({ uri, redirect }) => `{ match: [{ uri: { prefix: ${uri} } }], redirect: ${redirect} }`,
        ),
      )
      for (const { way, ask } of ways) {
        for (const { path, status, location } of REDIRECTS) {
          const reply = await ask(path)
          assert.equal(reply.headers['location'], location, `${way} ${path}`)
          assert.equal(reply.status, status ?? 301, `${way} ${path}`)
        }
      }
    })

    test('a timeout answers 504 in Envoy’s words', async () => {
      const ways = await serve('vs-timeout', [
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
      const ways = await serve('vs-retries', [
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
        const slow = await ask('/slow', { order: { delayMs: 3000 } })
        assert.equal(slow.status, 504)
        assert.equal(slow.body, 'upstream request timeout')
      }
    })
  })

  describe('several VirtualServices', () => {
    test('of one host: merged at the gateway, oldest first; in a sidecar the oldest alone', async () => {
      const host = 'vs-shared.test'
      const rules = (mark: string, ...paths: readonly string[]) =>
        paths.map((path) => markedRoute(`[{ uri: { prefix: ${path} } }]`, mark))
      const first = rules('older', '/common', '/older')
      await mesh().apply(virtualService({ name: 'z-older', hosts: host, http: first }))
      await waitForNextSecond()
      const second = rules('newer', '/common', '/newer')
      await mesh().apply(virtualService({ name: 'a-newer', hosts: host, http: second }))
      const [gateway, sidecar] = waysOf(mesh())
      assert.ok(gateway && sidecar)
      await untilServed('both at the gateway', () => gateway.ask('/newer', { host }))
      await untilServed('the older in the sidecar', () => sidecar.ask('/older', { host }), marked('older'))
      assert.equal((await gateway.ask('/common', { host })).headers['x-rule'], 'older')
      assert.equal((await gateway.ask('/older', { host })).headers['x-rule'], 'older')
      assert.equal((await sidecar.ask('/common', { host })).headers['x-rule'], 'older')
      assert.equal((await sidecar.ask('/newer', { host })).status, 404)
      await mesh().remove('virtualservice z-older')
      await untilServed('the newer in the sidecar', () => sidecar.ask('/newer', { host }), marked('newer'))
      await untilServed('the newer at the gateway', () => gateway.ask('/common', { host }), marked('newer'))
    })

    test('exportTo "." keeps rules in their namespace', async () => {
      const [, sidecar] = waysOf(mesh())
      assert.ok(sidecar)
      const host = 'vs-private.test'
      const apply = (exportTo: string) =>
        mesh().apply(
          virtualService({
            name: 'private',
            namespace: 'guests',
            hosts: host,
            gateways: 'mesh',
            exportTo,
            http: ['{ directResponse: { status: 418 } }'],
          }),
        )
      await apply('*')
      await untilServed(
        'the public one',
        () => sidecar.ask('/', { host }),
        (reply) => reply.status === 418,
      )
      await apply('.')
      await untilServed(
        'the private one to be out of sight',
        () => sidecar.ask('/', { host }),
        (reply) => reply.status === 200,
      )
    })
  })

  test('short names are those of the namespace, for hosts and destinations, however a client spells them', async () => {
    const rule = `{ match: [{ uri: { prefix: /short } }], headers: { response: { set: { x-rule: short } } }, route: [{ destination: { host: echo-v2 } }] }`
    const rest = '{ route: [{ destination: { host: echo-v1.shop.svc.cluster.local } }] }'
    await mesh().apply(
      virtualService({ name: 'short', hosts: 'echo-v1', gateways: 'mesh', http: [rule, rest] }),
    )
    const ask = (authority: string) => mesh().client.call({ url: `http://${authority}/short` })
    await untilServed('the rule', () => ask('echo-v1'), marked('short'))
    for (const authority of ['echo-v1.shop', 'echo-v1.shop.svc', 'echo-v1.shop.svc.cluster.local:80']) {
      const { headers } = await ask(authority)
      assert.equal(headers['x-rule'], 'short', authority)
      assert.equal(headers['x-served-by'], 'v2', authority)
    }
    assert.equal((await mesh().client.call({ url: 'http://echo-v1/other' })).headers['x-served-by'], 'v1')
    await mesh().remove('virtualservice short')
    await untilServed(
      'the Service itself',
      () => ask('echo-v1'),
      (reply) => reply.headers['x-served-by'] === 'v1',
    )
  })

  test('a service’s rules hold on the ports that its clients dial', async () => {
    const http = [
      markedRoute('[{ port: 8080 }]', 'alternative'),
      '{ headers: { response: { set: { x-rule: usual } } }, route: [{ destination: { host: echo } }] }',
    ]
    await mesh().apply(virtualService({ name: 'ports', hosts: 'echo', gateways: 'mesh', http }))
    const ask = (port: number) => mesh().client.call({ url: `http://echo:${port}/` })
    await untilServed('the rule', () => ask(80), marked('usual'))
    assert.equal((await ask(8080)).headers['x-rule'], 'alternative')
    await mesh().remove('virtualservice ports')
    await untilServed(
      'the Service itself',
      () => ask(80),
      (reply) => reply.headers['x-rule'] === undefined,
    )
  })
}

/** Begins every list of rules, so that tests know when they are in force. */
const READY = '{ match: [{ uri: { exact: /ready } }], directResponse: { status: 299 } }'
const isReady = (reply: Reply) => reply.status === 299
const marked = (mark: string) => (reply: Reply) => reply.headers['x-rule'] === mark

const SUBSETS = 'subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]'

function service(name: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: echo }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`
}

const header = (name: string, value: string): Question => ({ headers: { [name]: value } })

interface MatchCase {
  readonly title: string
  readonly name: string
  /** YAML of `match`. */
  readonly match: string
  readonly takes: readonly (readonly [string, Question])[]
  readonly leaves: readonly (readonly [string, Question])[]
}

const MATCHES: readonly MatchCase[] = [
  {
    title: 'an exact uri is the whole path without the query',
    name: 'vs-exact',
    match: '[{ uri: { exact: /exact } }]',
    takes: [
      ['/exact', {}],
      ['/exact?a=b', {}],
    ],
    leaves: [
      ['/exact/', {}],
      ['/Exact', {}],
    ],
  },
  {
    title: 'a prefix is characters, not segments',
    name: 'vs-prefix',
    match: '[{ uri: { prefix: /app } }]',
    takes: [
      ['/app', {}],
      ['/apple', {}],
      ['/app/x', {}],
    ],
    leaves: [
      ['/ap', {}],
      ['/APP', {}],
    ],
  },
  {
    title: 'a regular expression holds for the whole path without the query',
    name: 'vs-regex',
    match: '[{ uri: { regex: "/v[0-9]+/.*" } }]',
    takes: [['/v12/x?y', {}]],
    leaves: [
      ['/v/x', {}],
      ['/x/v1/', {}],
    ],
  },
  {
    title: 'ignoreUriCase',
    name: 'vs-case',
    match:
      '[{ uri: { exact: /Exact }, ignoreUriCase: true }, { uri: { prefix: /Pre }, ignoreUriCase: true }]',
    takes: [
      ['/eXACT', {}],
      ['/pREfix', {}],
    ],
    leaves: [
      ['/exact/', {}],
      ['/x', {}],
    ],
  },
  {
    title: 'headers: exact, prefix, regex, and presence',
    name: 'vs-header-matches',
    match:
      '[{ headers: { x-exact: { exact: one } } }, { headers: { X-Prefix: { prefix: tw } } }, { headers: { x-regex: { regex: "th.*e" } } }, { headers: { x-there: {} } }]',
    takes: [
      ['/', header('x-exact', 'one')],
      ['/', header('x-prefix', 'two')],
      ['/', header('x-regex', 'three')],
      ['/', header('x-there', 'whatever')],
    ],
    leaves: [
      ['/', {}],
      ['/', header('x-exact', 'One')],
      ['/', header('x-prefix', 'won')],
      ['/', header('x-regex', 'threes')],
    ],
  },
  {
    title: 'withoutHeaders takes requests that lack the header or its value',
    name: 'vs-without',
    match:
      '[{ uri: { prefix: /value }, withoutHeaders: { x-group: { exact: beta } } }, { uri: { prefix: /any }, withoutHeaders: { x-group: {} } }]',
    takes: [
      ['/value', {}],
      ['/value', header('x-group', 'alpha')],
      ['/any', {}],
    ],
    leaves: [
      ['/value', header('x-group', 'beta')],
      ['/any', header('x-group', 'alpha')],
    ],
  },
  {
    title: 'method',
    name: 'vs-method',
    match: '[{ method: { exact: POST } }, { method: { regex: "P.T" } }]',
    takes: [
      ['/', { method: 'POST' }],
      ['/', { method: 'PUT' }],
    ],
    leaves: [
      ['/', {}],
      ['/', { method: 'PATCH' }],
    ],
  },
  {
    title: 'query parameters: exact, prefix and regex',
    name: 'vs-query',
    match:
      '[{ queryParams: { a: { exact: "1" } } }, { queryParams: { b: { regex: "[0-9]+" } } }, { queryParams: { c: { prefix: x } } }]',
    takes: [
      ['/?a=1', {}],
      ['/?x=y&b=12', {}],
      ['/?c=xyz', {}],
    ],
    leaves: [
      ['/', {}],
      ['/?a=12', {}],
      ['/?b=1x', {}],
      ['/?c=yx', {}],
    ],
  },
  {
    title: 'authority and scheme',
    name: 'vs-authority',
    match:
      '[{ authority: { prefix: vs-auth }, scheme: { exact: http }, uri: { prefix: /yes } }, { authority: { exact: other.test } }]',
    takes: [['/yes', {}]],
    leaves: [['/no', {}]],
  },
  {
    title: 'all conditions of a match must hold',
    name: 'vs-all',
    match:
      '[{ uri: { prefix: /all }, method: { exact: POST }, headers: { a: { exact: "1" } }, queryParams: { b: { exact: "2" } } }]',
    takes: [['/all?b=2', { method: 'POST', headers: { a: '1' } }]],
    leaves: [
      ['/all?b=2', { headers: { a: '1' } }],
      ['/all?b=2', { method: 'POST' }],
      ['/all', { method: 'POST', headers: { a: '1' } }],
      ['/?b=2', { method: 'POST', headers: { a: '1' } }],
    ],
  },
]

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
    location: 'http://vs-redirect.test/new?q=1',
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
    location: 'https://vs-redirect.test/scheme',
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
