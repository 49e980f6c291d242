import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from './metrics.ts'

test('counters, gauges and histograms read as Prometheus’ text format has them', () => {
  const metrics = createMetrics()
  const pushes = metrics.counter('pushes', 'Pushes.')
  pushes.add({ type: 'rds' })
  pushes.add({ type: 'rds' }, 2)
  metrics.gauge('connected', 'Proxies.', () => [[{ version: 'a"b\\c' }, 3]])
  const seconds = metrics.histogram('seconds', 'Time.', [0.1, 1])
  for (const value of [0.05, 0.5, 5]) seconds.observe(value, { type: 'x' })
  assert.equal(
    metrics.text(),
    [
      '# HELP pushes Pushes.',
      '# TYPE pushes counter',
      'pushes{type="rds"} 3',
      '# HELP connected Proxies.',
      '# TYPE connected gauge',
      'connected{version="a\\"b\\\\c"} 3',
      '# HELP seconds Time.',
      '# TYPE seconds histogram',
      'seconds_bucket{le="0.1",type="x"} 1',
      'seconds_bucket{le="1",type="x"} 2',
      'seconds_bucket{le="+Inf",type="x"} 3',
      'seconds_sum{type="x"} 5.55',
      'seconds_count{type="x"} 3',
      '',
    ].join('\n'),
  )
})

test('a counter that never counted is zero, so that a dashboard sees it', () => {
  const metrics = createMetrics()
  metrics.counter('rejects', 'Rejects.')
  assert.match(metrics.text(), /^rejects 0$/m)
})
