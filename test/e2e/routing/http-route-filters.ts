import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpRoute } from '../../support/echo/http-route.ts'
import { askAt, type EchoMesh, type Question, untilServed } from '../../support/echo/mesh.ts'
import type { Reply } from '../../support/echo/protocol.ts'

const V1 = 'backendRefs: [{ name: echo-v1, port: 80 }]'

/** What an HTTPRoute makes of the requests that it takes. */
export function httpRouteFilterTests(mesh: () => EchoMesh): void {
  /** Applies a route for a host of its own and waits until it is there. */
  async function serve(name: string, rules: readonly string[]) {
    const host = `${name}.test`
    await mesh().apply(httpRoute({ name, host, rules }))
    const ask = (path: string, question: Question = {}): Promise<Reply> =>
      askAt(mesh().edge, path, { host, ...question })
    await untilServed(`route ${name}`, () => ask('/ready'))
    return ask
  }

  describe('HTTPRoute header modifiers', () => {
    test('a rule sets, adds and removes request headers', async () => {
      const change =
        '{ set: [{ name: X-Set, value: new }, { name: x-made, value: made }], add: [{ name: x-add, value: second }, { name: x-alone, value: alone }], remove: [X-Gone] }'
      const filter = `{ type: RequestHeaderModifier, requestHeaderModifier: ${change} }`
      const ask = await serve('request-headers', [`{ filters: [${filter}], ${V1} }`])
      const { echo } = await ask('/', {
        headers: { 'x-set': 'old', 'x-add': 'first', 'x-gone': 'here', 'x-kept': 'kept' },
      })
      assert.ok(echo)
      assert.equal(echo.headers['x-set'], 'new')
      assert.equal(echo.headers['x-made'], 'made')
      assert.match(echo.headers['x-add'] ?? '', /^first, ?second$/)
      assert.equal(echo.headers['x-alone'], 'alone')
      assert.equal(echo.headers['x-gone'], undefined)
      assert.equal(echo.headers['x-kept'], 'kept')
    })

    test('a rule sets, adds and removes response headers', async () => {
      const change =
        '{ set: [{ name: X-Set, value: new }], add: [{ name: x-add, value: second }], remove: [x-gone] }'
      const filter = `{ type: ResponseHeaderModifier, responseHeaderModifier: ${change} }`
      const ask = await serve('response-headers', [`{ filters: [${filter}], ${V1} }`])
      const { headers } = await ask('/', {
        order: { headers: { 'x-set': 'old', 'x-add': 'first', 'X-Gone': 'here', 'x-kept': 'kept' } },
      })
      assert.equal(headers['x-set'], 'new')
      assert.match(headers['x-add'] ?? '', /^first, ?second$/)
      assert.equal(headers['x-gone'], undefined)
      assert.equal(headers['x-kept'], 'kept')
    })

    test('a backend has changes of its own beside the rule’s', async () => {
      const modifiers = (name: string) =>
        `[{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-for, value: ${name} }], remove: [x-gone] } }, { type: ResponseHeaderModifier, responseHeaderModifier: { add: [{ name: x-from, value: ${name} }] } }]`
      const ruleFilter =
        '{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-rule, value: rule }] } }'
      const backends = `[{ name: echo-v1, port: 80, filters: ${modifiers('v1')} }, { name: echo-v2, port: 80, filters: ${modifiers('v2')} }]`
      const ask = await serve('backend-headers', [`{ filters: [${ruleFilter}], backendRefs: ${backends} }`])
      const seen = new Set<string>()
      for (let i = 0; i < 40; i++) {
        const { echo, headers } = await ask('/', { headers: { 'x-gone': 'here' } })
        assert.ok(echo)
        assert.equal(echo.headers['x-for'], echo.version)
        assert.equal(headers['x-from'], echo.version)
        assert.equal(echo.headers['x-rule'], 'rule')
        assert.equal(echo.headers['x-gone'], undefined)
        seen.add(echo.version)
      }
      assert.equal(seen.size, 2)
    })
  })

  describe('HTTPRoute redirects', () => {
    test('replace the parts they name, with the status they name', async () => {
      const rules = REDIRECTS.map(
        ({ at, redirect }) =>
          `{ matches: [{ path: { value: ${at} } }], filters: [{ type: RequestRedirect, requestRedirect: ${redirect} }] }`,
      )
      const ask = await serve('redirect', rules)
      for (const { path, port, status, location } of REDIRECTS) {
        const reply = await ask(path, port === undefined ? {} : { host: `redirect.test:${port}` })
        assert.equal(reply.headers['location'], location, path)
        assert.equal(reply.status, status ?? 302, path)
        assert.equal(reply.body, '')
      }
    })

    test('carry the response headers of their rule', async () => {
      const filters =
        '[{ type: ResponseHeaderModifier, responseHeaderModifier: { set: [{ name: x-made, value: made }] } }, { type: RequestRedirect, requestRedirect: { hostname: other.test } }]'
      const ask = await serve('redirect-headers', [`{ filters: ${filters} }`])
      assert.equal((await ask('/')).headers['x-made'], 'made')
    })

    test('a status that the CRD does not have is refused by the API server', async () => {
      const input = httpRoute({
        name: 'redirect-status',
        rules: ['{ filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 299 } }] }'],
      })
      const refused = await mesh().cluster.tryKubectl('apply -f -', { input })
      assert.equal(refused.status, 1)
      assert.match(refused.stderr, /statusCode: Unsupported value: 299/)
    })
  })

  describe('HTTPRoute rewrites', () => {
    test('replace host name and path', async () => {
      const rules = REWRITES.map(
        ({ match, rewrite }) =>
          `{ matches: [{ path: ${match} }], filters: [{ type: URLRewrite, urlRewrite: ${rewrite} }], ${V1} }`,
      )
      const ask = await serve('rewrite', rules)
      for (const { path, becomes, host } of REWRITES.flatMap((one) => one.cases)) {
        const { echo } = await ask(path)
        assert.equal(echo?.path, becomes, path)
        assert.equal(echo?.host, host ?? 'rewrite.test', path)
      }
    })

    test('a rewritten path is told to the application beside the new one', async () => {
      const rewrite = '{ path: { type: ReplaceFullPath, replaceFullPath: /new } }'
      const ask = await serve('rewrite-told', [
        `{ filters: [{ type: URLRewrite, urlRewrite: ${rewrite} }], ${V1} }`,
      ])
      assert.equal((await ask('/old?x=y')).echo?.headers['x-envoy-original-path'], '/old?x=y')
    })

    test('a prefix of / is put before every path', async () => {
      const rewrite = '{ path: { type: ReplacePrefixMatch, replacePrefixMatch: /added/ } }'
      const ask = await serve('rewrite-root', [
        `{ matches: [{ path: { value: / } }], filters: [{ type: URLRewrite, urlRewrite: ${rewrite} }], ${V1} }`,
      ])
      assert.equal((await ask('/')).echo?.path, '/added/')
      assert.equal((await ask('/x?y=z')).echo?.path, '/added/x?y=z')
    })
  })

  test('a timeout of the rule answers 504 in Envoy’s words; 0s is none', async () => {
    const rule = (path: string, timeouts: string) =>
      `{ matches: [{ path: { value: ${path} } }], timeouts: ${timeouts}, ${V1} }`
    const ask = await serve('timeouts', [
      rule('/ready', '{ request: 10s }'),
      rule('/request', '{ request: 150ms }'),
      rule('/backend', '{ request: 5s, backendRequest: 150ms }'),
      rule('/none', '{ request: 0s }'),
    ])
    for (const path of ['/request', '/backend']) {
      const late = await ask(path, { order: { delayMs: 3000 } })
      assert.equal(late.status, 504, path)
      assert.equal(late.body, 'upstream request timeout')
      assert.equal((await ask(path)).status, 200)
    }
    assert.equal((await ask('/none', { order: { delayMs: 400 } })).status, 200)
  })
}

interface RedirectCase {
  readonly at: string
  readonly redirect: string
  readonly path: string
  /** In the Host that the client sends. */
  readonly port?: number
  readonly status?: number
  readonly location: string
}

const REDIRECTS: readonly RedirectCase[] = [
  { at: '/ready', redirect: '{ hostname: ready.test }', path: '/ready', location: 'http://ready.test/ready' },
  {
    at: '/scheme',
    redirect: '{ scheme: https }',
    path: '/scheme/x?q=1',
    location: 'https://redirect.test/scheme/x?q=1',
  },
  {
    at: '/hostname',
    redirect: '{ hostname: other.test, statusCode: 301 }',
    path: '/hostname/x?q=1',
    status: 301,
    location: 'http://other.test/hostname/x?q=1',
  },
  { at: '/port', redirect: '{ port: 8443 }', path: '/port', location: 'http://redirect.test:8443/port' },
  {
    at: '/well-known',
    redirect: '{ scheme: https, port: 443 }',
    path: '/well-known',
    location: 'https://redirect.test/well-known',
  },
  {
    at: '/full',
    redirect: '{ path: { type: ReplaceFullPath, replaceFullPath: /new } }',
    path: '/full/x?q=1',
    location: 'http://redirect.test/new?q=1',
  },
  {
    at: '/prefix',
    redirect: '{ path: { type: ReplacePrefixMatch, replacePrefixMatch: /new } }',
    path: '/prefix/x?q=1',
    location: 'http://redirect.test/new/x?q=1',
  },
  {
    at: '/root',
    redirect: '{ path: { type: ReplacePrefixMatch, replacePrefixMatch: / } }',
    path: '/root/x',
    location: 'http://redirect.test/x',
  },
  {
    at: '/all',
    redirect:
      '{ scheme: https, hostname: all.test, port: 8443, path: { type: ReplaceFullPath, replaceFullPath: /all } }',
    path: '/all/x',
    location: 'https://all.test:8443/all',
  },
]

const REWRITES: readonly {
  readonly match: string
  readonly rewrite: string
  readonly cases: readonly { readonly path: string; readonly becomes: string; readonly host?: string }[]
}[] = [
  {
    match: '{ value: /ready }',
    rewrite: '{ hostname: one.example.org }',
    cases: [{ path: '/ready/x', becomes: '/ready/x', host: 'one.example.org' }],
  },
  {
    match: '{ value: /full }',
    rewrite: '{ path: { type: ReplaceFullPath, replaceFullPath: /new/path } }',
    cases: [{ path: '/full/x?q=1', becomes: '/new/path?q=1' }],
  },
  {
    match: '{ value: /prefix }',
    rewrite: '{ hostname: two.test, path: { type: ReplacePrefixMatch, replacePrefixMatch: /new } }',
    cases: [
      { path: '/prefix', becomes: '/new', host: 'two.test' },
      { path: '/prefix/', becomes: '/new/', host: 'two.test' },
      { path: '/prefix/x/y?q=1', becomes: '/new/x/y?q=1', host: 'two.test' },
    ],
  },
  {
    match: '{ value: /strip }',
    rewrite: '{ path: { type: ReplacePrefixMatch, replacePrefixMatch: / } }',
    cases: [
      { path: '/strip', becomes: '/' },
      { path: '/strip/', becomes: '/' },
      { path: '/strip/x', becomes: '/x' },
      { path: '/strip?q=1', becomes: '/?q=1' },
    ],
  },
  {
    match: '{ value: /empty }',
    rewrite: '{ path: { type: ReplacePrefixMatch, replacePrefixMatch: "" } }',
    cases: [
      { path: '/empty', becomes: '/' },
      { path: '/empty/x', becomes: '/x' },
    ],
  },
  {
    match: '{ value: /slashes/ }',
    rewrite: '{ path: { type: ReplacePrefixMatch, replacePrefixMatch: /new/ } }',
    cases: [
      { path: '/slashes/x', becomes: '/new/x' },
      { path: '/slashes', becomes: '/new' },
    ],
  },
]
