import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createManualClock } from '../../base/index.ts'
import { FLAG } from '../response-flags.ts'
import {
  compileAccessLogFormat,
  compileLogFilter,
  createAccessLogWriter,
  DEFAULT_ACCESS_LOG_FORMAT,
  defaultLogFormat,
  type LogRecord,
} from './index.ts'
import { OPERATORS } from './operators.ts'

const RECORD: LogRecord = {
  startTime: Date.UTC(2026, 10, 23, 12, 0, 0, 5),
  startedAt: 1000,
  requestEndedAt: 1002.5,
  sentAt: 1001,
  answeredAt: 1012,
  durationMs: 12.7,
  protocol: 'HTTP/1.1',
  method: 'GET',
  path: '/v1/users?x=1',
  originalPath: '/api/users?x=1',
  authority: 'shop.example',
  scheme: 'http',
  requestId: '6c2f3a5e-0000-4000-8000-000000000000',
  status: 200,
  grpcStatus: '',
  flags: 0,
  details: 'via_upstream',
  terminationDetails: '-',
  transportFailure: '-',
  bytesReceived: 3,
  bytesSent: 1024,
  head: { length: 100 },
  responseHeadBytes: 50,
  upstreamServiceTime: 11,
  upstreamHost: '10.42.0.7:3000',
  upstreamLocal: '10.42.0.5:41000',
  clusterName: 'outbound|3000||backend.demo.svc.cluster.local',
  routeName: 'HTTPRoute/demo/r/0',
  attempt: 2,
  tried: ['10.42.0.6:3000'],
  stream: { remoteAddress: '10.42.0.1', remotePort: 50_000, localAddress: '10.42.0.5', localPort: 80 },
  header: (name) => ({ 'user-agent': 'curl/8', 'x-forwarded-for': '10.42.0.1' })[name],
  responseFields: { 'content-type': 'text/plain' },
  responseTrailers: 'grpc-status: 0\r\nX-Checksum: abc\r\n',
  trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
  context: {
    downstreamTls: () => ({
      version: 'TLSv1.3',
      cipher: 'TLS_AES_128_GCM_SHA256',
      sessionId: '',
      local: undefined,
      peer: {
        subject: 'CN=client',
        issuer: 'CN=ca',
        serial: '0a',
        sha1: '01',
        sha256: '02',
        uris: ['spiffe://cluster.local/ns/demo/sa/a', 'spiffe://b'],
        dnsNames: [],
        ips: [],
        emails: [],
        notBefore: Date.UTC(2026, 0, 1),
        notAfter: Date.UTC(2027, 0, 1),
        pem: '',
      },
    }),
  },
}

function compiled(format: string, encoding: 'text' | 'json' = 'text') {
  const result = compileAccessLogFormat(
    { encoding, format },
    { hostname: 'node-1', environment: { POD: 'backend-1' } },
  )
  assert.ok(result.ok, result.ok ? '' : result.error)
  return result.value
}

function line(format: string, record: Partial<LogRecord> = {}): string {
  return compiled(format).format({ ...RECORD, ...record })
}

function problem(format: string, encoding: 'text' | 'json' = 'text'): string {
  const result = compileAccessLogFormat({ encoding, format })
  assert.ok(!result.ok, 'the format is refused')
  return result.error
}

describe('the access log as text', () => {
  test('has the 24 fields of the default format', () => {
    assert.equal(
      line(DEFAULT_ACCESS_LOG_FORMAT),
      '[2026-11-23T12:00:00.005Z] "GET /api/users?x=1 HTTP/1.1" 200 - via_upstream - "-" 3 1024 12 11 "10.42.0.1" ' +
        '"curl/8" "6c2f3a5e-0000-4000-8000-000000000000" "shop.example" "10.42.0.7:3000" ' +
        'outbound|3000||backend.demo.svc.cluster.local 10.42.0.5:41000 10.42.0.5:80 10.42.0.1:50000 - HTTPRoute/demo/r/0\n',
    )
  })

  test('prints a hyphen for what is not there, alternatives in their order, and cuts to a length', () => {
    assert.equal(line('%REQ(X-NONE)% %REQ(X-NONE?USER-AGENT)%'), '- curl/8')
    assert.equal(line('%REQ(USER-AGENT):4% 100%%'), 'curl 100%')
    assert.equal(line('%RESP(Content-Type)% %TRAILER(x-checksum)% %TRAILER(none)%'), 'text/plain abc -')
    assert.deepEqual(compiled('%RESP(Content-Type)% %RESP(:STATUS)%').responseFields, ['content-type'])
    assert.equal(
      line('%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)% %PATH(NQ:PATH)%'),
      '/api/users /v1/users',
    )
    assert.equal(line('%QUERY_PARAM(x)% %QUERY_PARAMS% %QUERY_PARAM(y)%'), '1 x=1 -')
  })

  test('writes times in the formats of strftime', () => {
    assert.equal(
      line('%START_TIME(%Y/%m/%dT%H:%M:%S.%3f %s %a %b %j %z)%'),
      '2026/11/23T12:00:00.005 1795435200 Mon Nov 327 +0000',
    )
    assert.equal(line('%START_TIME(%6f|%f|%%)% %EMIT_TIME(%3f)%'), '005000|005000000|% 017')
    assert.match(line('%START_TIME_LOCAL%'), /^2026-11-2\dT\d\d:\d\d:00\.005[+-]\d\d:\d\d$/)
  })

  test('measures between points in the life of a request', () => {
    assert.equal(
      line('%DURATION% %REQUEST_DURATION% %REQUEST_TX_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%'),
      '12 2 2 12 0',
    )
    assert.equal(
      line('%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)% %COMMON_DURATION(US_CX_BEG:US_CX_END)%'),
      '1000 -',
    )
    assert.equal(line('%RESPONSE_DURATION%', { answeredAt: 0 }), '-')
  })

  test('says how a call of gRPC ended, and who the peers are', () => {
    const call = { grpcStatus: '3' }
    assert.equal(
      line('%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%', call),
      'InvalidArgument INVALID_ARGUMENT 3 3',
    )
    assert.equal(line('%GRPC_STATUS%'), '-')
    assert.equal(
      line(
        '%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_DNS_SAN% %DOWNSTREAM_PEER_CERT_V_END(%Y)%',
      ),
      'TLSv1.3 spiffe://cluster.local/ns/demo/sa/a,spiffe://b - 2027',
    )
    assert.equal(
      line('%UPSTREAM_REMOTE_PORT% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %UPSTREAM_HOSTS_ATTEMPTED%'),
      '3000 10.42.0.5 10.42.0.6:3000,10.42.0.7:3000',
    )
    assert.equal(
      line('%TRACE_ID% %SPAN_ID% %STREAM_ID:8%'),
      '4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 6c2f3a5e',
    )
    assert.equal(line('%HOSTNAME% %ENVIRONMENT(POD)% %ENVIRONMENT(NONE)%'), 'node-1 backend-1 -')
    assert.equal(line('%DYNAMIC_METADATA(a:b)% %FILTER_STATE(x:PLAIN)% %UPSTREAM_METADATA(a:b)%'), '- - -')
    assert.equal(
      line('%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%', { flags: FLAG.URX | FLAG.UF }),
      'UF,URX UpstreamConnectionFailure,UpstreamRetryLimitExceeded',
    )
  })

  test('takes the first operator that has a value', () => {
    const format =
      '%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": ":authority", "max_length": 4}]})%'
    assert.equal(line(format), 'shop')
  })

  test('refuses an unknown operator, a bad argument and a lone per cent sign with their position', () => {
    assert.equal(problem('a %NO_SUCH% b'), '%NO_SUCH% at position 2 is not a command operator')
    assert.match(problem('abc 100% x'), /^no command operator at position 7: % x/)
    assert.match(
      problem('%START_TIME(%Q)%'),
      /^%START_TIME% at position 0 %Q at 0 of "%Q" is no part of a time/,
    )
    assert.match(problem('%GRPC_STATUS(LOUD)%'), /wants CAMEL_STRING/)
    assert.match(problem('%COMMON_DURATION(A:DS_RX_END)%'), /A is no point in time/)
    assert.match(problem('%REQ()%'), /wants a field name/)
    assert.match(problem('%DURATION(x)%'), /takes no argument/)
    assert.match(problem('%__proto__%'), /no command operator at position 0/)
    assert.match(problem('%CONSTRUCTOR%'), /is not a command operator/)
  })

  test('no value of a record adds a line', () => {
    const names = Object.keys(OPERATORS).filter((name) => {
      const result = compileAccessLogFormat({ encoding: 'text', format: `%${name}%` })
      return result.ok
    })
    const all = compiled(`${names.map((name) => `%${name}%`).join(' ')} %REQ(X)% %RESP(X)% %TRAILER(X)%\n`)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const written = all.format({
          ...RECORD,
          path: text,
          originalPath: text,
          authority: text,
          details: text,
          transportFailure: text,
          terminationDetails: text,
          requestedServerName: text,
          routeName: text,
          clusterName: text,
          requestId: text,
          header: () => text,
          responseFields: { x: text },
        })
        assert.equal(written.split(/[\n\r\u0085\u2028\u2029]/).length, 2)
        // oxlint-disable-next-line no-control-regex -- these are what must not be there
        assert.doesNotMatch(written.slice(0, -1), /[\u0000-\u001f\u007f]/)
      }),
    )
    assert.match(line('%REQ(X)%', { header: () => 'a\nb\u001b[2J' }), /^a\\x0ab\\x1b\[2J$/)
  })
})

describe('the access log as JSON', () => {
  test('keeps the type of an operator that stands alone, and null for what is not there', () => {
    const format =
      '{"n":"%BYTES_SENT%","none":"%REQ(X)%","t":"a %BYTES_SENT% %REQ(X)%","in":{"l":["%PROTOCOL%",7,true]}}'
    assert.equal(
      compiled(format, 'json').format(RECORD),
      '{"n":1024,"none":null,"t":"a 1024 -","in":{"l":["HTTP/1.1",7,true]}}\n',
    )
  })

  test('has the members of Istio by default, one object a line whatever a client sends', () => {
    const { format } = compiled(defaultLogFormat('json').format, 'json')
    const written = format({ ...RECORD, header: () => '"}\n{"' })
    assert.equal(written.indexOf('\n'), written.length - 1)
    const members = JSON.parse(written) as Record<string, unknown>
    assert.equal(Object.keys(members).length, 24)
    assert.equal(members['response_code'], 200)
    assert.equal(members['requested_server_name'], null)
    assert.equal(members['user_agent'], '"}\n{"')
  })

  test('refuses what is no object, and says which member is bad', () => {
    assert.match(problem('{', 'json'), /^is not JSON/)
    assert.match(problem('["%PROTOCOL%"]', 'json'), /must be a JSON object/)
    assert.match(problem('{"a":{"b":"%X%"}}', 'json'), /^a\.b: %X% at position 0 is not a command operator/)
  })
})

describe('the filter of the access log', () => {
  const isWanted = (expression: string, record: Partial<LogRecord> = {}) => {
    const filter = compileLogFilter(expression)
    assert.ok(filter.ok, filter.ok ? '' : filter.error)
    return filter.value.isWanted({ ...RECORD, ...record })
  }

  test('decides by the attributes of Envoy', () => {
    assert.equal(isWanted('response.code >= 400'), false)
    assert.equal(isWanted('response.code >= 400', { status: 503 }), true)
    assert.equal(
      isWanted("request.headers['user-agent'].startsWith('curl') && request.method == 'GET'"),
      true,
    )
    assert.equal(isWanted("'x-none' in request.headers"), false)
    assert.equal(isWanted("request.url_path == '/api/users' && request.query == 'x=1'"), true)
    assert.equal(isWanted("connection.mtls && upstream.port == 3000 && xds.route_name != ''"), true)
    assert.equal(isWanted("request.duration > duration('10ms')"), true)
  })

  test('counts what has no value as false, unless it is asked for', () => {
    assert.equal(isWanted('response.grpc_status != 0'), false)
    assert.equal(isWanted('!has(response.grpc_status) || response.grpc_status != 0'), true)
  })

  test('knows the response fields that it looks at, and refuses what is no attribute', () => {
    const filter = compileLogFilter("response.headers['X-Cache'] == 'HIT'")
    assert.ok(filter.ok && filter.value.responseFields.includes('x-cache'))
    const bad = compileLogFilter('reply.code == 1')
    assert.match(bad.ok ? '' : bad.error, /reply is no attribute/)
    assert.equal(compileLogFilter('response.code >').ok, false)
  })
})

test('lines are written in batches, and lost rather than filling the memory', async () => {
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
