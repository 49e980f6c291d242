import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  type Listener,
  type Route,
  type RouteMatch,
  gatewayName,
  listenerName,
  routeName,
} from '../model/index.ts'
import { type GatewayTable, type RouteRequest, createGatewayTable } from './index.ts'

const GATEWAY = gatewayName('Gateway', 'demo', 'gw')

function makeListener(name: string, hostnames: readonly string[], isolated = true): Listener {
  return {
    type: 'listener',
    key: listenerName(GATEWAY, name),
    gateway: GATEWAY,
    selector: { labels: {} },
    port: 80,
    protocol: 'http',
    hostnames,
    isolated,
    origin: { kind: 'Gateway', namespace: 'demo', name: 'gw' },
  }
}

function makeRoute(name: string, listeners: readonly string[], domains: readonly string[], order = 0): Route {
  const origin = { kind: 'HTTPRoute', namespace: 'demo', name, rule: 0 }
  const match: RouteMatch = { order: [order], headers: [], query: [] }
  return {
    type: 'route',
    key: routeName(origin),
    scope: { kind: 'gateway', listeners: listeners.map((one) => listenerName(GATEWAY, one)) },
    domains,
    matches: [match],
    filters: [],
    action: { kind: 'respond', status: 200, reason: 'test' },
    origin,
  }
}

function request(authority: string): RouteRequest {
  return { method: 'GET', scheme: 'http', authority, path: '/', port: 80, header: () => undefined }
}

function outcome(table: GatewayTable, authority: string): string {
  const result = table.match(request(authority))
  return result.kind === 'match' ? result.route.origin.name : result.kind
}

test('of isolated listeners the one with the most specific host name alone serves a request', () => {
  const table = createGatewayTable([
    makeListener('any', ['*']),
    makeListener('suffix', ['*.example.com']),
    makeListener('exact', ['a.example.com']),
  ])
  table.set(makeRoute('on-any', ['any'], ['*']))
  table.set(makeRoute('on-suffix', ['suffix'], ['b.example.com']))
  assert.equal(outcome(table, 'a.example.com'), 'no-route')
  assert.equal(outcome(table, 'b.example.com'), 'on-suffix')
  assert.equal(outcome(table, 'c.example.com'), 'no-route')
  assert.equal(outcome(table, 'other.org'), 'on-any')
})

test('merged listeners share their routes', () => {
  const table = createGatewayTable([
    makeListener('one', ['a.com'], false),
    makeListener('two', ['*.b.com'], false),
  ])
  table.set(makeRoute('r1', ['one'], ['a.com'], 1))
  table.set(makeRoute('r2', ['one', 'two'], ['a.com', 'x.b.com'], 0))
  assert.equal(outcome(table, 'a.com'), 'r2')
  assert.equal(outcome(table, 'x.b.com'), 'r2')
  assert.equal(outcome(table, 'y.b.com'), 'no-route')
  assert.equal(outcome(table, 'c.com'), 'no-host')
})

test('no listener, no host and no route are told apart', () => {
  const table = createGatewayTable()
  assert.equal(outcome(table, 'a.com'), 'no-listener')
  table.setListener(makeListener('l', ['a.com']))
  assert.equal(outcome(table, 'b.com'), 'no-host')
  assert.equal(outcome(table, 'a.com'), 'no-route')
})

test('a route waits for its listener, and leaves with it', () => {
  const table = createGatewayTable()
  table.set(makeRoute('r', ['l'], ['a.com']))
  const listener = makeListener('l', ['*'])
  table.setListener(listener)
  assert.equal(outcome(table, 'a.com'), 'r')
  table.deleteListener(listener.key)
  assert.equal(outcome(table, 'a.com'), 'no-listener')
})

test('explain names the listeners that serve the host', () => {
  const listener = makeListener('l', ['*.com'])
  const table = createGatewayTable([listener])
  table.set(makeRoute('r', ['l'], ['*.com']))
  const explanation = table.explain(request('a.com'))
  assert.deepEqual(explanation.listeners, [listener.key])
  assert.equal(explanation.winner?.origin.name, 'r')
})

test('after any changes the table equals a fresh one, whatever the order', () => {
  const hostname = fc.constantFrom('*', '*.com', 'a.com', 'b.a.com')
  const name = fc.constantFrom('l0', 'l1', 'l2')
  const listener = fc
    .tuple(name, fc.uniqueArray(hostname, { minLength: 1, maxLength: 2 }), fc.boolean())
    .map(([key, hostnames, isolated]) => makeListener(key, hostnames, isolated))
  const route = fc
    .tuple(
      fc.constantFrom('r0', 'r1', 'r2'),
      fc.uniqueArray(name),
      fc.uniqueArray(hostname, { minLength: 1 }),
      fc.nat(3),
    )
    .map(([key, listeners, domains, order]) => makeRoute(key, listeners, domains, order))
  const event = fc.oneof(
    listener.map((value) => ({ kind: 'listener' as const, value, gone: false })),
    listener.map((value) => ({ kind: 'listener' as const, value, gone: true })),
    route.map((value) => ({ kind: 'route' as const, value, gone: false })),
    route.map((value) => ({ kind: 'route' as const, value, gone: true })),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 20 }), (events) => {
      const table = createGatewayTable()
      const listeners = new Map<string, Listener>()
      const routes = new Map<string, Route>()
      for (const one of events) {
        if (one.kind === 'listener') {
          if (one.gone) table.deleteListener(one.value.key)
          else table.setListener(one.value)
          listeners.delete(one.value.key)
          if (!one.gone) listeners.set(one.value.key, one.value)
        } else {
          if (one.gone) table.delete(one.value.key)
          else table.set(one.value)
          routes.delete(one.value.key)
          if (!one.gone) routes.set(one.value.key, one.value)
        }
      }
      const fresh = createGatewayTable([...listeners.values()].reverse())
      for (const one of [...routes.values()].reverse()) fresh.set(one)
      for (const host of ['a.com', 'b.a.com', 'c.com', 'org']) {
        assert.deepEqual(outcome(table, host), outcome(fresh, host), host)
      }
      assert.equal(table.size(), fresh.size())
    }),
    { numRuns: 500 },
  )
})
