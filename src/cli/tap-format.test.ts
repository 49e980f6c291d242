import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTapped, tapRequest } from './tap-format.ts'

test('what is asked for becomes a predicate in the words of Envoy', () => {
  const asked = tapRequest({
    path: '/api',
    method: 'post',
    headers: ['X-User: a:b', 'x-debug'],
    status: '5xx',
    bodyBytes: 10,
  }) as { tap_config: { match: unknown } }
  assert.deepEqual(asked.tap_config.match, {
    and_match: {
      rules: [
        {
          http_request_headers_match: {
            headers: [
              { name: ':path', string_match: { prefix: '/api' } },
              { name: ':method', string_match: { exact: 'POST' } },
              { name: 'x-user', string_match: { exact: 'a:b' } },
              { name: 'x-debug', present_match: true },
            ],
          },
        },
        { http_response_headers_match: { headers: [{ name: ':status', string_match: { prefix: '5' } }] } },
      ],
    },
  })
  const all = tapRequest({ path: undefined, method: undefined, headers: [], status: undefined, bodyBytes: 0 })
  assert.deepEqual((all as typeof asked).tap_config.match, { any_match: true })
})

test('an exchange reads from what came to what went back, and no value moves the cursor', () => {
  const text = formatTapped({
    http_buffered_trace: {
      request: {
        headers: [
          { key: ':method', value: 'GET' },
          { key: ':scheme', value: 'http' },
          { key: ':authority', value: 'shop.example' },
          { key: ':path', value: '/a' },
          { key: 'user-agent', value: 'evil\u001b[2J' },
        ],
        trailers: [],
      },
      response: {
        headers: [{ key: 'content-type', value: 'text/plain' }],
        body: { as_string: 'one\ntwo', truncated: true },
        trailers: [],
      },
    },
    lateen: {
      start_time: '2026-11-23T12:00:00.000Z',
      protocol: 'HTTP/1.1',
      downstream: '10.0.0.1:5000',
      route: 'HTTPRoute/demo/r/0',
      cluster: 'outbound|80||s',
      endpoint: '10.0.0.2:80',
      attempts: 2,
      status: 200,
      grpc_status: '',
      flags: '-',
      details: 'via_upstream',
      transport_failure: '-',
      duration_ms: 3.5,
      until_request_sent_ms: 0.5,
      until_response_ms: -1,
      request_bytes: 0,
      response_bytes: 7,
    },
  })
  assert.equal(
    text,
    [
      '2026-11-23T12:00:00.000Z GET http://shop.example/a HTTP/1.1 from 10.0.0.1:5000',
      '  > user-agent: evil\u{fffd}[2J',
      '  route HTTPRoute/demo/r/0, cluster outbound|80||s, endpoint 10.0.0.2:80 in 2 attempts',
      '  200, flags -, via_upstream',
      '  sent after 0.5, over after 3.5 ms; 0 bytes in, 7 out',
      '  < content-type: text/plain',
      '  <   one',
      '  <   two',
      '  <   …',
      '',
    ].join('\n'),
  )
})
