import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMetricsRegistry, observe, renderStats, type StatsQuery } from './index.ts'

function page(query: Partial<StatsQuery> = {}): string {
  const registry = createMetricsRegistry()
  registry.counter('istio_requests_total', 'Requests.').series([['path', '/a "b" }']]).value = 3
  const total = registry.counter('envoy_cluster_upstream_rq_total', 'Requests.')
  total.series([['cluster_name', 'outbound|80||b']]).value = 5
  total.series([['cluster_name', 'unused']]).value = 0
  registry.gauge('envoy_server_live', 'Live.').series([]).value = 1
  const durations = registry.histogram('d', 'Milliseconds.', [1, 10])
  observe(durations.series([['code', '200']]), 5)
  durations.series([['code', '500']])
  const all: StatsQuery = { format: 'text', isWanted: () => true, usedOnly: false, type: 'All' }
  return renderStats(registry.text(), { ...all, ...query })
}

describe('the page of statistics', () => {
  test("has Envoy's dotted names, sorted, and those of Prometheus for what Envoy does not have", () => {
    const lines = page().split('\n')
    assert.ok(lines.includes('cluster.outbound|80||b.upstream_rq_total: 5'))
    assert.ok(lines.includes('server.live: 1'))
    assert.ok(lines.includes('istio_requests_total{path="/a \\"b\\" }"}: 3'))
    assert.deepEqual(lines.slice(0, -1), lines.slice(0, -1).toSorted())
  })

  test('can leave out what was never used, what is not asked for, and other types', () => {
    assert.doesNotMatch(page({ usedOnly: true }), /unused/)
    assert.equal(page({ isWanted: (name) => name.startsWith('server.') }), 'server.live: 1\n')
    assert.equal(page({ type: 'Gauges' }), 'server.live: 1\n')
  })

  test('is JSON or the text of Prometheus when asked', () => {
    const { stats } = JSON.parse(page({ format: 'json', type: 'Gauges' })) as { stats: unknown }
    assert.deepEqual(stats, [{ name: 'server.live', value: 1 }])
    const text = page({ format: 'prometheus', usedOnly: true, type: 'Histograms' })
    assert.match(text, /^# TYPE d histogram$/m)
    assert.match(text, /^d_bucket\{code="200",le="1"\} 0$/m)
    assert.doesNotMatch(text, /500/)
  })
})

test('a family that is asked for again is the same, and counters can begin anew', () => {
  const registry = createMetricsRegistry()
  registry.counter('c', 'C.').series([]).value = 1
  registry.counter('c', 'C.').series([]).value++
  registry.gauge('g', 'G.').series([]).value = 7
  const observed = registry.histogram('h', 'H.', [1]).series([])
  observe(observed, 5)
  assert.equal(registry.text().match(/^c\{\} 2$/gm)?.length, 1)
  registry.resetCounters()
  assert.match(registry.text(), /^c\{\} 0$/m)
  assert.match(registry.text(), /^g\{\} 7$/m)
  assert.match(registry.text(), /^h_count\{\} 0$/m)
})
