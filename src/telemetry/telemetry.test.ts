import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createManualClock } from '../base/index.ts'
import {
  compileAccessLogFormat,
  createAccessLogWriter,
  createIstioMetrics,
  createMetricsRegistry,
  DEFAULT_ACCESS_LOG_FORMAT,
  FLAG,
  flagsLongText,
  flagsText,
  type LogRecord,
  observe,
  recordRequest,
} from './index.ts'

const RECORD: LogRecord = {
  startTime: Date.UTC(2026, 10, 23, 12, 0, 0, 5),
  durationMs: 12.7,
  protocol: 'HTTP/1.1',
  method: 'GET',
  path: '/v1/users?x=1',
  originalPath: '/api/users?x=1',
  authority: 'shop.example',
  scheme: 'http',
  requestId: '6c2f3a5e-0000-4000-8000-000000000000',
  status: 200,
  flags: 0,
  details: 'via_upstream',
  terminationDetails: '-',
  transportFailure: '-',
  bytesReceived: 3,
  bytesSent: 1024,
  upstreamServiceTime: 11,
  upstreamHost: '10.42.0.7:3000',
  upstreamLocal: '10.42.0.5:41000',
  clusterName: 'outbound|3000||backend.demo.svc.cluster.local',
  routeName: 'HTTPRoute/demo/r/0',
  attempt: 1,
  stream: { remoteAddress: '10.42.0.1', remotePort: 50_000, localAddress: '10.42.0.5', localPort: 80 },
  header: (name) => ({ 'user-agent': 'curl/8', 'x-forwarded-for': '10.42.0.1' })[name],
  responseFields: { 'content-type': 'text/plain' },
}

describe('the access log', () => {
  test('has the 24 fields of the default text format', () => {
    assert.equal(
      compileAccessLogFormat(DEFAULT_ACCESS_LOG_FORMAT).format(RECORD),
      '[2026-11-23T12:00:00.005Z] "GET /api/users?x=1 HTTP/1.1" 200 - via_upstream - "-" 3 1024 12 11 "10.42.0.1" ' +
        '"curl/8" "6c2f3a5e-0000-4000-8000-000000000000" "shop.example" "10.42.0.7:3000" ' +
        'outbound|3000||backend.demo.svc.cluster.local 10.42.0.5:41000 10.42.0.5:80 10.42.0.1:50000 - HTTPRoute/demo/r/0\n',
    )
  })

  test('prints a hyphen for what is not there, alternatives in their order, and cuts to a length', () => {
    const line = (format: string) => compileAccessLogFormat(format).format(RECORD)
    assert.equal(line('%REQ(X-NONE)% %REQ(X-NONE?USER-AGENT)% %NO_SUCH_OPERATOR%'), '- curl/8 -')
    assert.equal(line('%REQ(USER-AGENT):4% 100%'), 'curl 100%')
    assert.equal(line('%RESP(Content-Type)%'), 'text/plain')
    assert.deepEqual(compileAccessLogFormat('%RESP(Content-Type)% %RESP(:STATUS)%').responseFields, [
      'content-type',
    ])
  })

  test('is written in batches, and loses lines rather than filling the memory', async () => {
    const clock = createManualClock()
    const written: string[] = []
    let release = () => {}
    const writer = createAccessLogWriter({
      sink: (text) => {
        written.push(text)
        return new Promise((resolve) => {
          release = resolve
        })
      },
      after: clock.after,
      onError: (error) => assert.fail(String(error)),
    })
    writer.write('a\n')
    writer.write('b\n')
    assert.deepEqual(written, [])
    clock.advance(100)
    assert.deepEqual(written, ['a\nb\n'])
    for (let i = 0; i < 100; i++) writer.write('x'.repeat(100_000))
    assert.ok(writer.dropped() > 50)
    release()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(written.length, 2)
  })
})

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
})
