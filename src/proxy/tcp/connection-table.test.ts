import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type ConnectionMatch,
  type ConnectionRoute,
  gatewayName,
  listenerName,
  type OrderKey,
  routeName,
} from '../../model/index.ts'
import { type ConnectionFacts, createConnectionTable, MESH_ROUTES } from './connection-table.ts'

const ONE = listenerName(gatewayName('Gateway', 'demo', 'gw'), 'one')
const OTHER = listenerName(gatewayName('Gateway', 'demo', 'gw'), 'other')

interface RouteOptions extends Partial<Omit<ConnectionMatch, 'order'>> {
  readonly order?: OrderKey
  readonly scope?: ConnectionRoute['scope']
}

function route(name: string, { order = [0], scope, ...match }: RouteOptions = {}): ConnectionRoute {
  const origin = { kind: 'TCPRoute', namespace: 'demo', name, rule: 0 }
  return {
    type: 'connection-route',
    key: routeName(origin),
    scope: scope ?? { kind: 'gateway', listeners: [ONE] },
    matches: [{ order, ...match }],
    destinations: [{ weight: 1, target: { kind: 'unresolved', status: 500, reason: 'BackendNotFound' } }],
    origin,
  }
}

const FACTS: ConnectionFacts = {
  serverName: undefined,
  port: 9000,
  address: '10.0.0.1',
  host: undefined,
  source: undefined,
}

function tableOf(routes: readonly ConnectionRoute[]) {
  const table = createConnectionTable({ namespace: 'demo' })
  for (const one of routes) table.set(one)
  return {
    ...table,
    nameOf: (facts: Partial<ConnectionFacts> = {}, place: typeof ONE | typeof MESH_ROUTES = ONE) =>
      table.find(place, { ...FACTS, ...facts })?.origin.name,
  }
}

describe('the table of routes for connections', () => {
  test('the first by order is found, whatever came first; when it goes, the next', () => {
    const orders = fc.uniqueArray(
      fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom('a', 'a-b', 'b')),
      {
        selector: String,
        minLength: 1,
      },
    )
    fc.assert(
      fc.property(orders, (all) => {
        const routes = all.map((order) => route(order.join('/'), { order }))
        const table = tableOf(routes)
        const sorted = all.toSorted(([a, x], [b, y]) => a - b || (x < y ? -1 : 1)).map((one) => one.join('/'))
        for (const expected of sorted) {
          assert.equal(table.nameOf(), expected)
          table.delete(route(expected).key)
        }
        assert.equal(table.nameOf(), undefined)
      }),
    )
  })

  test('a more specific server name goes before an older route', () => {
    const table = tableOf([
      route('any', { order: [0], serverNames: ['*'] }),
      route('wildcard', { order: [1], serverNames: ['*.example.com'] }),
      route('exact', { order: [2], serverNames: ['a.example.com'] }),
    ])
    assert.equal(table.nameOf({ serverName: 'a.example.com' }), 'exact')
    assert.equal(table.nameOf({ serverName: 'b.example.com' }), 'wildcard')
    assert.equal(table.nameOf({ serverName: 'example.com' }), 'any')
    assert.equal(table.nameOf({ serverName: '' }), 'any')
    assert.equal(table.nameOf(), undefined)
  })

  test('a route for what is no TLS, or any TLS, is behind those with names', () => {
    const table = tableOf([
      route('bytes', { order: [0] }),
      route('named', { order: [1], serverNames: ['a.example.com'] }),
    ])
    assert.equal(table.nameOf({ serverName: 'a.example.com' }), 'named')
    assert.equal(table.nameOf({ serverName: 'b.example.com' }), 'bytes')
    assert.equal(table.nameOf(), 'bytes')
  })

  test('each listener has its own, and sidecars those of the mesh for their namespace', () => {
    const mesh = (clientNamespaces?: readonly string[]) =>
      ({ kind: 'mesh', ...(clientNamespaces && { clientNamespaces }) }) as const
    const table = tableOf([
      route('one'),
      route('elsewhere', { scope: mesh(['other']), order: [0] }),
      route('mesh', { scope: mesh(['demo']), order: [1] }),
    ])
    assert.equal(table.nameOf(), 'one')
    assert.equal(table.nameOf({}, OTHER), undefined)
    assert.equal(table.nameOf({}, MESH_ROUTES), 'mesh')
  })

  test('all conditions of a match must hold', () => {
    const conditions = {
      port: 9000,
      destinations: ['10.0.0.0/24'],
      sourceNamespace: 'demo',
      sourceLabels: { app: 'web' },
    }
    const table = tableOf([route('narrow', { order: [0], ...conditions }), route('rest', { order: [1] })])
    const source = { namespace: 'demo', labels: { app: 'web', version: 'v1' } }
    assert.equal(table.nameOf({ source }), 'narrow')
    assert.equal(table.nameOf(), 'rest')
    assert.equal(table.nameOf({ source, port: 9001 }), 'rest')
    assert.equal(table.nameOf({ source, address: '10.0.1.1' }), 'rest')
    assert.equal(table.nameOf({ source: { ...source, namespace: 'other' } }), 'rest')
    assert.equal(table.nameOf({ source: { ...source, labels: { app: 'api' } } }), 'rest')
  })
})
