import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { createLogger, systemClock } from '../../base/index.ts'
import { credentialName, type Credential, type Mesh } from '../../model/index.ts'
import { HTTP_SETTINGS } from '../exchange/rules.ts'
import { createPlainNetwork } from '../net/network.ts'
import { startGateway, type TestGateway } from '../testing-gateway.ts'
import { changesOf, exchangeBytes, freePort, ok, rawServer, respondWith, until } from '../testing.ts'
import { createTestAuthority } from '../tls/testing/authority.ts'
import { createAdminServers } from './servers.ts'

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

describe('the admin interface', () => {
  let gateway: TestGateway
  let port = 0
  let isReady = true
  let quits = 0
  const closers: (() => void)[] = []

  function ask(path: string, method = 'GET'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = request({ port, host: '127.0.0.1', path, method }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (body += chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
        )
      })
      call.on('error', reject)
      call.end()
    })
  }

  before(async () => {
    const upstream = await rawServer(respondWith(() => ok('hello', 'X-Upstream: yes\r\n')))
    const mesh = (object: unknown) => ({
      ...(object as Mesh),
      telemetry: {
        providers: [
          {
            kind: 'opentelemetry' as const,
            name: 'otel',
            host: '127.0.0.1',
            port: 1,
            timeoutMs: 1000,
            headers: [{ name: 'authorization', value: 'very-secret' }],
            tagLengthMax: 256,
            readsEnvironment: false,
          },
        ],
        defaultProviders: { tracing: [], accessLogging: [] },
        isTracingOn: true,
        samplingPercent: 1,
        tags: {},
      },
    })
    gateway = await startGateway({ upstreamPort: upstream.port, mesh })
    port = await freePort()
    const { proxy } = gateway
    const admin = createAdminServers({
      network: createPlainNetwork({}),
      instance: proxy,
      bootstrap: {
        node: proxy.node,
        discoveryAddress: 'istiod:15012',
        plaintext: true,
        clusterDomain: 'cluster.local',
        logLevel: 'info',
        drainMs: 10,
        http: HTTP_SETTINGS,
      },
      ports: port,
      restartEpoch: 0,
      concurrency: 1,
      isReady: () => isReady,
      isConnected: () => true,
      clock: systemClock,
      logger: createLogger({ scope: 'test', level: 'info', write: () => {}, now: () => 0 }),
      onQuit: () => {
        quits++
      },
    })
    await admin.open()
    closers.push(
      () => admin.close(),
      () => gateway.close(),
      () => upstream.close(),
    )
    await exchangeBytes(gateway.port, 'GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await gateway.logged()
  })
  after(() => {
    for (const close of closers) close()
  })

  test("says in Envoy's words what there is, and which paths there are", async () => {
    const { status, body } = await ask('/nothing')
    assert.equal(status, 404)
    assert.match(body, /^invalid path\. admin commands are:\n/)
    assert.match(body, /^ {2}\/drain_listeners \(POST\): /m)
    assert.match(body, /^ {2}\/tap \(POST\): /m)
    assert.equal((await ask('/help')).status, 200)
    assert.equal((await ask('/__proto__')).status, 404)
  })

  test('shows listeners and clusters as text and as JSON', async () => {
    assert.equal((await ask('/listeners')).body, `0.0.0.0_${gateway.port}::0.0.0.0:${gateway.port}\n`)
    const listeners = JSON.parse((await ask('/listeners?format=json')).body) as {
      listener_statuses: { local_address: { socket_address: { port_value: number } } }[]
    }
    assert.equal(listeners.listener_statuses[0]?.local_address.socket_address.port_value, gateway.port)
    const lines = (await ask('/clusters?filter=s\\.demo')).body.split('\n')
    const name = 'outbound|80||s.demo.svc.cluster.local'
    assert.ok(lines.includes(`${name}::observability_name::${name}`))
    assert.ok(lines.some((line) => /::127\.0\.0\.1:\d+::rq_total::1$/.test(line)))
    assert.ok(lines.some((line) => line.endsWith('::health_flags::healthy')))
    assert.equal((await ask('/clusters?filter=none')).body, '')
  })

  test('shows figures with a filter, in three formats', async () => {
    const { body } = await ask('/stats?filter=upstream_rq_total&usedonly')
    assert.equal(body, 'cluster.outbound|80||s.demo.svc.cluster.local.upstream_rq_total: 1\n')
    const { stats } = JSON.parse((await ask('/stats?format=json&filter=^server\\.live$')).body) as {
      stats: unknown
    }
    assert.deepEqual(stats, [{ name: 'server.live', value: 1 }])
    assert.match((await ask('/stats/prometheus')).body, /^istio_requests_total\{.*\} 1$/m)
    assert.match((await ask('/stats?format=prometheus&type=Gauges')).body, /^envoy_server_live\{\} 1$/m)
    assert.equal((await ask('/stats?format=foo')).status, 400)
    assert.equal((await ask('/stats?filter=(')).status, 400)
  })

  test('wants POST for what changes something', async () => {
    for (const path of [
      '/quitquitquit',
      '/drain_listeners',
      '/healthcheck/fail',
      '/reset_counters',
      '/logging',
      '/tap',
    ]) {
      const { status, body } = await ask(path)
      assert.deepEqual([path, status, body], [path, 405, 'Method GET not allowed, POST required.'])
    }
    assert.equal(quits, 0)
    assert.equal((await ask('/quitquitquit', 'POST')).body, 'OK\n')
    assert.equal(quits, 1)
  })

  test('says whether it is ready, and obeys an operator who says that it is not', async () => {
    assert.deepEqual([(await ask('/ready')).status, (await ask('/ready')).body], [200, 'LIVE\n'])
    isReady = false
    assert.deepEqual([(await ask('/ready')).status, (await ask('/ready')).body], [503, 'INITIALIZING\n'])
    isReady = true
    await ask('/healthcheck/fail', 'POST')
    assert.equal((await ask('/ready')).body, 'DRAINING\n')
    assert.equal((await ask('/healthz/ready')).status, 503)
    await ask('/healthcheck/ok', 'POST')
    assert.equal((await ask('/healthz/ready')).status, 200)
    const { state } = JSON.parse((await ask('/server_info')).body) as { state: string }
    assert.equal(state, 'LIVE')
  })

  test('changes the level of the log, and refuses what is no level', async () => {
    assert.equal((await ask('/logging?level=debug', 'POST')).body, 'active loggers:\n  proxy: debug\n\n')
    assert.match((await ask('/logging?paths=proxy:warning', 'POST')).body, /proxy: warn/)
    assert.match((await ask('/logging?level=loud', 'POST')).body, /^error: unknown logger level/)
    assert.match((await ask('/logging?http=debug', 'POST')).body, /^error: unknown logger name/)
  })

  test('never shows a key, nor what is sent to a collector', async () => {
    const authority = createTestAuthority()
    const certificate = authority.issue(['a.example'])
    authority.close()
    const credential: Credential = {
      type: 'credential',
      key: credentialName('Secret', 'demo', 'c'),
      holders: [{ namespace: 'demo', serviceAccounts: ['gw'] }],
      certificate,
      origin: { kind: 'Secret', namespace: 'demo', name: 'c' },
    }
    assert.deepEqual(gateway.proxy.accept(changesOf([credential])), [])
    const dump = (await ask('/config_dump')).body
    assert.doesNotMatch(dump, /PRIVATE KEY|very-secret/)
    assert.match(dump, /"name": "authorization",\s+"value": "\[redacted\]"/)
    const certs = (await ask('/certs')).body
    assert.match(certs, /"dns": "a\.example"/)
    assert.match(certs, /"days_until_expiration"/)
    const routes = JSON.parse((await ask('/config_dump?resource=routes&name_regex=/r/')).body) as {
      configs: { routes: { key: string }[] }[]
    }
    assert.deepEqual(
      routes.configs.map((one) => one.routes.map(({ key }) => key)),
      [['HTTPRoute/demo/r/0']],
    )
    assert.equal((await ask('/config_dump?resource=none')).status, 404)
  })

  test('lets counters begin anew', async () => {
    await ask('/reset_counters', 'POST')
    assert.match((await ask('/stats/prometheus')).body, /^istio_requests_total\{.*\} 0$/m)
    assert.match((await ask('/clusters')).body, /::rq_total::0$/m)
  })

  test('streams the exchanges that match a tap, and stops looking when its client goes', async () => {
    const config = JSON.stringify({
      tap_config: {
        match: {
          and_match: {
            rules: [
              {
                http_request_headers_match: {
                  headers: [{ name: ':path', string_match: { prefix: '/tap' } }],
                },
              },
              { http_response_headers_match: { headers: [{ name: 'x-upstream', exact_match: 'yes' }] } },
            ],
          },
        },
        output_config: {
          max_buffered_rx_bytes: 4,
          max_buffered_tx_bytes: 100,
          sinks: [{ format: 'JSON_BODY_AS_STRING', streaming_admin: {} }],
        },
      },
    })
    let received = ''
    const call = request({ port, host: '127.0.0.1', path: '/tap', method: 'POST' }, (response) => {
      response.on('data', (chunk: Buffer) => (received += chunk.toString()))
    })
    const opened = new Promise((resolve) => call.on('response', resolve))
    call.on('error', () => {})
    call.end(config)
    await opened
    const send = (path: string) =>
      exchangeBytes(
        gateway.port,
        `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Client: c\r\nContent-Length: 7\r\nConnection: close\r\n\r\nabcdefg`,
      )
    await send('/other')
    await send('/tapped?x=1')
    await until(() => received.endsWith('\n'), 'the exchange is told')
    const trace = JSON.parse(received) as {
      http_buffered_trace: Record<'request' | 'response', { headers: unknown[]; body: unknown }>
      lateen: Record<string, unknown>
    }
    const { request: asked, response: answered } = trace.http_buffered_trace
    assert.deepEqual(asked.headers.slice(1, 3), [
      { key: ':path', value: '/tapped?x=1' },
      { key: ':method', value: 'POST' },
    ])
    assert.ok(asked.headers.some((one) => (one as { key: string }).key === 'x-client'))
    assert.deepEqual(asked.body, { as_string: 'abcd', truncated: true })
    assert.deepEqual(answered.headers[0], { key: ':status', value: '200' })
    assert.deepEqual(answered.body, { as_string: 'hello', truncated: false })
    assert.equal(trace.lateen['route'], 'HTTPRoute/demo/r/0')
    assert.equal(trace.lateen['cluster'], 'outbound|80||s.demo.svc.cluster.local')
    assert.equal(trace.lateen['flags'], '-')
    assert.equal(trace.lateen['request_bytes'], 7)
    call.destroy()
    await until(() => gateway.proxy.taps.size() === 0, 'the tap is closed')
    await send('/tapped')
    assert.equal(received.split('\n').length, 2)
  })

  test('refuses a tap that it does not understand, and says where', async () => {
    const refused = (body: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const call = request({ port, host: '127.0.0.1', path: '/tap', method: 'POST' }, (response) => {
          response.setEncoding('utf8')
          response.on('data', (text: string) => resolve(`${response.statusCode} ${text}`))
        })
        call.on('error', reject)
        call.end(body)
      })
    assert.match(await refused('{}'), /^400 tap_config must be an object/)
    assert.match(
      await refused('tap_config: {match: {and_match: {rules: [{http_request_trailers_match: {}}]}}}'),
      /^400 tap_config\.match\.and_match\.rules\[0\]\.http_request_trailers_match is not supported/,
    )
    assert.match(
      await refused('tap_config: {match: {any_match: true}, output_config: {max_buffered_rx_bytes: -1}}'),
      /^400 tap_config\.output_config\.max_buffered_rx_bytes must be an integer from 0/,
    )
    assert.equal(gateway.proxy.taps.size(), 0)
  })
})
