import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  type KeyedMatch,
  type PathMatch,
  type Route,
  type RouteAction,
  type RouteMatch,
  type StringMatch,
  compareOrderKeys,
  routeName,
} from '../model/index.ts'
import { type RouteRequest, type RouteTable, compileRoute, createRouteTable } from './index.ts'

const ACTION: RouteAction = { kind: 'respond', status: 200, reason: 'test' }

function makeRoute(name: string, domains: readonly string[], matches: readonly RouteMatch[]): Route {
  const origin = { kind: 'HTTPRoute', namespace: 'demo', name, rule: 0 }
  return {
    type: 'route',
    key: routeName(origin),
    scope: { kind: 'mesh' },
    domains,
    matches,
    filters: [],
    action: ACTION,
    origin,
  }
}

function makeMatch(order: RouteMatch['order'], rest: Partial<RouteMatch> = {}): RouteMatch {
  return { order, headers: [], query: [], ...rest }
}

function makeRequest(
  options: Partial<Omit<RouteRequest, 'header'>> & {
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): RouteRequest {
  const { headers = {}, ...rest } = options
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'a.example.com',
    path: '/',
    port: 80,
    header: (name) => headers[name],
    ...rest,
  }
}

function winner(table: RouteTable, request: RouteRequest): string | undefined {
  return table.match(request)?.route.origin.name
}

function tableOf(...routes: readonly Route[]): RouteTable {
  const table = createRouteTable()
  for (const route of routes) table.set(route)
  return table
}

// A small world, so that generated routes and requests meet often.
const segment = fc.constantFrom('', 'a', 'B', 'ab')
const pathText = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
const word = fc.constantFrom('', 'a', 'A', 'ab', 'b')
const flags = fc.constantFrom({}, { ignoreCase: true })
const regexText = fc.constantFrom(
  '.*',
  '/a.*',
  '/(a|B)+',
  '[a-b]+',
  '/[aA]/?',
  'a?',
  '/a/.+',
  '/a/b*',
  '/a|/B',
  '^/a/ab$',
  '/ab{0,1}',
  '\\/a+',
)
const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  fc
    .tuple(fc.constantFrom('exact' as const, 'string-prefix' as const), pathText, flags)
    .map(([kind, value, flag]) => ({
      kind,
      value,
      ...flag,
    })),
  pathText.map((value) => ({ kind: 'segment-prefix' as const, value: value.replace(/\/+$/, '') })),
  fc.tuple(regexText, flags).map(([value, flag]) => ({ kind: 'regex' as const, value, ...flag })),
)
const stringMatch: fc.Arbitrary<StringMatch> = fc.oneof(
  fc
    .tuple(fc.constantFrom('exact' as const, 'prefix' as const), word, flags)
    .map(([kind, value, flag]) => ({ kind, value, ...flag })),
  fc.tuple(regexText, flags).map(([value, flag]) => ({ kind: 'regex' as const, value, ...flag })),
  fc.constant({ kind: 'present' as const }),
)
const keyedMatch: fc.Arbitrary<KeyedMatch> = fc.record(
  { name: fc.constantFrom('x', 'y'), match: stringMatch, invert: fc.boolean() },
  { requiredKeys: ['name', 'match'] },
)
const routeMatch: fc.Arbitrary<RouteMatch> = fc.record(
  {
    order: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }),
    path: pathMatch,
    method: fc.constantFrom(
      { kind: 'exact' as const, value: 'GET' },
      { kind: 'exact' as const, value: 'POST' },
      { kind: 'exact' as const, value: 'CONNECT' },
      { kind: 'prefix' as const, value: 'CON' },
    ),
    authority: fc.constant({ kind: 'prefix' as const, value: 'a.' }),
    headers: fc.array(keyedMatch, { maxLength: 2 }),
    query: fc.array(keyedMatch, { maxLength: 1 }),
    port: fc.constantFrom(80, 81),
    sourceLabels: fc.constantFrom({}, { app: 'x' }),
    sourceNamespace: fc.constantFrom('demo', 'other'),
  },
  { requiredKeys: ['order', 'headers', 'query'] },
)
const domain = fc.constantFrom('*', '*.com', '*.example.com', 'a.example.com', 'b.com')
const routes = fc
  .array(
    fc.tuple(
      fc.uniqueArray(domain, { minLength: 1, maxLength: 3 }),
      fc.array(routeMatch, { minLength: 1, maxLength: 3 }),
    ),
    { maxLength: 12 },
  )
  .map((all) => all.map(([domains, matches], i) => makeRoute(`r${i}`, domains, matches)))
const queryText = fc.constantFrom('', '?', '?x', '?x=a', '?y=ab&x=b', '?xx=1&x=A', '?x=a#y=b', '#x')
const request: fc.Arbitrary<RouteRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'CONNECT'),
    authority: fc.constantFrom(
      'a.example.com',
      'A.Example.com:8080',
      'b.com',
      'c.com',
      'x.y.example.com',
      'z',
    ),
    path: fc.tuple(pathText, queryText).map(([path, query]) => path + query),
    port: fc.constantFrom(80, 81),
    headers: fc.dictionary(fc.constantFrom('x', 'y'), word, { noNullPrototype: true }),
    source: fc.constantFrom(
      { labels: { app: 'x', v: '1' }, namespace: 'demo' },
      { labels: {}, namespace: 'other' },
    ),
  })
  .map(makeRequest)

/** The specification, as slow and plain as it can be written. */
function naiveWinner(all: readonly Route[], request: RouteRequest): string | undefined {
  const host = request.authority.toLowerCase().replace(/:\d+$/, '')
  const holds = (domain: string): boolean =>
    domain === '*' ||
    (domain.startsWith('*.')
      ? host.endsWith(domain.slice(1)) && host.length > domain.length - 1
      : domain === host)
  const rank = (domain: string): number =>
    domain === '*' ? 0 : domain.startsWith('*.') ? domain.length : 1000
  const best = all
    .flatMap((route) => route.domains)
    .filter((one) => holds(one))
    .sort((a, b) => rank(b) - rank(a))[0]
  if (best === undefined) return undefined
  const matches = all
    .filter((route) => route.domains.includes(best))
    .flatMap((route) => route.matches.map((match, i) => ({ route, match, i })))
    .sort(
      (a, b) =>
        compareOrderKeys(a.match.order, b.match.order) ||
        (a.route.key < b.route.key ? -1 : a.route.key > b.route.key ? 1 : a.i - b.i),
    )
  return matches.find(({ match }) => naiveHolds(match, request))?.route.origin.name
}

function naiveHolds(match: RouteMatch, request: RouteRequest): boolean {
  const path = request.path.replace(/[?#].*$/, '')
  const query = /\?([^#]*)/.exec(request.path)?.[1] ?? ''
  const pairs = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => [pair.split('=')[0], pair.split('=').slice(1).join('=')] as const)
  return (
    (match.path === undefined || naivePath(match.path, path)) &&
    (match.method === undefined || naiveText(match.method, request.method)) &&
    (request.method !== 'CONNECT' || (match.method?.kind === 'exact' && match.method.value === 'CONNECT')) &&
    (match.authority === undefined || naiveText(match.authority, request.authority)) &&
    (match.port === undefined || match.port === request.port) &&
    (match.sourceNamespace === undefined || match.sourceNamespace === request.source?.namespace) &&
    Object.entries(match.sourceLabels ?? {}).every(
      ([name, value]) => request.source?.labels[name] === value,
    ) &&
    match.headers.every((one) => naiveKeyed(one, request.header(one.name))) &&
    match.query.every((one) => naiveKeyed(one, pairs.find(([name]) => name === one.name)?.[1]))
  )
}

function naiveKeyed(keyed: KeyedMatch, value: string | undefined): boolean {
  return (value !== undefined && naiveText(keyed.match, value)) !== (keyed.invert ?? false)
}

function naivePath(match: PathMatch, path: string): boolean {
  if (match.kind === 'segment-prefix') {
    const wanted = match.value.split('/')
    return match.value === '' || path.split('/').slice(0, wanted.length).join('/') === match.value
  }
  return naiveText(match.kind === 'string-prefix' ? { ...match, kind: 'prefix' } : match, path)
}

function naiveText(match: StringMatch, value: string): boolean {
  if (match.kind === 'present') return true
  if (match.kind === 'regex')
    return new RegExp(`^(?:${match.value})$`, match.ignoreCase === true ? 'i' : '').test(value)
  const fold = (text: string): string => (match.ignoreCase === true ? text.toLowerCase() : text)
  return match.kind === 'exact'
    ? fold(value) === fold(match.value)
    : fold(value).startsWith(fold(match.value))
}

test('the decision by index equals a scan of all matches in their order, and explain agrees with it', () => {
  fc.assert(
    fc.property(routes, fc.array(request, { minLength: 1, maxLength: 8 }), (all, requests) => {
      const table = tableOf(...all)
      for (const one of requests) {
        assert.equal(winner(table, one), naiveWinner(all, one))
        const explanation = table.explain(one)
        const match = table.match(one)
        assert.equal(explanation.winner?.route, match?.route.key)
        assert.equal(explanation.winner?.match, match?.match.index)
      }
    }),
    { numRuns: 1000 },
  )
})

test('the order in which routes arrive never changes the winner', () => {
  fc.assert(
    fc.property(
      routes.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      request,
      ([all, shuffled], one) => assert.equal(winner(tableOf(...all), one), winner(tableOf(...shuffled), one)),
    ),
  )
})

test('a table after any sets and deletes equals a fresh one with what is left', () => {
  fc.assert(
    fc.property(
      routes,
      routes,
      fc.array(fc.nat(11)),
      fc.array(request, { maxLength: 5 }),
      (first, second, gone, all) => {
        const table = tableOf(...first, ...second)
        const left = new Map([...first, ...second].map((route) => [route.key, route]))
        for (const i of gone) {
          const key = makeRoute(`r${i}`, ['*'], []).key
          table.delete(key)
          left.delete(key)
        }
        assert.equal(table.size(), left.size)
        for (const one of all) assert.equal(winner(table, one), winner(tableOf(...left.values()), one))
        for (const key of left.keys()) table.delete(key)
        for (const one of all) assert.ok(!table.hasHost(one.authority))
      },
    ),
  )
})

test('one route among 5,000 is found by looking at a few candidates', () => {
  const table = createRouteTable()
  let asked = 0
  for (let i = 0; i < 5000; i++) {
    const path: PathMatch =
      i % 2 === 0
        ? { kind: 'exact', value: `/exact/${i}` }
        : { kind: 'segment-prefix', value: `/prefix/${i}` }
    table.set(
      makeRoute(
        `r${i}`,
        ['*'],
        [makeMatch([i % 2, i], { path, headers: [{ name: 'x', match: { kind: 'present' } }] })],
      ),
    )
  }
  const one: RouteRequest = { ...makeRequest({ path: '/prefix/4321/below' }), header: () => (asked++, 'v') }
  assert.equal(winner(table, one), 'r4321')
  assert.equal(asked, 1)
})

test('only the routes of the most specific domain are tried, even when none of them matches', () => {
  const table = tableOf(
    makeRoute('any', ['*'], [makeMatch([0])]),
    makeRoute('suffix', ['*.example.com'], [makeMatch([0])]),
    makeRoute('exact', ['a.example.com'], [makeMatch([0], { path: { kind: 'exact', value: '/only' } })]),
  )
  assert.equal(winner(table, makeRequest({ path: '/only' })), 'exact')
  assert.equal(winner(table, makeRequest({ path: '/other' })), undefined)
  assert.equal(winner(table, makeRequest({ authority: 'x.y.example.com' })), 'suffix')
  assert.equal(winner(table, makeRequest({ authority: 'example.com' })), 'any')
})

test('the host is compared without port, case and the last dot', () => {
  const table = tableOf(makeRoute('r', ['a.example.com', '[::1]'], [makeMatch([0])]))
  for (const authority of [
    'a.example.com:8080',
    'A.EXAMPLE.com',
    'a.example.com.',
    'a.example.com.:80',
    '[::1]:80',
  ]) {
    assert.equal(winner(table, makeRequest({ authority })), 'r', authority)
  }
})

test('the caller may name the domain itself', () => {
  const table = tableOf(makeRoute('r', ['backend.demo.svc.cluster.local'], [makeMatch([0])]))
  const result = table.match(makeRequest({ authority: 'backend' }), 'backend.demo.svc.cluster.local')
  assert.equal(result?.route.origin.name, 'r')
})

test('explain names, for each better match, the first condition that failed', () => {
  const table = tableOf(
    makeRoute('path', ['*'], [makeMatch([0], { path: { kind: 'segment-prefix', value: '/app' } })]),
    makeRoute(
      'header',
      ['*'],
      [makeMatch([1], { headers: [{ name: 'x-user', match: { kind: 'exact', value: 'eve' } }] })],
    ),
    makeRoute('winner', ['*'], [makeMatch([2])]),
    makeRoute('worse', ['*'], [makeMatch([3])]),
  )
  const explanation = table.explain(makeRequest({ path: '/apple?q=1' }))
  assert.equal(explanation.winner?.origin.name, 'winner')
  assert.deepEqual(
    explanation.passedOver.map(({ origin, failed }) => [origin.name, failed]),
    [
      ['path', { condition: 'path', expected: '/app and below', actual: '/apple' }],
      ['header', { condition: 'header x-user', expected: '"eve"', actual: 'absent' }],
    ],
  )
  assert.deepEqual(createRouteTable().explain(makeRequest()), { host: 'a.example.com', passedOver: [] })
})

test('a route with a wrong expression is refused with the path of the field', () => {
  const route = makeRoute('bad', ['*'], [makeMatch([0], { path: { kind: 'regex', value: '(a' } })])
  const result = compileRoute({
    ...route,
    filters: [{ kind: 'rewrite', path: { kind: 'regex', pattern: '(?=a)', substitution: '' } }],
  })
  assert.ok(!result.ok)
  assert.deepEqual(
    result.error.map((violation) => violation.path),
    ['filters[0].path.pattern', 'matches[0].path.value'],
  )
  const group = compileRoute({
    ...makeRoute('group', ['*'], [makeMatch([0])]),
    filters: [{ kind: 'rewrite', path: { kind: 'regex', pattern: 'a', substitution: '\\1' } }],
  })
  assert.ok(!group.ok && /names group 1, but the pattern has 0/.test(group.error[0]?.message ?? ''))
})

test('a mesh route for clients of one namespace is passed over for those of another', () => {
  const route: Route = {
    ...makeRoute('scoped', ['*'], [makeMatch([0])]),
    scope: { kind: 'mesh', clientNamespaces: ['demo'] },
  }
  const table = tableOf(route)
  assert.equal(winner(table, makeRequest({ source: { labels: {}, namespace: 'demo' } })), 'scoped')
  assert.equal(winner(table, makeRequest({ source: { labels: {}, namespace: 'other' } })), undefined)
})
