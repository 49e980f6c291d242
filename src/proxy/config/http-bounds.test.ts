import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type HttpBounds, httpBoundsName } from '../../model/index.ts'
import { HTTP_SETTINGS } from '../exchange/rules.ts'
import { createRulesTable } from '../exchange/rules-table.ts'
import { HEAD_LIMITS } from '../http1/head-block.ts'
import { createHttpBoundsTable } from './http-bounds.ts'

let count = 0

function bounds(members: Partial<HttpBounds>): HttpBounds {
  const origin = { kind: 'EnvoyFilter', namespace: 'demo', name: `b${++count}` }
  return {
    type: 'http-bounds',
    key: httpBoundsName(origin, '0'),
    selector: { labels: {} },
    sides: ['inbound'],
    place: { kind: 'listener' },
    order: [count],
    origin,
    ...members,
  }
}

describe('bounds of requests', () => {
  test('are those of the side and the port, and follow what is set and deleted', () => {
    const table = createHttpBoundsTable(false)
    const rules = createRulesTable({
      settings: HTTP_SETTINGS,
      bounds: () => table,
      targetPort: (port) => port,
    })
    const before = rules.of('inbound', 8080)
    table.set(bounds({ streamIdleTimeoutMs: 5000, headFieldsMax: 9 }))
    const ofPort = bounds({ place: { kind: 'listener', port: 8080 }, headFieldsMax: 7, idleTimeoutMs: 0 })
    table.set(ofPort)
    rules.follow(undefined, undefined)
    const own = rules.of('inbound', 8080)
    assert.deepEqual(own.requestHead, { ...HEAD_LIMITS, fieldsMax: 7 })
    assert.equal(own.streamIdleTimeoutMs, 5000)
    assert.ok(own.idleTimeoutMs > HTTP_SETTINGS.idleTimeoutMs, '0 is endless')
    assert.equal(rules.of('inbound', 9090).requestHead.fieldsMax, 9)
    assert.equal(rules.of('outbound', 8080).requestHead.fieldsMax, HEAD_LIMITS.fieldsMax)
    assert.equal(before.requestHead.fieldsMax, 7, 'connections that there were follow')
    table.delete(ofPort.key)
    rules.follow(undefined, undefined)
    assert.equal(own.requestHead.fieldsMax, 9)
    assert.equal(own.idleTimeoutMs, HTTP_SETTINGS.idleTimeoutMs)
  })

  test('are those of all ports where there are too many of them', () => {
    const table = createHttpBoundsTable(false)
    const settings = HTTP_SETTINGS
    const rules = createRulesTable({ settings, bounds: () => table, targetPort: (port) => port })
    const all = new Set(Array.from({ length: 5000 }, (_, i) => rules.of('outbound', i + 1)))
    assert.ok(all.size < 300)
    table.set(bounds({ sides: ['outbound'], place: { kind: 'listener', port: 4000 }, headFieldsMax: 7 }))
    rules.follow(undefined, undefined)
    assert.equal(rules.of('outbound', 4000).requestHead.fieldsMax, 7)
    assert.equal(rules.of('outbound', 4001).requestHead.fieldsMax, HEAD_LIMITS.fieldsMax)
  })

  test('name a port of a gateway, or the one behind it', () => {
    const table = createHttpBoundsTable(true)
    const rules = createRulesTable({
      settings: HTTP_SETTINGS,
      bounds: () => table,
      targetPort: (port) => port + 8000,
    })
    table.set(bounds({ sides: ['gateway'], place: { kind: 'listener', port: 8080 }, headFieldsMax: 7 }))
    table.set(bounds({ sides: ['gateway'], place: { kind: 'listener', port: 81 }, headFieldsMax: 8 }))
    assert.equal(rules.of('gateway', 80).requestHead.fieldsMax, 7)
    assert.equal(rules.of('gateway', 81).requestHead.fieldsMax, 8)
    assert.equal(rules.of('gateway', 82).requestHead.fieldsMax, HEAD_LIMITS.fieldsMax)
  })
})

test('bounds of responses are those of the service, or of the application’s port', () => {
  const table = createHttpBoundsTable(false)
  const hostname = 'a.demo.svc.cluster.local'
  const fieldsOf = (source: Parameters<typeof table.ofResponses>[0]) =>
    table.ofResponses(source, HEAD_LIMITS).fieldsMax
  assert.equal(table.ofResponses({ port: 80 }, HEAD_LIMITS), HEAD_LIMITS)
  table.set(bounds({ sides: ['outbound'], place: { kind: 'cluster', hostname, port: 80 }, headFieldsMax: 7 }))
  table.set(bounds({ sides: ['inbound'], place: { kind: 'cluster', port: 8080 }, headFieldsMax: 8 }))
  assert.equal(fieldsOf({ hostname, port: 80, subset: 'v1' }), 7)
  assert.equal(fieldsOf({ hostname, port: 81 }), 100)
  assert.equal(fieldsOf({ isInbound: true, port: 8080 }), 8)
  assert.equal(fieldsOf({ port: 8080 }), 100)
})
