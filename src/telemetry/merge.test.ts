import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMetricsRegistry, observe } from './registry.ts'
import { mergeStatistics } from './merge.ts'

function registryWith(counts: Readonly<Record<string, number>>, open: number, observed: readonly number[]) {
  const registry = createMetricsRegistry()
  const requests = registry.counter('requests_total', 'Requests.')
  for (const [code, count] of Object.entries(counts)) requests.series([['code', code]]).value = count
  registry.gauge('open', 'Open now.').series([]).value = open
  registry.gauge('envoy_server_uptime', 'Seconds.').series([]).value = open
  const durations = registry.histogram('duration', 'Milliseconds.', [1, 10]).series([['code', '200']])
  for (const value of observed) observe(durations, value)
  return registry.text()
}

test('counters, gauges and buckets of several registries are added up by series', () => {
  const merged = mergeStatistics([
    { text: registryWith({ 200: 5, 404: 1 }, 2, [0.5, 5]) },
    { text: registryWith({ 200: 7, 503: 2 }, 3, [5, 50]) },
  ])
  assert.match(merged, /^requests_total\{code="200"\} 12$/m)
  assert.match(merged, /^requests_total\{code="404"\} 1$/m)
  assert.match(merged, /^requests_total\{code="503"\} 2$/m)
  assert.match(merged, /^open\{\} 5$/m)
  assert.match(merged, /^duration_bucket\{code="200",le="1"\} 1$/m)
  assert.match(merged, /^duration_bucket\{code="200",le="10"\} 3$/m)
  assert.match(merged, /^duration_bucket\{code="200",le="\+Inf"\} 4$/m)
  assert.match(merged, /^duration_sum\{code="200"\} 60.5$/m)
  assert.equal(merged.split('# TYPE requests_total').length, 2)
})

test('what every worker says of the same thing is not added up', () => {
  const merged = mergeStatistics([{ text: registryWith({}, 7, []) }, { text: registryWith({}, 9, []) }])
  assert.match(merged, /^envoy_server_uptime\{\} 9$/m)
})

test('of a process that has gone, counters stay and gauges do not', () => {
  const merged = mergeStatistics([
    { text: registryWith({ 200: 5 }, 2, [5]) },
    { text: registryWith({ 200: 100 }, 50, [5]), onlyCounts: true },
  ])
  assert.match(merged, /^requests_total\{code="200"\} 105$/m)
  assert.match(merged, /^open\{\} 2$/m)
  assert.match(merged, /^duration_count\{code="200"\} 2$/m)
})

test('a label value with blanks, quotes and braces stays whole', () => {
  const registry = createMetricsRegistry()
  registry.counter('a_total', 'A.').series([['path', '/a "b" } c\n']]).value = 1
  const text = registry.text()
  assert.equal(mergeStatistics([{ text }, { text }]), text.replace(/1\n$/, '2\n'))
})

test('the order of the parts changes no value', () => {
  const part = fc
    .tuple(fc.dictionary(fc.constantFrom('200', '404', '503'), fc.nat(1000)), fc.nat(50))
    .map(([counts, open]) => registryWith(counts, open, []))
  fc.assert(
    fc.property(fc.array(part, { minLength: 2, maxLength: 4 }), (texts) => {
      const sorted = (parts: readonly string[]) =>
        mergeStatistics(parts.map((text) => ({ text })))
          .split('\n')
          .toSorted()
      assert.deepEqual(sorted(texts), sorted(texts.toReversed()))
    }),
  )
})
