import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EchoMesh, Question } from '../../support/echo/mesh.ts'
import { markedRoute, virtualService } from '../../support/echo/virtual-service.ts'
import { serveRules, waysOf } from '../../support/echo/ways.ts'
import { waitFor } from '../../support/wait.ts'

/** Which requests the rules of a VirtualService take, at the gateway and in the sidecar. */
export function virtualServiceMatchTests(mesh: () => EchoMesh): void {
  describe('VirtualService matches', () => {
    for (const { title, name, match, takes, leaves } of MATCHES) {
      test(title, async () => {
        for (const { way, ask } of await serveRules(mesh(), name, [markedRoute(match, 'taken')])) {
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

    test('authority and scheme, under a host with a wild card', async () => {
      await mesh().apply(
        virtualService({
          name: 'authority',
          hosts: "'*.authority.test'",
          http: [
            markedRoute('[{ authority: { exact: a.authority.test } }]', 'exact'),
            markedRoute('[{ authority: { prefix: b }, scheme: { exact: http } }]', 'prefix'),
            markedRoute('[{ authority: { regex: "c+[.].*" }, scheme: { exact: http } }]', 'regex'),
            markedRoute('[{ scheme: { exact: https } }]', 'scheme'),
          ],
        }),
      )
      for (const { name, ask } of waysOf(mesh())) {
        const taken = async (label: string) => {
          const { headers, status } = await ask('/', { host: `${label}.authority.test` })
          return headers['x-rule'] ?? status
        }
        await waitFor(`the rules at the ${name}`, async () => (await taken('a')) === 'exact')
        assert.equal(await taken('bb'), 'prefix', name)
        assert.equal(await taken('ccc'), 'regex', name)
        assert.equal(await taken('d'), 404, name)
      }
    })

    test('a header that is there several times is one value, joined by commas', async () => {
      const ways = await serveRules(mesh(), 'vs-repeated', [
        markedRoute('[{ headers: { x-list: { exact: "a,b" } } }]', 'joined'),
        markedRoute('[{ headers: { x-list: { exact: a } } }]', 'first'),
      ])
      for (const { way, ask } of ways) {
        const repeated = { headers: { 'x-list': ['a', 'b'] } }
        assert.equal((await ask('/', repeated)).headers['x-rule'], 'joined', way)
      }
    })

    test('the port is the one that was dialled', async () => {
      const [gateway, sidecar] = await serveRules(mesh(), 'vs-port', [
        markedRoute('[{ port: 8080 }]', 'alternative'),
        markedRoute('[{ port: 80 }]', 'usual'),
      ])
      assert.equal((await gateway?.ask('/'))?.headers['x-rule'], 'usual')
      assert.equal((await sidecar?.ask('/'))?.headers['x-rule'], 'usual')
    })

    test('rules are tried in their order, alternatives of a match each for itself', async () => {
      const ways = await serveRules(mesh(), 'vs-order', [
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
