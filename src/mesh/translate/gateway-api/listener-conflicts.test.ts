import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { gatewayName, listenerName } from '../../../model/index.ts'
import type { Gateway, GatewayListener, ListenerSet } from '../../resources/index.ts'
import { DEFAULT_SETTINGS } from '../settings.ts'
import { translateGateway } from './gateway.ts'
import type { ListenerState } from './listener-state.ts'

const listenerArbitrary: fc.Arbitrary<Omit<GatewayListener, 'name'>> = fc
  .record({
    port: fc.constantFrom(80, 443),
    protocol: fc.constantFrom('HTTP', 'TLS', 'TCP', 'UDP', 'example.com/odd'),
    hostname: fc.constantFrom(undefined, 'a.example', '*.example'),
  })
  .map(({ port, protocol, hostname }) => ({
    port,
    protocol,
    ...(hostname === undefined || protocol === 'TCP' || protocol === 'UDP' ? {} : { hostname }),
    ...(protocol === 'TLS' ? { tls: { mode: 'Passthrough' as const } } : {}),
  }))
const objectArbitrary = fc.array(listenerArbitrary, { minLength: 1, maxLength: 5 })
const setsArbitrary = fc.array(
  fc.record({ listeners: objectArbitrary, age: fc.integer({ min: 0, max: 2 }) }),
  {
    maxLength: 4,
  },
)
type SetInput = Readonly<{ listeners: readonly Omit<GatewayListener, 'name'>[]; age: number }>

const named = (listeners: readonly Omit<GatewayListener, 'name'>[]): readonly GatewayListener[] =>
  listeners.map((listener, i) => ({ ...listener, name: `l${i}` }))

function setObject({ listeners, age }: SetInput, index: number): ListenerSet {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'ListenerSet',
    metadata: { name: `set-${index}`, namespace: 'demo', creationTimestamp: `2026-01-0${3 - age}T00:00:00Z` },
    spec: { parentRef: { name: 'gw' }, listeners: named(listeners) },
  }
}

function judge(own: readonly Omit<GatewayListener, 'name'>[], sets: readonly ListenerSet[]) {
  const gateway: Gateway = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'gw', namespace: 'demo' },
    spec: {
      gatewayClassName: 'istio',
      listeners: named(own),
      allowedListeners: { namespaces: { from: 'All' } },
    },
  }
  return translateGateway(gateway, {
    sets,
    namespaceLabels: () => ({}),
    configMap: () => undefined,
    material: () => undefined,
    grants: () => [],
    settings: DEFAULT_SETTINGS,
  })
}

const FAMILY: Readonly<Record<string, string>> = { HTTP: 'HTTP', HTTPS: 'TLS', TLS: 'TLS' }

/** Whether a connection could be for either. */
function isIndistinct(a: ListenerState, b: ListenerState): boolean {
  if (a.port !== b.port || (a.protocol === 'UDP') !== (b.protocol === 'UDP')) return false
  const family = FAMILY[a.protocol]
  return family === undefined || family !== FAMILY[b.protocol] || a.hostname === b.hostname
}

const accepted = (listeners: readonly ListenerState[]) => listeners.filter(({ fault }) => fault === undefined)

test('of listeners that are accepted every two can be told apart', () => {
  fc.assert(
    fc.property(objectArbitrary, setsArbitrary, (own, sets) => {
      const state = judge(own, sets.map(setObject))
      const all = accepted([...state.listeners, ...state.sets.flatMap(({ listeners }) => listeners)])
      for (const [i, one] of all.entries()) {
        for (const other of all.slice(i + 1)) assert.ok(!isIndistinct(one, other), `${one.key} ${other.key}`)
      }
    }),
    { numRuns: 300 },
  )
})

test('of one object’s listeners that cannot be told apart none is accepted, and none is refused for nothing', () => {
  fc.assert(
    fc.property(objectArbitrary, (own) => {
      const { listeners } = judge(own, [])
      const known = listeners.filter(({ fault }) => fault?.kind !== 'unsupported-protocol')
      for (const one of known) {
        const hasTwin = known.some((other) => other !== one && isIndistinct(one, other))
        assert.equal(one.fault === undefined, !hasTwin, one.name)
      }
    }),
    { numRuns: 300 },
  )
})

test('the order in which ListenerSets are found changes nothing', () => {
  fc.assert(
    fc.property(objectArbitrary, setsArbitrary, (own, sets) => {
      const objects = sets.map(setObject)
      assert.deepEqual(judge(own, objects.toReversed()), judge(own, objects))
    }),
    { numRuns: 100 },
  )
})

test('a younger ListenerSet changes nothing for the Gateway and for older ones', () => {
  fc.assert(
    fc.property(objectArbitrary, setsArbitrary, objectArbitrary, (own, sets, more) => {
      const objects = sets.map(setObject)
      const before = judge(own, objects)
      const youngest = setObject({ listeners: more, age: -1 }, 9)
      const after = judge(own, [youngest, ...objects])
      assert.deepEqual(after.listeners, before.listeners)
      assert.deepEqual(after.sets.slice(0, -1), before.sets)
      assert.equal(after.sets.at(-1)?.name, 'set-9')
    }),
    { numRuns: 100 },
  )
})

test('a listener of a ListenerSet is named below its Gateway, so that proxies of the Gateway are told of its routes', () => {
  const { sets } = judge(
    [{ port: 80, protocol: 'HTTP' }],
    [setObject({ listeners: [{ port: 81, protocol: 'HTTP' }], age: 0 }, 0)],
  )
  const gateway = gatewayName('Gateway', 'demo', 'gw')
  assert.equal(sets[0]?.listeners[0]?.key, listenerName(gateway, 'demo/set-0/l0'))
})
