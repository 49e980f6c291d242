import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createGraph } from '../base/index.ts'
import { type KubeObject, parseManifests } from '../kube/index.ts'
import type { Origin, Route } from '../model/index.ts'
import {
  type GatewayTable,
  type MeshTable,
  type RouteRequest,
  createGatewayTable,
  createMeshTable,
} from '../routing/index.ts'
import {
  createSources,
  createTranslation,
  DEFAULT_SETTINGS,
  setObject,
  type Translation,
} from '../mesh/translate/index.ts'

/**
 * Which of several HTTPRoutes takes a request, from objects to tables, against the specification's words applied to
 * the objects one by one: what was made first, and what it is called and where, decides among equals and nothing else.
 */

const WORLD: readonly KubeObject[] = parseManifests(`
apiVersion: v1
kind: Namespace
metadata: { name: demo }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: demo }
spec: { clusterIP: 10.43.0.1, ports: [{ name: http, port: 80 }, { name: other, port: 8080 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: demo }
spec:
  gatewayClassName: istio
  listeners:
    - { name: all, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: All } } }
    - { name: own, port: 80, protocol: HTTP, hostname: a.example, allowedRoutes: { namespaces: { from: All } } }
`).manifests.map(({ object }) => object)

interface Match {
  readonly path: { readonly type: 'Exact' | 'PathPrefix'; readonly value: string }
  readonly method?: 'GET' | 'POST'
  readonly headers: readonly string[]
  readonly queryParams: readonly string[]
}

interface Sketch {
  readonly namespace: string
  readonly name: string
  readonly created: string
  readonly hostnames: readonly string[]
  readonly port: number | undefined
  readonly rules: readonly (readonly Match[])[]
}

interface Asked {
  readonly host: string
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly headers: readonly string[]
  readonly query: readonly string[]
  readonly port: number
}

const names = fc.subarray(['x', 'y', 'z'])
const method = fc.constantFrom('GET', 'POST')
const match: fc.Arbitrary<Match> = fc.record(
  {
    path: fc.record({
      type: fc.constantFrom('Exact', 'PathPrefix'),
      value: fc.constantFrom('/', '/a', '/a/b', '/a/'),
    }),
    method,
    headers: names,
    queryParams: names,
  },
  { requiredKeys: ['path', 'headers', 'queryParams'] },
)
const sketch: fc.Arbitrary<Sketch> = fc.record({
  namespace: fc.constantFrom('demo', 'shop'),
  name: fc.constantFrom('a', 'a-b', 'b', 'c'),
  created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'),
  hostnames: fc.constantFrom<readonly string[]>([], ['*.example'], ['a.example'], ['b.example']),
  port: fc.constantFrom(undefined, 80, 8080),
  rules: fc.array(fc.array(match, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 }),
})
const sketches = fc.uniqueArray(sketch, {
  selector: ({ namespace, name }) => `${namespace}/${name}`,
  minLength: 1,
  maxLength: 6,
})
const asked: fc.Arbitrary<Asked> = fc.record({
  host: fc.constantFrom('a.example', 'b.example', 'elsewhere'),
  path: fc.constantFrom('/', '/a', '/a/b', '/a/b/c', '/ab'),
  method,
  headers: names,
  query: names,
  port: fc.constantFrom(80, 8080),
})

type Parent = 'gateway' | 'service'

function routeObject(one: Sketch, parent: Parent): KubeObject {
  const { namespace, name, created, hostnames, port, rules } = one
  const toService = { group: '', kind: 'Service', name: 'cart', namespace: 'demo', ...(port && { port }) }
  const spec = {
    parentRefs: [parent === 'gateway' ? { name: 'edge', namespace: 'demo' } : toService],
    hostnames,
    rules: rules.map((matches) => ({
      matches: matches.map(({ headers, queryParams, ...rest }) => ({
        ...rest,
        headers: headers.map((header) => ({ name: header, value: '1' })),
        queryParams: queryParams.map((parameter) => ({ name: parameter, value: '1' })),
      })),
      backendRefs: [{ name: 'cart', namespace: 'demo', port: 80 }],
    })),
  }
  const metadata = { namespace, name, creationTimestamp: created }
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata, spec }
}

function translate(objects: readonly KubeObject[]): Translation {
  const graph = createGraph()
  const sources = createSources(graph)
  const translation = createTranslation(graph, sources, DEFAULT_SETTINGS)
  for (const object of [...WORLD, ...objects]) graph.transact(() => setObject(sources, object))
  return translation
}

function requestOf({ host, headers, query, ...rest }: Asked): RouteRequest {
  const search = query.length === 0 ? '' : `?${query.map((name) => `${name}=1`).join('&')}`
  return {
    ...rest,
    scheme: 'http',
    authority: host,
    path: rest.path + search,
    header: (name) => (headers.includes(name) ? '1' : undefined),
  }
}

function text(origin: Origin | undefined): string | undefined {
  return origin && `${origin.namespace}/${origin.name} rule ${origin.rule ?? ''}`
}

// The specification, said once more in the plainest way.

/** The routes that are asked at all: those of the most specific host name, or of the consumer before the producer. */
function candidates(
  all: readonly Sketch[],
  request: Asked,
  at: Parent,
  client: string,
): readonly Sketch[] | undefined {
  if (at === 'service') {
    const speaking = all.filter(({ port }) => port === undefined || port === request.port)
    const own = client === 'demo' ? [] : speaking.filter(({ namespace }) => namespace === client)
    const used = own.length > 0 ? own : speaking.filter(({ namespace }) => namespace === 'demo')
    return used.length > 0 ? used : undefined
  }
  const suffix = request.host.slice(request.host.indexOf('.'))
  for (const domain of [request.host, `*${suffix}`, '']) {
    const found = all.filter(({ hostnames }) => hosts(hostnames, request).includes(domain))
    if (found.length > 0) return found
  }
  return undefined
}

/** A listener's host name narrows a route's: at the one of a.example every route that fits has just that name. */
function hosts(hostnames: readonly string[], { host }: Asked): readonly string[] {
  const given = hostnames.length === 0 ? [''] : hostnames
  if (host !== 'a.example') return given
  return given.map((one) => (one === '' || one === '*.example' || one === host ? host : one))
}

function holds({ path, method: wanted, headers, queryParams }: Match, request: Asked): boolean {
  const prefix = path.value.replace(/\/$/, '')
  const isPath =
    path.type === 'Exact'
      ? request.path === path.value
      : request.path === prefix || request.path.startsWith(`${prefix}/`)
  return (
    isPath &&
    (wanted === undefined || wanted === request.method) &&
    headers.every((name) => request.headers.includes(name)) &&
    queryParams.every((name) => request.query.includes(name))
  )
}

/** HTTPRouteRule.matches, then "if ties still exist across multiple Routes", then "within an HTTPRoute". */
function expected(all: readonly Sketch[], request: Asked, at: Parent, client: string): string | undefined {
  let best: { readonly rank: readonly (string | number)[]; readonly text: string } | undefined
  for (const { namespace, name, created, rules } of candidates(all, request, at, client) ?? []) {
    rules.forEach((matches, index) => {
      for (const one of matches.filter((candidate) => holds(candidate, request))) {
        const rank = [
          one.path.type === 'Exact' ? 0 : 1,
          -Math.max(1, one.path.value.replace(/\/$/, '').length),
          one.method === undefined ? 1 : 0,
          -one.headers.length,
          -one.queryParams.length,
          created,
          `${namespace}/${name}`,
          index,
        ]
        if (best === undefined || isBefore(rank, best.rank))
          best = { rank, text: `${namespace}/${name} rule ${index}` }
      }
    })
  }
  return best?.text
}

function isBefore(a: readonly (string | number)[], b: readonly (string | number)[]): boolean {
  const index = a.findIndex((value, i) => value !== b[i])
  return index >= 0 && (a[index] ?? 0) < (b[index] ?? 0)
}

function gatewayTable(translation: Translation, routes: readonly Route[]): GatewayTable {
  const table = createGatewayTable(translation.model.listeners.list())
  for (const route of routes) table.set(route)
  return table
}

function meshTable(client: string, routes: readonly Route[]): MeshTable {
  const table = createMeshTable(client)
  for (const route of routes) table.set(route)
  return table
}

describe('precedence across HTTPRoutes', () => {
  const scene = sketches.chain((all) =>
    fc.tuple(
      fc.constant(all),
      fc.shuffledSubarray([...all], { minLength: all.length }),
      fc.array(asked, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
    ),
  )

  test('at a gateway the winner is the one that the specification names, in whatever order objects come', () => {
    fc.assert(
      fc.property(scene, ([all, shuffled, requests, reversed]) => {
        const translation = translate(shuffled.map((one) => routeObject(one, 'gateway')))
        const routes = translation.model.routes.list()
        const table = gatewayTable(translation, reversed ? routes.toReversed() : routes)
        for (const request of requests.map((one) => ({ ...one, port: 80 }))) {
          const found = table.match(requestOf(request))
          const winner = found.kind === 'match' ? text(found.route.origin) : undefined
          assert.equal(winner, expected(all, request, 'gateway', ''))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('at a Service too, where a namespace of clients that has routes of its own does without the producer’s', () => {
    fc.assert(
      fc.property(
        scene,
        fc.constantFrom('demo', 'shop', 'other'),
        ([all, shuffled, requests, reversed], client) => {
          const translation = translate(shuffled.map((one) => routeObject(one, 'service')))
          const [cart] = translation.model.services.list()
          assert.ok(cart)
          const routes = translation.model.routes.list()
          const table = meshTable(client, reversed ? routes.toReversed() : routes)
          for (const request of requests) {
            const found = table.ofService(requestOf(request), cart)
            const winner = found?.kind === 'match' ? text(found.route.origin) : undefined
            assert.equal(winner, expected(all, request, 'service', client))
            const isFree = candidates(all, request, 'service', client) === undefined
            assert.equal(found === undefined, isFree)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('two routes that ask for the same differ by age first, then by namespace and name', () => {
    const path = { type: 'PathPrefix', value: '/' } as const
    const plain = { hostnames: [], port: undefined, rules: [[{ path, headers: [], queryParams: [] }]] }
    const young = '2026-01-01T00:00:01Z'
    const old = '2026-01-01T00:00:00Z'
    const winnerOf = (...all: readonly Sketch[]): string | undefined => {
      const translation = translate(all.map((one) => routeObject(one, 'gateway')))
      const request: Asked = { host: 'x', path: '/', method: 'GET', headers: [], query: [], port: 80 }
      const found = gatewayTable(translation, translation.model.routes.list()).match(requestOf(request))
      return found.kind === 'match' ? found.route.origin.namespace + found.route.origin.name : undefined
    }
    const route = (namespace: string, name: string, created: string) => ({
      ...plain,
      namespace,
      name,
      created,
    })
    assert.equal(winnerOf(route('demo', 'a', young), route('shop', 'b', old)), 'shopb')
    assert.equal(winnerOf(route('shop', 'a', old), route('demo', 'b', old)), 'demob')
    assert.equal(winnerOf(route('demo', 'b', old), route('demo', 'a', old)), 'demoa')
  })
})
