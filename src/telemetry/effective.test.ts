import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Mesh, type OpenTelemetryProvider, type Telemetry, telemetryName } from '../model/index.ts'
import { effectiveTelemetry } from './index.ts'

const OTEL: OpenTelemetryProvider = {
  kind: 'opentelemetry',
  name: 'otel',
  host: 'c',
  port: 4317,
  timeoutMs: 1000,
  headers: [],
  tagLengthMax: 256,
  readsEnvironment: false,
}
const TEXT = { encoding: 'text', format: 'a' } as const
const JSON_LOG = { encoding: 'json', format: '{}' } as const

const MESH: Mesh = {
  type: 'mesh',
  key: 'mesh',
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  connectTimeoutMs: 1,
  outbound: 'allow-any',
  accessLog: TEXT,
  telemetry: {
    providers: [OTEL, { kind: 'file-log', name: 'json', format: JSON_LOG }],
    defaultProviders: { tracing: ['otel'], accessLogging: [] },
    isTracingOn: true,
    samplingPercent: 1,
    tags: { mesh: { kind: 'literal', value: 'm' } },
  },
}

function telemetry(name: string, extra: Partial<Telemetry>): Telemetry {
  return {
    type: 'telemetry',
    key: telemetryName('demo', name),
    labels: {},
    createdAt: '',
    tracing: [],
    accessLogging: [],
    metrics: [],
    origin: { kind: 'Telemetry', namespace: 'demo', name },
    ...extra,
  }
}

const NODE = { namespace: 'demo', labels: { app: 'cart' } }

describe('what holds for a proxy', () => {
  test('is the settings of the mesh where nobody says more', () => {
    const { client, server } = effectiveTelemetry(MESH, [], NODE)
    assert.equal(client.tracing?.samplingPercent, 1)
    assert.deepEqual(client.tracing.tags, MESH.telemetry?.tags)
    assert.deepEqual(server.accessLogs, [{ format: TEXT }])
    assert.ok(MESH.telemetry)
    const off: Mesh = { ...MESH, telemetry: { ...MESH.telemetry, isTracingOn: false } }
    assert.equal(effectiveTelemetry(off, [], NODE).client.tracing, undefined)
    assert.deepEqual(effectiveTelemetry(undefined, [], NODE).client.accessLogs, [])
  })

  test('goes from the mesh over the namespace to the workload, member by member', () => {
    const all = [
      telemetry('w', {
        namespace: 'demo',
        labels: { app: 'cart' },
        tracing: [{ mode: 'both', samplingPercent: 100 }],
      }),
      telemetry('m', { tracing: [{ mode: 'both', samplingPercent: 5, isReportingOff: true }] }),
      telemetry('n', { namespace: 'demo', tracing: [{ mode: 'both', samplingPercent: 50, tags: {} }] }),
      telemetry('other', {
        namespace: 'demo',
        labels: { app: 'shop' },
        tracing: [{ mode: 'both', samplingPercent: 7 }],
      }),
      telemetry('foreign', { namespace: 'x', tracing: [{ mode: 'both', samplingPercent: 8 }] }),
    ]
    for (const order of [all, all.toReversed()]) {
      const { tracing } = effectiveTelemetry(MESH, order, NODE).client
      assert.deepEqual([tracing?.samplingPercent, tracing?.reportsSpans, tracing?.tags], [100, false, {}])
    }
  })

  test('of two for the same workloads the older one holds', () => {
    const of = (name: string, createdAt: string, samplingPercent: number) =>
      telemetry(name, { namespace: 'demo', createdAt, tracing: [{ mode: 'both', samplingPercent }] })
    const all = [of('b', '2026-01-02', 2), of('a', '2026-01-03', 3), of('c', '2026-01-02', 4)]
    assert.equal(effectiveTelemetry(MESH, all, NODE).client.tracing?.samplingPercent, 2)
  })

  test('can differ between what is sent and what is received', () => {
    const rules = telemetry('n', {
      accessLogging: [
        { mode: 'both', providers: ['json'], filter: 'true' },
        { mode: 'server', isOff: true },
      ],
      metrics: [{ mode: 'server', metric: 'ALL_METRICS', isOff: true }],
    })
    const { client, server } = effectiveTelemetry(MESH, [rules], NODE)
    assert.deepEqual(client.accessLogs, [{ format: JSON_LOG, filter: 'true' }])
    assert.deepEqual(server.accessLogs, [])
    assert.deepEqual([client.metrics.length, server.metrics.length], [0, 1])
  })
})
