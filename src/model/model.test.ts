import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { deepEqual } from '../base/index.ts'
import { canonicalJson, checkModelObject, compareOrderKeys, contentVersion } from './index.ts'

const route = {
  type: 'route',
  key: 'HTTPRoute/demo/app/0',
  scope: { kind: 'gateway', listeners: ['Gateway/demo/gw/http'] },
  domains: ['*', '*.example.com', 'a.b'],
  matches: [
    {
      order: [0, -3, 'x'],
      path: { kind: 'segment-prefix', value: '/app' },
      method: { kind: 'exact', value: 'GET' },
      headers: [{ name: 'x-user', match: { kind: 'present' }, invert: true }],
      query: [{ name: 'Q', match: { kind: 'regex', value: '.*' } }],
    },
  ],
  filters: [{ kind: 'request-headers', set: [{ name: 'a', value: '' }], add: [], remove: ['b'] }],
  action: {
    kind: 'forward',
    destinations: [
      { weight: 1, target: { kind: 'service', service: 'demo/a', port: 80, subset: 'v1' }, filters: [] },
      { weight: 0, target: { kind: 'unresolved', status: 500, reason: 'no such Service' }, filters: [] },
    ],
    timeouts: {},
  },
  origin: { kind: 'HTTPRoute', namespace: 'demo', name: 'app', rule: 0 },
}

const service = {
  type: 'service',
  key: 'demo/backend.demo.svc.cluster.local',
  namespace: 'demo',
  hostname: 'backend.demo.svc.cluster.local',
  addresses: ['10.43.0.9'],
  ports: [{ port: 80, name: 'http', protocol: 'http' }],
  resolution: 'static',
  visibility: { kind: 'all' },
  policies: [
    {
      traffic: { balancer: { kind: 'random' } },
      ports: { '80': {} },
      subsets: [{ name: 'v1', labels: { version: 'v1' }, traffic: {} }],
      origin: { kind: 'DestinationRule', namespace: 'demo', name: 'backend' },
    },
  ],
  origin: { kind: 'Service', namespace: 'demo', name: 'backend' },
}

function pathsOf(value: unknown, expected?: Parameters<typeof checkModelObject>[1]): readonly string[] {
  const result = checkModelObject(value, expected)
  return result.ok ? [] : result.error.map((violation) => violation.path)
}

test('canonical JSON is the same for the same content, whatever the order of members, and parses back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      assert.equal(canonicalJson(a) === canonicalJson(b), deepEqual(a, b))
      assert.ok(deepEqual(JSON.parse(canonicalJson(a)), a))
    }),
  )
  assert.equal(canonicalJson({ b: 1, a: undefined, A: [{ z: 1, y: 2 }] }), '{"A":[{"y":2,"z":1}],"b":1}')
})

test('a version is short, and the same for the same content alone', () => {
  assert.equal(contentVersion('{}').length, 22)
  assert.equal(contentVersion('{"a":1}'), contentVersion(canonicalJson({ a: 1 })))
  assert.notEqual(contentVersion('{"a":1}'), contentVersion('{"a":2}'))
})

test('the order of matches is total, antisymmetric and transitive', () => {
  const orderKey = fc.array(fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom('', 'a', 'b', 'ab')), {
    maxLength: 4,
  })
  fc.assert(
    fc.property(orderKey, orderKey, orderKey, (a, b, c) => {
      assert.equal(Math.sign(compareOrderKeys(a, b)) + Math.sign(compareOrderKeys(b, a)), 0)
      assert.equal(compareOrderKeys(a, b) === 0, deepEqual(a, b))
      if (compareOrderKeys(a, b) <= 0 && compareOrderKeys(b, c) <= 0) assert.ok(compareOrderKeys(a, c) <= 0)
    }),
  )
})

test('a right object is accepted as it is', () => {
  const result = checkModelObject(route, 'route')
  assert.ok(result.ok && result.value === (route as unknown))
  assert.deepEqual(pathsOf(service), [])
  assert.deepEqual(pathsOf({ ...route, fromTheFuture: 1 }), [])
})

test('violations carry the path of the field, and all are reported', () => {
  assert.deepEqual(
    pathsOf({
      ...route,
      domains: ['A.b', 'x.*', 'ok'],
      matches: [
        {
          ...route.matches[0],
          path: { kind: 'segment-prefix', value: '/app/' },
          headers: [{ name: 'X-User', match: { kind: 'glob', value: '' } }],
        },
      ],
      action: { ...route.action, destinations: [{ weight: 0.5, target: { kind: 'service' }, filters: [] }] },
    }),
    [
      'domains[0]',
      'domains[1]',
      'matches[0].path.value',
      'matches[0].headers[0].name',
      'matches[0].headers[0].match.kind',
      'action.destinations[0].weight',
      'action.destinations[0].target.service',
      'action.destinations[0].target.port',
    ],
  )
})

test('a forward whose weights are all zero is refused', () => {
  const destinations = route.action.destinations.map((one) => ({ ...one, weight: 0 }))
  assert.deepEqual(pathsOf({ ...route, action: { ...route.action, destinations } }), ['action.destinations'])
})

test('a route without matches or domains is refused', () => {
  assert.deepEqual(pathsOf({ ...route, matches: [], domains: [] }), ['domains', 'matches'])
})

test('a key that does not fit the object is refused', () => {
  assert.deepEqual(pathsOf({ ...service, key: 'other/backend' }), ['key'])
})

test('an object of another type than the expected one, or of none, is refused', () => {
  assert.equal(pathsOf(service, 'route')[0], 'type')
  assert.deepEqual(pathsOf({ type: 'policy' }), ['type'])
  assert.deepEqual(pathsOf(undefined), [''])
  assert.deepEqual(pathsOf([]), [''])
})

test('no JSON value makes the check throw', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom('route', 'service', 'workload', 'listener', 'mesh'),
      (value, type) => {
        checkModelObject(value, type)
        checkModelObject({ ...route, action: value, matches: [value], type: 'route' })
      },
    ),
  )
})
