import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpRoute, markedRule } from '../../support/echo/http-route.ts'
import {
  askAt,
  assertShare,
  type EchoMesh,
  type Question,
  untilServed,
  versionsOf,
} from '../../support/echo/mesh.ts'
import type { Reply } from '../../support/echo/protocol.ts'
import { waitFor, waitForNextSecond } from '../../support/wait.ts'

/** Which requests an HTTPRoute takes, and which of several takes one. */
export function httpRouteMatchTests(mesh: () => EchoMesh): void {
  describe('HTTPRoute matches', () => {
    for (const { name, matches, takes, leaves } of MATCHES) {
      test(name, async () => {
        const host = `${name.replaceAll(/[^a-z]+/g, '-')}.test`
        const route = name.replaceAll(/[^a-z]+/g, '-')
        await mesh().apply(httpRoute({ name: route, host, rules: [markedRule(matches, 'taken')] }))
        const ask = (path: string, question: Question) => askAt(mesh().edge, path, { host, ...question })
        const [first] = takes
        assert.ok(first)
        await untilServed(name, () => ask(...first))
        for (const [path, question] of takes) {
          const reply = await ask(path, question)
          assert.equal(reply.headers['x-rule'], 'taken', `${path} ${JSON.stringify(question)}`)
          assert.equal(reply.echo?.path, path)
        }
        for (const [path, question] of leaves) {
          const reply = await ask(path, question)
          assert.equal(reply.status, 404, `${path} ${JSON.stringify(question)}`)
        }
      })
    }

    test('of several matches of a rule, one is enough', async () => {
      const host = 'alternatives.test'
      const matches =
        '[{ path: { value: /one } }, { path: { value: /two }, method: POST }, { headers: [{ name: x-three, value: "3" }] }]'
      await mesh().apply(httpRoute({ name: 'alternatives', host, rules: [markedRule(matches, 'taken')] }))
      const status = async (path: string, question: Question = {}) =>
        (await askAt(mesh().edge, path, { host, ...question })).status
      await untilServed('the route', () => askAt(mesh().edge, '/one', { host }))
      assert.equal(await status('/two', { method: 'POST' }), 200)
      assert.equal(await status('/two'), 404)
      assert.equal(await status('/else', { headers: { 'X-Three': '3' } }), 200)
      assert.equal(await status('/else'), 404)
    })
  })

  describe('HTTPRoute precedence', () => {
    test('exact path, longest prefix, method, number of headers, number of parameters', async () => {
      const host = 'precedence.test'
      const rules = [
        markedRule('[{ path: { type: RegularExpression, value: "/.*" } }]', 'regex'),
        markedRule('[{ path: { value: /a } }]', 'short prefix'),
        markedRule('[{ path: { value: /a/b } }]', 'long prefix'),
        markedRule('[{ path: { value: /a/b }, queryParams: [{ name: q, value: "1" }] }]', 'one parameter'),
        markedRule(
          '[{ path: { value: /a/b }, queryParams: [{ name: q, value: "1" }, { name: r, value: "2" }] }]',
          'two parameters',
        ),
        markedRule('[{ path: { value: /a/b }, headers: [{ name: x-one, value: "1" }] }]', 'one header'),
        markedRule(
          '[{ path: { value: /a/b }, headers: [{ name: x-one, value: "1" }, { name: x-two, value: "2" }] }]',
          'two headers',
        ),
        markedRule('[{ path: { value: /a/b }, method: POST }]', 'method'),
        markedRule('[{ path: { type: Exact, value: /a/b } }]', 'exact'),
      ]
      await mesh().apply(httpRoute({ name: 'precedence', host, rules }))
      await untilServed('the route', () => askAt(mesh().edge, '/', { host }))
      const taken = async (path: string, question: Question = {}) =>
        (await askAt(mesh().edge, path, { host, ...question })).headers['x-rule']
      const both = { headers: { 'x-one': '1', 'x-two': '2' } }
      assert.equal(await taken('/else'), 'regex')
      assert.equal(await taken('/a'), 'short prefix')
      assert.equal(await taken('/a/bc'), 'short prefix')
      assert.equal(await taken('/a/b/'), 'long prefix')
      assert.equal(await taken('/a/b/c?q=1'), 'one parameter')
      assert.equal(await taken('/a/b/c?r=2&q=1'), 'two parameters')
      assert.equal(await taken('/a/b/c?r=2&q=1', { headers: { 'x-one': '1' } }), 'one header')
      assert.equal(await taken('/a/b/c?r=2&q=1', both), 'two headers')
      assert.equal(await taken('/a/b/c?r=2&q=1', { ...both, method: 'POST' }), 'method')
      assert.equal(await taken('/a/b?r=2&q=1', { ...both, method: 'POST' }), 'exact')
    })

    test('of equal matches the one of the older route goes first, then the earlier rule', async () => {
      const host = 'age.test'
      const matches = '[{ path: { value: / } }]'
      const rules = [markedRule(matches, 'older, first'), markedRule(matches, 'older, second')]
      await mesh().apply(httpRoute({ name: 'z-older', host, rules }))
      await untilServed('the older route', () => askAt(mesh().edge, '/', { host }))
      await waitForNextSecond()
      const newer = [markedRule(matches, 'newer'), markedRule('[{ path: { value: /newer } }]', 'newer')]
      await mesh().apply(httpRoute({ name: 'a-newer', host, rules: newer }))
      const isNewer = (reply: Reply) => reply.headers['x-rule'] === 'newer'
      await untilServed('the newer route', () => askAt(mesh().edge, '/newer', { host }), isNewer)
      assert.equal((await askAt(mesh().edge, '/', { host })).headers['x-rule'], 'older, first')
      await mesh().remove('httproute z-older')
      await untilServed('the newer route alone', () => askAt(mesh().edge, '/', { host }), isNewer)
    })

    test('the most specific host name goes first, whatever the paths', async () => {
      const exact = markedRule('[{ path: { value: /only } }]', 'exact host')
      const wild = markedRule('[{ path: { value: / } }]', 'wild host')
      const wilder = markedRule('[{ path: { value: / } }]', 'wilder host')
      const routes = [
        httpRoute({ name: 'wilder-host', host: "'*.hosts.test'", rules: [wilder] }),
        httpRoute({ name: 'wild-host', host: "'*.deep.hosts.test'", rules: [wild] }),
        httpRoute({ name: 'exact-host', host: 'a.deep.hosts.test', rules: [exact] }),
      ]
      await mesh().apply(routes.join('---'))
      const taken = async (host: string, path = '/') => {
        const { status, headers } = await askAt(mesh().edge, path, { host })
        return headers['x-rule'] ?? status
      }
      const all = [
        ['a.deep.hosts.test', '/only', 'exact host'],
        ['b.deep.hosts.test', '/', 'wild host'],
        ['b.hosts.test', '/', 'wilder host'],
      ] as const
      for (const [host, path, mark] of all) {
        await waitFor(mark, async () => (await taken(host, path)) === mark)
      }
      assert.equal(await taken('a.deep.hosts.test', '/only'), 'exact host')
      assert.equal(await taken('A.Deep.Hosts.Test:80', '/only'), 'exact host')
      assert.equal(await taken('a.deep.hosts.test'), 404)
      assert.equal(await taken('b.deep.hosts.test'), 'wild host')
      assert.equal(await taken('c.b.deep.hosts.test'), 'wild host')
      assert.equal(await taken('deep.hosts.test'), 'wilder host')
      assert.equal(await taken('hosts.test'), 404)
    })
  })

  test('weights are shares of requests; a weight of 0 is none', async () => {
    const host = 'weights.test'
    const backends =
      'backendRefs: [{ name: echo-v1, port: 80, weight: 80 }, { name: echo-v2, port: 80, weight: 20 }, { name: nobody, port: 80, weight: 0 }]'
    await mesh().apply(httpRoute({ name: 'weights', host, rules: [`{ ${backends} }`] }))
    await untilServed('the route', () => askAt(mesh().edge, '/', { host }))
    const replies: Reply[] = []
    while (replies.length < 400) replies.push(await askAt(mesh().edge, '/', { host }))
    const { v1 = 0, v2 = 0 } = versionsOf(replies)
    assert.equal(v1 + v2, 400)
    assertShare(v1, 400, 0.8)
  })
}

interface MatchCase {
  readonly name: string
  /** YAML of `matches`. */
  readonly matches: string
  readonly takes: readonly (readonly [string, Question])[]
  readonly leaves: readonly (readonly [string, Question])[]
}

const POST = { method: 'POST' }
const header = (name: string, value: string): Question => ({ headers: { [name]: value } })

const MATCHES: readonly MatchCase[] = [
  {
    name: 'an exact path is that path alone, whatever the query',
    matches: '[{ path: { type: Exact, value: /exact } }]',
    takes: [
      ['/exact', {}],
      ['/exact?a=b', {}],
    ],
    leaves: [
      ['/exact/', {}],
      ['/exactly', {}],
      ['/Exact', {}],
      ['/', {}],
    ],
  },
  {
    name: 'a prefix is whole segments',
    matches: '[{ path: { type: PathPrefix, value: /app } }]',
    takes: [
      ['/app', {}],
      ['/app/', {}],
      ['/app/x/y?z=1', {}],
      ['/app?x', {}],
    ],
    leaves: [
      ['/apple', {}],
      ['/ap', {}],
      ['/x/app', {}],
    ],
  },
  {
    name: 'a slash at the end of a prefix counts for nothing',
    matches: '[{ path: { type: PathPrefix, value: /slash/ } }]',
    takes: [
      ['/slash', {}],
      ['/slash/', {}],
      ['/slash/x', {}],
    ],
    leaves: [['/slashes', {}]],
  },
  {
    name: 'a regular expression holds for the whole path without the query',
    matches: '[{ path: { type: RegularExpression, value: "/v[0-9]+/(items|things)" } }]',
    takes: [
      ['/v12/items', {}],
      ['/v1/things?page=/x', {}],
    ],
    leaves: [
      ['/v/items', {}],
      ['/v12/items/1', {}],
      ['/x/v12/items', {}],
    ],
  },
  {
    name: 'a header is compared by value, its name in any case',
    matches: '[{ headers: [{ name: X-Group, value: beta }] }]',
    takes: [
      ['/', header('x-group', 'beta')],
      ['/x', header('X-GROUP', 'beta')],
    ],
    leaves: [
      ['/', {}],
      ['/', header('x-group', 'Beta')],
      ['/', header('x-group', 'beta2')],
    ],
  },
  {
    name: 'a header may be a regular expression for its whole value',
    matches: '[{ headers: [{ type: RegularExpression, name: x-id, value: "[a-z]+-[0-9]+" }] }]',
    takes: [['/', header('x-id', 'abc-12')]],
    leaves: [
      ['/', header('x-id', 'abc-12x')],
      ['/', header('x-id', 'abc')],
      ['/', {}],
    ],
  },
  {
    name: 'a query parameter is compared by value',
    matches: '[{ queryParams: [{ name: color, value: blue }] }]',
    takes: [
      ['/?color=blue', {}],
      ['/x?a=1&color=blue&b', {}],
    ],
    leaves: [
      ['/', {}],
      ['/?color=blues', {}],
      ['/?Color=blue', {}],
      ['/?x=color=blue', {}],
    ],
  },
  {
    name: 'a query parameter may be a regular expression for its whole value',
    matches: '[{ queryParams: [{ type: RegularExpression, name: page, value: "[0-9]+" }] }]',
    takes: [['/?page=17', {}]],
    leaves: [
      ['/?page=17a', {}],
      ['/?page=', {}],
      ['/?pages=17', {}],
    ],
  },
  {
    name: 'a method is compared by name',
    matches: '[{ method: POST }]',
    takes: [['/x', POST]],
    leaves: [
      ['/x', {}],
      ['/x', { method: 'PUT' }],
    ],
  },
  {
    name: 'all conditions of a match must hold',
    matches:
      '[{ path: { value: /all }, method: POST, headers: [{ name: a, value: "1" }, { name: b, value: "2" }], queryParams: [{ name: c, value: "3" }] }]',
    takes: [['/all/x?c=3', { method: 'POST', headers: { a: '1', b: '2' } }]],
    leaves: [
      ['/all/x?c=3', { headers: { a: '1', b: '2' } }],
      ['/all/x?c=3', { method: 'POST', headers: { a: '1' } }],
      ['/all/x', { method: 'POST', headers: { a: '1', b: '2' } }],
      ['/x?c=3', { method: 'POST', headers: { a: '1', b: '2' } }],
    ],
  },
]
