import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import type { Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { startGateway, startSidecar, type TestGateway } from '../testing-gateway.ts'
import { exchangeBytes, ok, rawServer, respondWith, until } from '../testing.ts'
import { readHttpSettings } from '../host/http-settings.ts'
import { HTTP_SETTINGS, type HttpSettings } from './rules.ts'

async function writeBytes(socket: Socket, text: string): Promise<void> {
  for (const byte of text.split('')) {
    socket.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('what a proxy adds to requests and answers, and what it takes away', () => {
  const closers: (() => void)[] = []
  let head = ''
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  async function upstream(answer = ok('fine')): Promise<number> {
    const server = await rawServer(
      respondWith((got) => {
        head = got
        return answer
      }),
    )
    closers.push(server.close)
    return server.port
  }

  async function gateway(
    http: Partial<HttpSettings> = {},
    more: Partial<Parameters<typeof startGateway>[0]> = {},
  ): Promise<TestGateway> {
    const started = await startGateway({
      upstreamPort: await upstream(),
      instance: { http: { ...HTTP_SETTINGS, ...http } },
      ...more,
    })
    closers.push(started.close)
    return started
  }

  function ask(port: number, fields: readonly string[] = [], path = '/'): Promise<string> {
    const lines = fields.map((field) => `${field}\r\n`).join('')
    return exchangeBytes(
      port,
      `GET ${path} HTTP/1.1\r\nHost: s.demo.svc.cluster.local\r\nConnection: close\r\n${lines}\r\n`,
    )
  }

  const seen = (name: string) =>
    [...head.matchAll(new RegExp(`^${name}: (.*)\r$`, 'gim'))].map((match) => match[1])

  test('at the edge the client is named, and nobody else is believed', async () => {
    const { port } = await gateway()
    await ask(port, [
      'X-Forwarded-For: 1.1.1.1',
      'X-Forwarded-For: 2.2.2.2',
      'X-Forwarded-Proto: https',
      'X-Envoy-External-Address: 3.3.3.3',
      'X-Envoy-Internal: true',
      'X-Request-Id: mine',
      'X-Forwarded-Client-Cert: Subject="admin"',
    ])
    assert.deepEqual(seen('x-forwarded-for'), ['1.1.1.1,2.2.2.2,127.0.0.1'])
    assert.deepEqual(seen('x-forwarded-proto'), ['http'])
    assert.deepEqual(seen('x-envoy-external-address'), ['127.0.0.1'])
    assert.deepEqual(seen('x-envoy-internal'), [])
    assert.deepEqual(seen('x-forwarded-client-cert'), [])
    assert.match(seen('x-request-id').join(), /^[0-9a-f]{8}-[0-9a-f-]{27}$/)
  })

  test('behind proxies that are believed the client is the one that the first of them has seen', async () => {
    const log = '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%\n'
    const { port, logged } = await gateway({ trustedProxies: 2 }, { log })
    await ask(port, ['X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.0.0.1', 'X-Forwarded-Proto: https'])
    assert.deepEqual(seen('x-forwarded-for'), ['6.6.6.6, 9.9.9.9, 10.0.0.1,127.0.0.1'])
    assert.deepEqual(seen('x-forwarded-proto'), ['https'])
    assert.deepEqual(seen('x-envoy-external-address'), ['9.9.9.9'])
    assert.match(await logged(), /^9\.9\.9\.9 /)
    for (const few of ['X-Forwarded-For: 9.9.9.9', 'X-Forwarded-For: x, y', 'X-Other: 1']) {
      await ask(port, [few])
      assert.deepEqual(seen('x-envoy-external-address'), ['127.0.0.1'], few)
    }
  })

  test('a sidecar passes on what an application says of its own client, and no certificate', async () => {
    const sidecar = await startSidecar({ upstreamPort: await upstream(), log: '%RESPONSE_CODE%\n' })
    closers.push(sidecar.close)
    await ask(sidecar.port, ['X-Forwarded-For: 1.1.1.1', 'X-Request-Id: mine', 'X-Forwarded-Client-Cert: x'])
    assert.deepEqual(seen('x-forwarded-for'), ['1.1.1.1'])
    assert.deepEqual(seen('x-request-id'), ['mine'])
    assert.deepEqual(seen('x-forwarded-client-cert'), [])
  })

  test('a client’s certificate told by others is kept where that is said', async () => {
    const { port } = await gateway({ clientCertificate: 'always-forward-only' })
    await ask(port, ['X-Forwarded-Client-Cert: Hash=1', 'X-Forwarded-Client-Cert: Hash=2'])
    assert.deepEqual(seen('x-forwarded-client-cert'), ['Hash=1,Hash=2'])
    const forward = await gateway({ clientCertificate: 'forward-only' })
    await ask(forward.port, ['X-Forwarded-Client-Cert: Hash=1'])
    assert.deepEqual(seen('x-forwarded-client-cert'), [])
  })

  test('what is not wanted is not added', async () => {
    const { port } = await gateway(
      { requestId: false, attemptCount: false, debugFields: false, server: { kind: 'upstream' } },
      {
        upstreamPort: await upstream(ok('fine', 'Server: mine\r\n')),
        forward: { timeouts: { requestMs: 5000 } },
        filters: [{ kind: 'rewrite', path: { kind: 'full', value: '/other' }, authority: 'b.example' }],
      },
    )
    const answer = await ask(port)
    assert.match(answer, /\r\nserver: mine\r\n/)
    assert.doesNotMatch(answer, /x-envoy/)
    for (const name of ['x-request-id', 'x-envoy-attempt-count', 'x-envoy-expected-rq-timeout-ms'])
      assert.deepEqual(seen(name), [], name)
    for (const name of ['x-envoy-original-path', 'x-forwarded-host', 'x-forwarded-port'])
      assert.deepEqual(seen(name), [], name)
    assert.deepEqual(seen('host'), ['b.example'])
  })

  test('what is wanted is added', async () => {
    const { port } = await gateway(
      { forwardedHost: true, forwardedPort: true, server: { kind: 'named', name: 'mine' } },
      { filters: [{ kind: 'rewrite', authority: 'b.example' }] },
    )
    assert.match(await ask(port), /\r\nserver: mine\r\n/)
    assert.deepEqual(seen('x-forwarded-host'), ['s.demo.svc.cluster.local'])
    assert.deepEqual(seen('x-forwarded-port'), [String(port)])
  })

  test('a connection without a request is closed in its time', async () => {
    const { port } = await gateway({ idleTimeoutMs: 40 })
    const ask = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
    assert.match(await exchangeBytes(port, ask), /fine$/)
    const session = connect(`http://127.0.0.1:${port}`)
    await once(session, 'connect')
    await once(session, 'close')
  })

  test('names of fields keep their case where that is asked for, however the heads are cut', async () => {
    const answer =
      'HTTP/1.1 200 OK\r\nX-Mine:  Yes\r\nConTent-LENGTH: 2\r\nConnection: X-Gone\r\nX-Gone: 1\r\n\r\nok'
    const server = await rawServer((socket) => {
      head = ''
      socket.on('end', () => socket.end())
      socket.on('data', (chunk) => {
        head += chunk.toString('latin1')
        if (head.endsWith('\r\n\r\n')) void writeBytes(socket, answer)
      })
    })
    closers.push(server.close)
    const { port } = await gateway({ keepsCase: true }, { upstreamPort: server.port })
    const request =
      'GET / HTTP/1.1\r\nHOST: a\r\nX-One:1\r\nx-TWO: 2\r\nX-Envoy-Mine: no\r\nConnection: close\r\n\r\n'
    for (const parts of [request, `\r\n${request}`.split('')]) {
      const got = await exchangeBytes(port, parts)
      assert.match(got, /^HTTP\/1\.1 200 OK\r\nX-Mine: Yes\r\nConTent-LENGTH: 2\r\n/)
      assert.match(got, /\r\n\r\nok$/)
      assert.match(head, /^GET \/ HTTP\/1\.1\r\nHOST: a\r\nX-One: 1\r\nx-TWO: 2\r\n/)
      assert.doesNotMatch(`${head}${got}`, /envoy-mine|X-Gone/i)
    }
  })

  test('paths are made one as the mesh says', async () => {
    const cases = {
      none: '/a/../b//c%2fd%41',
      base: '/b//c%2fdA',
      'merge-slashes': '/b/c%2fdA',
      'decode-and-merge-slashes': '/b/c/dA',
    } as const
    for (const [mode, expected] of Object.entries(cases)) {
      const { port, logged } = await gateway(
        {},
        {
          log: '%RESPONSE_CODE%\n',
          mesh: (mesh) => ({ ...mesh, pathNormalization: mode as keyof typeof cases }) as typeof mesh,
        },
      )
      await ask(port, [], '/a/../b//c%2fd%41?q=//%2f')
      await until(() => head.length > 0, 'it arrives')
      assert.equal(head.split(' ')[1], `${expected}?q=//%2f`, mode)
      await logged()
    }
  })
})

test('ProxyConfig says it in Istio’s words', () => {
  const ISTIO = { ...HTTP_SETTINGS, acceptHttp10: false }
  assert.deepEqual(readHttpSettings({}, 'router'), ISTIO)
  assert.deepEqual(readHttpSettings({ proxyHeaders: 'x', gatewayTopology: [] }, 'router'), ISTIO)
  const proxyHeaders = {
    server: { value: 'a\r\nb: c' },
    requestId: { disabled: true },
    attemptCount: { disabled: true },
    envoyDebugHeaders: { disabled: true },
    xForwardedHost: { enabled: true },
    xForwardedPort: { enabled: true },
    preserveHttp1HeaderCase: true,
    forwardedClientCert: 'SANITIZE',
  }
  const gatewayTopology = { numTrustedProxies: 2, forwardClientCertDetails: 'APPEND_FORWARD' }
  assert.deepEqual(readHttpSettings({ proxyHeaders, gatewayTopology }, 'router'), {
    ...ISTIO,
    trustedProxies: 2,
    clientCertificate: 'append-forward',
    requestId: false,
    attemptCount: false,
    debugFields: false,
    forwardedHost: true,
    forwardedPort: true,
    keepsCase: true,
    idleTimeoutMs: 3_600_000,
  })
  const sidecar = readHttpSettings(
    { proxyHeaders: { ...proxyHeaders, server: { disabled: true } } },
    'sidecar',
  )
  assert.equal(readHttpSettings({}, 'router', { ISTIO_META_IDLE_TIMEOUT: '30s' }).idleTimeoutMs, 30_000)
  assert.equal(
    readHttpSettings({}, 'router', { ISTIO_META_IDLE_TIMEOUT: 'soon' }).idleTimeoutMs,
    HTTP_SETTINGS.idleTimeoutMs,
  )
  assert.equal(sidecar.clientCertificate, 'sanitize')
  assert.deepEqual(sidecar.server, { kind: 'upstream' })
  assert.equal(readHttpSettings({ gatewayTopology }, 'sidecar').trustedProxies, 0)
})
