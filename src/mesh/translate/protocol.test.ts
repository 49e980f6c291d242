import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { namedProtocol, protocolOf } from './protocol.ts'

/**
 * istio.io, ops/configuration/traffic-management/protocol-selection; istio/istio pkg/config/kube/conversion_test.go,
 * TestConvertProtocol. What Istio calls unsupported is `auto`: the first bytes decide.
 */
describe('the protocol of a Service port', () => {
  const rows: readonly (readonly [name: string, more: Parameters<typeof protocolOf>[0] | object, string])[] =
    [
      ['', {}, 'auto'],
      ['http', {}, 'http'],
      ['http-test', {}, 'http'],
      ['HTTP', {}, 'http'],
      ['httptest', {}, 'auto'],
      ['http', { protocol: 'UDP' }, 'udp'],
      ['https', {}, 'https'],
      ['https-test', {}, 'https'],
      ['http2', {}, 'http2'],
      ['http2-test', {}, 'http2'],
      ['grpc', {}, 'grpc'],
      ['grpc-test', {}, 'grpc'],
      ['grpc-web', {}, 'grpc'],
      ['grpc-web-test', {}, 'grpc'],
      ['mongo', {}, 'tcp'],
      ['mongo-test', {}, 'tcp'],
      ['mysql', {}, 'tcp'],
      ['redis-test', {}, 'tcp'],
      ['tcp', {}, 'tcp'],
      ['tls', {}, 'tls'],
      ['tls-x', {}, 'tls'],
      ['udp', { protocol: 'UDP' }, 'udp'],
      ['something', {}, 'auto'],
      // appProtocol goes before the name.
      ['tcp', { appProtocol: 'http' }, 'http'],
      ['http', { appProtocol: 'tcp' }, 'tcp'],
      ['', { appProtocol: 'HTTP' }, 'http'],
      ['', { appProtocol: 'kubernetes.io/h2c' }, 'http2'],
      ['', { appProtocol: 'kubernetes.io/ws' }, 'http'],
      ['', { appProtocol: 'kubernetes.io/wss' }, 'https'],
      ['http', { appProtocol: 'mystery' }, 'auto'],
      // Servers that speak first must not be waited for.
      ['', { port: 25 }, 'tcp'],
      ['', { port: 53 }, 'tcp'],
      ['', { port: 3306 }, 'tcp'],
      ['', { port: 27017 }, 'tcp'],
      ['http', { port: 3306 }, 'http'],
      ['', { port: 443 }, 'auto'],
    ]
  for (const [name, more, expected] of rows) {
    test(`${name === '' ? 'without a name' : name} ${JSON.stringify(more)} is ${expected}`, () => {
      assert.equal(protocolOf({ name, port: 8080, ...more }), expected)
    })
  }

  test('of a ServiceEntry or Gateway is written out, in whatever case', () => {
    const rows = [
      ['HTTP', 'http'],
      ['HTTP2', 'http2'],
      ['GRPC', 'grpc'],
      ['GRPC-Web', 'grpc'],
      ['HTTPS', 'https'],
      ['TLS', 'tls'],
      ['TCP', 'tcp'],
      ['MONGO', 'tcp'],
      ['', 'auto'],
    ] as const
    for (const [text, expected] of rows) assert.equal(namedProtocol(text, 8080), expected, text)
  })
})
