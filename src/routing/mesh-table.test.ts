import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { type Route, type RouteMatch, type Service, routeName, serviceName } from '../model/index.ts'
import { type MeshDecision, type MeshTable, type RouteRequest, createMeshTable } from './index.ts'

function service(name: string, ports: readonly number[]): Service {
  const hostname = `${name}.demo.svc.cluster.local`
  return {
    type: 'service',
    key: serviceName('demo', hostname),
    hostname,
    namespace: 'demo',
    addresses: ['10.43.0.9'],
    ports: ports.map((port) => ({ port, name: `p${port}`, protocol: 'http' })),
    resolution: 'static',
    visibility: { kind: 'all' },
    policies: [],
    origin: { kind: 'Service', namespace: 'demo', name },
  }
}

const CART = service('cart', [80, 8080])
const SHOP = service('shop', [80])

function route(
  name: string,
  options: {
    readonly service?: Service
    readonly clients?: string
    readonly port?: number
    readonly domains?: readonly string[]
    readonly match?: Partial<RouteMatch>
  } = {},
): Route {
  const origin = { kind: 'HTTPRoute', namespace: options.clients ?? 'demo', name, rule: 0 }
  const port = options.port === undefined ? {} : { port: options.port }
  return {
    type: 'route',
    key: routeName(origin),
    scope: {
      kind: 'mesh',
      ...(options.service && { service: options.service.key }),
      ...(options.clients !== undefined && { clientNamespaces: [options.clients] }),
    },
    domains: options.domains ?? [options.service?.hostname ?? '*'],
    matches: [{ order: [name], headers: [], query: [], ...port, ...options.match }],
    filters: [],
    action: { kind: 'respond', status: 200, reason: 'test' },
    origin,
  }
}

function tableFor(namespace: string, ...routes: readonly Route[]): MeshTable {
  const table = createMeshTable(namespace)
  for (const one of routes) table.set(one)
  return table
}

function ask(port: number, path = '/', authority = 'any.example'): RouteRequest {
  return { method: 'GET', scheme: 'http', authority, path, port, header: () => undefined }
}

function text(decision: MeshDecision | undefined): string | undefined {
  return decision?.kind === 'match' ? decision.route.origin.name : decision?.kind
}

describe('the routes of the mesh', () => {
  test('a route attached to a service holds for what dials it, whatever the Host says, and for nothing else', () => {
    const table = tableFor('demo', route('cart', { service: CART }))
    assert.equal(text(table.ofService(ask(80, '/', 'shop'), CART)), 'cart')
    assert.equal(table.ofService(ask(80, '/', CART.hostname), SHOP), undefined)
    assert.equal(table.ofHost(ask(80, '/', CART.hostname), CART), undefined)
  })

  test('a route that names a port leaves the others as they are without routes', () => {
    const table = tableFor('demo', route('one', { service: CART, port: 80 }))
    assert.equal(text(table.ofService(ask(80), CART)), 'one')
    assert.equal(table.ofService(ask(8080), CART), undefined)
  })

  test('a request that none of the attached routes takes is refused, not passed on', () => {
    const match = { path: { kind: 'exact', value: '/a' } } as const
    const table = tableFor('demo', route('exact', { service: CART, match }))
    assert.equal(text(table.ofService(ask(80, '/a'), CART)), 'exact')
    assert.equal(text(table.ofService(ask(80, '/b'), CART)), 'no-route')
  })

  test('a namespace with routes of its own for a port does without those beside the service, matched or not', () => {
    const match = { path: { kind: 'exact', value: '/a' } } as const
    const routes = [
      route('producer', { service: CART }),
      route('consumer', { service: CART, clients: 'team', port: 80, match }),
    ]
    const team = tableFor('team', ...routes)
    assert.equal(text(team.ofService(ask(80, '/a'), CART)), 'consumer')
    assert.equal(text(team.ofService(ask(80, '/b'), CART)), 'no-route')
    assert.equal(text(team.ofService(ask(8080, '/b'), CART)), 'producer')
    assert.equal(text(tableFor('other', ...routes).ofService(ask(80, '/a'), CART)), 'producer')
  })

  test('when the last route of a namespace goes, those beside the service hold again, and at last none', () => {
    const producer = route('producer', { service: CART })
    const consumer = route('consumer', { service: CART, clients: 'team' })
    const table = tableFor('team', producer, consumer)
    table.delete(consumer.key)
    assert.equal(text(table.ofService(ask(80), CART)), 'producer')
    table.delete(producer.key)
    assert.equal(table.ofService(ask(80), CART), undefined)
    assert.equal(table.size(), 0)
  })

  test('a route that moves from a service to a host is gone from the service', () => {
    const attached = route('moving', { service: CART })
    const table = tableFor('demo', attached, { ...attached, scope: { kind: 'mesh' }, domains: ['a.example'] })
    assert.equal(table.ofService(ask(80), CART), undefined)
    assert.equal(text(table.ofHost(ask(80, '/', 'a.example'), undefined)), 'moving')
  })

  test('routes for hosts hold on the ports of the service of that name, and for other hosts on port 80', () => {
    const table = tableFor('demo', route('all', { domains: ['*'] }))
    assert.equal(text(table.ofHost(ask(8080), CART)), 'all')
    assert.equal(text(table.ofHost(ask(80), undefined)), 'all')
    assert.equal(table.ofHost(ask(9000), CART), undefined)
    assert.equal(table.looksAtHosts(), true)
    const empty = tableFor('demo', route('cart', { service: CART }))
    assert.equal(empty.looksAtHosts(), false)
    assert.equal(empty.ofHost(ask(80), CART), undefined)
  })

  test('the order in which routes come and go never matters, and the explanation agrees with the decision', () => {
    const pool = [
      ...[undefined, 'team', 'other'].flatMap((clients) =>
        [undefined, 80, 8080].flatMap((port) =>
          ['/a', '/b'].map((value) =>
            route(`s${clients ?? ''}${port ?? ''}${value.slice(1)}`, {
              service: CART,
              match: { path: { kind: 'exact', value } },
              ...(clients !== undefined && { clients }),
              ...(port !== undefined && { port }),
            }),
          ),
        ),
      ),
      route('host', { domains: [CART.hostname] }),
    ]
    fc.assert(
      fc.property(
        fc.shuffledSubarray(pool),
        fc.shuffledSubarray(pool),
        fc.constantFrom('team', 'demo'),
        (kept, passing, namespace) => {
          const table = createMeshTable(namespace)
          const gone = passing.filter((one) => !kept.includes(one))
          for (const one of [...gone, ...kept.toReversed()]) table.set(one)
          for (const one of gone) table.delete(one.key)
          const plain = tableFor(namespace, ...kept)
          for (const port of [80, 8080]) {
            for (const path of ['/a', '/c']) {
              const request = ask(port, path, CART.hostname)
              const decision = table.ofService(request, CART) ?? table.ofHost(request, CART)
              const expected = plain.ofService(request, CART) ?? plain.ofHost(request, CART)
              assert.equal(text(decision), text(expected))
              const told = table.explain(request, { dialled: CART, named: CART })
              assert.equal(text(told?.result), text(decision))
            }
          }
        },
      ),
    )
  })
})
