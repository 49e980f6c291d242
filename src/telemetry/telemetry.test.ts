import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  createIstioMetrics,
  createMetricsRegistry,
  FLAG,
  flagsLongText,
  flagsText,
  observe,
  recordRequest,
  type TrafficPeers,
} from './index.ts'

test('response flags print in order, short and long', () => {
  assert.equal(flagsText(0), '-')
  assert.equal(flagsText(FLAG.URX | FLAG.UF), 'UF,URX')
  assert.equal(flagsLongText(FLAG.NR), 'NoRouteFound')
})

describe('the metrics registry', () => {
  test('prints counters and cumulative histograms in the Prometheus text format', () => {
    const registry = createMetricsRegistry()
    registry.counter('c_total', 'Help.').series([['a', 'quote " back \\ line \n']]).value += 2
    const series = registry.histogram('h', 'Help.', [1, 10]).series([])
    for (const value of [0.5, 1, 5, 50]) observe(series, value)
    assert.equal(
      registry.text(),
      '# HELP c_total Help.\n# TYPE c_total counter\nc_total{a="quote \\" back \\\\ line \\n"} 2\n' +
        '# HELP h Help.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="10"} 3\nh_bucket{le="+Inf"} 4\nh_sum{} 56.5\nh_count{} 4\n',
    )
  })

  test('gives further label sets one shared series when there are too many', () => {
    const family = createMetricsRegistry().counter('c', 'Help.')
    for (let i = 0; i < 10_000; i++) family.series([['i', String(i)]])
    const one = family.series([['i', 'x']])
    assert.equal(family.series([['i', 'y']]), one)
    assert.notEqual(family.series([['i', '5']]), one)
  })

  test('has Istio labels, with unknown for a peer that is no workload', () => {
    const registry = createMetricsRegistry()
    const metrics = createIstioMetrics(registry)
    const peers = {
      reporter: 'destination',
      source: undefined,
      destination: undefined,
      service: undefined,
    } as const
    const series = metrics.request(peers, { status: 404, flags: FLAG.NR, protocol: 'http', grpcStatus: '' })
    recordRequest(series, { durationMs: 3, requestBytes: 10, responseBytes: 20 })
    const text = registry.text()
    assert.match(
      text,
      /istio_requests_total\{reporter="destination",source_workload="unknown",.*response_code="404",grpc_response_status="",response_flags="NR",connection_security_policy="none"\} 1\n/,
    )
    assert.match(text, /istio_request_duration_milliseconds_bucket\{.*le="5"\} 1\n/)
    assert.match(text, /istio_response_bytes_sum\{.*\} 20\n/)
  })

  test('counts messages of gRPC, with how the call ended', () => {
    const registry = createMetricsRegistry()
    const series = createIstioMetrics(registry).request(PEERS, {
      status: 200,
      flags: 0,
      protocol: 'grpc',
      grpcStatus: '5',
    })
    series.requestMessages.value += 2
    assert.match(
      registry.text(),
      /istio_request_messages_total\{.*request_protocol="grpc",.*grpc_response_status="5",.*\} 2\n/,
    )
  })

  test('obeys changes of labels and what is switched off, each side on its own', () => {
    const registry = createMetricsRegistry()
    const metrics = createIstioMetrics(registry)
    metrics.setRules({
      client: [],
      server: [
        { mode: 'server', metric: 'REQUEST_SIZE', isOff: true },
        {
          mode: 'server',
          metric: 'ALL_METRICS',
          tags: [{ name: 'source_app' }, { name: 'team', value: 'shop' }, { name: 'reporter', value: 'us' }],
        },
      ],
    })
    const key = { status: 200, flags: 0, protocol: 'http', grpcStatus: '' } as const
    const done = { durationMs: 1, requestBytes: 1, responseBytes: 1 }
    recordRequest(metrics.request(PEERS, key), done)
    const text = registry.text()
    assert.doesNotMatch(text, /istio_request_bytes|source_app/)
    assert.match(text, /istio_requests_total\{reporter="us",.*,team="shop"\} 1\n/)
    recordRequest(metrics.request({ ...PEERS, reporter: 'source' }, key), done)
    assert.match(registry.text(), /istio_request_bytes_count\{reporter="source",.*source_app="unknown"/)
  })

  test('names the peers of mutual TLS where the server has seen them', () => {
    const registry = createMetricsRegistry()
    const principals = { source: 'spiffe://a', destination: 'spiffe://b' }
    createIstioMetrics(registry).request(
      { ...PEERS, principals },
      { status: 200, flags: 0, protocol: 'http', grpcStatus: '' },
    ).total.value++
    assert.match(
      registry.text(),
      /source_principal="spiffe:\/\/a",.*destination_principal="spiffe:\/\/b",.*connection_security_policy="mutual_tls"/,
    )
  })
})

const PEERS: TrafficPeers = {
  reporter: 'destination',
  source: undefined,
  destination: undefined,
  service: undefined,
}
