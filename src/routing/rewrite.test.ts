import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { RE2JS } from 're2js'
import { createSeededRandom } from '../base/index.ts'
import type { PathMatch, Route } from '../model/index.ts'
import { routeName, serviceName } from '../model/index.ts'
import {
  type CompiledForward,
  type CompiledPathRewrite,
  type CompiledRedirect,
  type RouteRequest,
  compileFullMatch,
  compileRoute,
  pickDestination,
  redirectLocation,
  rewritePath,
} from './index.ts'
import { compileReplace, linearRegExp, literalPrefix } from './regex.ts'

const prefix = (value: string): CompiledPathRewrite => ({ kind: 'prefix', value })
const segments = (value: string): PathMatch => ({ kind: 'segment-prefix', value })

test('ReplacePrefixMatch follows the table of the Gateway API', () => {
  for (const [path, matched, value, expected] of [
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
    ['/foo/bar?q=/foo', '/foo', '/', '/bar?q=/foo'],
    ['/bar', '', '/xyz', '/xyz/bar'],
  ] as const) {
    assert.equal(rewritePath(prefix(value), path, segments(matched)), expected, `${path} ${matched} ${value}`)
  }
})

test('without a path condition the prefix is the / of every path, replaced character for character', () => {
  assert.equal(rewritePath(prefix('/xyz/'), '/bar?q', undefined), '/xyz/bar?q')
  assert.equal(rewritePath(prefix('/xyz'), '/bar', undefined), '/xyzbar')
  assert.equal(rewritePath(prefix('/'), '/', undefined), '/')
})

test("a VirtualService's prefix is replaced character for character, and an exact path whole", () => {
  const matched: PathMatch = { kind: 'string-prefix', value: '/api/' }
  assert.equal(rewritePath(prefix('/'), '/api/users?x', matched), '/users?x')
  assert.equal(rewritePath(prefix('/v2/'), '/api/', matched), '/v2/')
  assert.equal(rewritePath(prefix('/b'), '/a?x=1', { kind: 'exact', value: '/a' }), '/b?x=1')
})

test('a full rewrite keeps the query', () => {
  assert.equal(rewritePath({ kind: 'full', value: '/b' }, '/a?x=1', undefined), '/b?x=1')
  assert.equal(rewritePath({ kind: 'full', value: '' }, '/a', undefined), '/')
})

test('a rewrite by expression replaces every match and knows its groups', () => {
  const replace = compileReplace('/(v[0-9]+)/([a-z]+)', '/\\2/\\1\\\\$1')
  assert.ok(replace.ok)
  assert.equal(
    rewritePath({ kind: 'regex', replace: replace.value }, '/v1/users/v2/x?v3/y', undefined),
    '/users/v1\\$1/x/v2\\$1?v3/y',
  )
  const whole = compileReplace('.+', '<\\0>')
  assert.ok(whole.ok && whole.value('ab') === '<ab>')
})

function location(
  action: Omit<CompiledRedirect, 'kind' | 'status'>,
  request: Partial<RouteRequest> = {},
): string {
  return redirectLocation(
    { kind: 'redirect', status: 302, ...action },
    {
      method: 'GET',
      scheme: 'http',
      authority: 'a.com',
      path: '/p?q=1',
      port: 80,
      header: () => undefined,
      ...request,
    },
    segments('/p'),
  )
}

test('a redirect keeps what it does not change, and leaves out default ports', () => {
  assert.equal(location({ hostname: 'b.com' }), 'http://b.com/p?q=1')
  assert.equal(location({ hostname: 'b.com' }, { port: 8080 }), 'http://b.com:8080/p?q=1')
  assert.equal(location({ path: prefix('/new') }, { port: 8080 }), 'http://a.com:8080/new?q=1')
  assert.equal(location({ path: { kind: 'full', value: '/x' } }), 'http://a.com/x?q=1')
  assert.equal(location({ scheme: 'https' }, { port: 8080, authority: 'a.com:8080' }), 'https://a.com/p?q=1')
  assert.equal(location({ scheme: 'https', port: 443 }), 'https://a.com/p?q=1')
  assert.equal(location({ scheme: 'https', port: 8443 }), 'https://a.com:8443/p?q=1')
  assert.equal(location({ port: 80 }, { port: 8080 }), 'http://a.com/p?q=1')
  assert.equal(location({ scheme: 'http' }, { scheme: 'https', port: 443 }), 'http://a.com/p?q=1')
  assert.equal(location({}, { scheme: 'https', port: 443 }), 'https://a.com/p?q=1')
})

test('a client behind a forwarded port is sent back to that port', () => {
  assert.equal(
    location({ path: prefix('/x') }, { authority: 'localhost:9999' }),
    'http://localhost:9999/x?q=1',
  )
})

test('derivePort says where the port comes from', () => {
  assert.equal(location({ hostname: 'b.com', derivePort: 'scheme' }, { port: 8080 }), 'http://b.com/p?q=1')
  assert.equal(
    location({ scheme: 'https', derivePort: 'request' }, { port: 8080 }),
    'https://a.com:8080/p?q=1',
  )
})

test('the written authority keeps its port, less the default one of a scheme that is replaced', () => {
  const derivePort = 'authority'
  const written = (authority: string) => ({ authority, port: 8080 })
  assert.equal(location({ derivePort }, written('a.com')), 'http://a.com/p?q=1')
  assert.equal(location({ derivePort }, written('a.com:9999')), 'http://a.com:9999/p?q=1')
  assert.equal(location({ derivePort, scheme: 'https' }, written('a.com:9999')), 'https://a.com:9999/p?q=1')
  assert.equal(location({ derivePort, scheme: 'https' }, written('a.com:80')), 'https://a.com/p?q=1')
  assert.equal(location({ derivePort, hostname: 'b.com' }, written('a.com:9999')), 'http://b.com/p?q=1')
})

test('destinations are picked in proportion to their weights, those of weight 0 never', () => {
  const origin = { kind: 'HTTPRoute', namespace: 'demo', name: 'r' }
  const weights = [0, 10, 0, 30, 60, 0]
  const route: Route = {
    type: 'route',
    key: routeName(origin),
    scope: { kind: 'mesh' },
    domains: ['*'],
    matches: [{ order: [0], headers: [], query: [] }],
    filters: [],
    action: {
      kind: 'forward',
      destinations: weights.map((weight, port) => ({
        weight,
        target: { kind: 'service', service: serviceName('demo', 'a'), port: port + 1 },
        filters: [],
      })),
      timeouts: {},
    },
    origin,
  }
  const compiled = compileRoute(route)
  assert.ok(compiled.ok)
  const action = compiled.value.action as CompiledForward
  const counts = weights.map(() => 0)
  const random = createSeededRandom(1)
  for (let i = 0; i < 10_000; i++) {
    const at = action.destinations.indexOf(pickDestination(action, random))
    counts[at] = (counts[at] ?? 0) + 1
  }
  weights.forEach((weight, i) =>
    assert.ok(Math.abs((counts[i] ?? 0) - weight * 100) <= weight * 8, counts.join(' ')),
  )
  assert.equal(pickDestination(action, { next: () => 0 }).weight, 10)
  assert.equal(pickDestination(action, { next: () => 1 - Number.EPSILON / 2 }).weight, 60)
})

test("patterns that run in JavaScript's engine decide as RE2 does", () => {
  const atom = fc.constantFrom(
    'a',
    '/',
    '-',
    '.',
    '\\.',
    '[a-c]',
    '[^a]',
    '\\d',
    '[0-9_.]',
    '\\?',
    ' ',
    'B',
    '"',
    '[a-c5-]',
  )
  const quantified = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?'))
  const pattern = fc
    .tuple(fc.array(quantified, { maxLength: 5 }), fc.constantFrom('', '^', '$'))
    .map(([atoms, anchor]) => {
      const body = atoms.map(([one, quantifier]) => one + quantifier).join('')
      const source = anchor === '$' ? `${body}$` : anchor + body
      return { source, repetitions: atoms.filter(([, quantifier]) => quantifier !== '').length }
    })
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'B', '/', '-', '.', '5', '\n', '\u2028', '😀', '?', ' ', '"'),
  })
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 5 }), ({ source, repetitions }, texts) => {
      const linear = linearRegExp(source)
      if (linear === undefined) return assert.ok(repetitions > 1, source)
      const re2 = RE2JS.compile(source)
      for (const one of texts)
        assert.equal(linear.test(one), re2.testExact(one), `${source} on ${JSON.stringify(one)}`)
    }),
    { numRuns: 2000 },
  )
})

test('several repetitions run there when the next character tells each of their ends', () => {
  for (const pattern of ['/r/[0-9]+/[a-z]+', '/v\\d+/[^/]*/x?y+', '[a-z0-9-]+\\.example/.*'])
    assert.ok(linearRegExp(pattern) !== undefined, pattern)
  const linear = linearRegExp('[a-z]*/[^/]*/?[0-9]*')
  assert.equal(linear, undefined) // [^/]* takes digits too
})

test('what could take more than linear time stays with RE2', () => {
  for (const pattern of [
    '/.*/.*',
    '[a-z]+[a-c]*',
    'a+b?a+',
    '(a+)+b',
    'a*a*b',
    '.*foo.*',
    '(a|a)*',
    'a{1,9}',
    '\\w+',
    '(?i)a',
    'é',
    '[[:alpha:]]',
    'a**',
  ]) {
    assert.equal(linearRegExp(pattern), undefined, pattern)
  }
  const test = compileFullMatch('(a+)+b')
  assert.ok(test.ok && !test.value('a'.repeat(5000)) && test.value('aab'))
})

test('an expression matches the whole text alone, and its case can be ignored', () => {
  const exact = compileFullMatch('/a')
  const folded = compileFullMatch('/a.*', true)
  assert.ok(exact.ok && exact.value('/a') && !exact.value('/ab') && !exact.value('x/a'))
  assert.ok(folded.ok && folded.value('/ABC'))
})

test('every text that an expression matches begins with its literal prefix', () => {
  const piece = fc.constantFrom(
    'a',
    'b',
    '/',
    '\\/',
    '\\.',
    '.',
    '|',
    '(',
    ')',
    '[a|]',
    '[^]b]',
    '[\\](]',
    '[[:alpha:]]',
    '*',
    '+',
    '?',
    '{0,1}',
    '^',
    '$',
    '(?i)',
    '(?:',
    '\\Qa|\\E',
    '\\d',
    'é',
  )
  const pattern = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'A', '/', '.', '|', ']', '(', '5', 'é'),
    maxLength: 6,
  })
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 4, maxLength: 8 }), (source, texts) => {
      const test = compileFullMatch(source)
      if (!test.ok) return
      const prefix = literalPrefix(source)
      for (const one of texts) {
        const matches = test.value(one)
        assert.ok(
          !matches || one.startsWith(prefix),
          `${source} matches ${one}, which does not begin with ${prefix}`,
        )
      }
    }),
    { numRuns: 5000 },
  )
  const known = { '/r-1/[0-9]+': '/r-1/', '^/ab+c': '/ab', '/ab?': '/a', 'a|b': '', '/a\\.b(c|d)': '/a.b' }
  for (const [source, prefix] of Object.entries(known)) assert.equal(literalPrefix(source), prefix, source)
})
