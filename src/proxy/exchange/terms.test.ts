import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { startGateway, startSidecar, type TestGateway } from '../testing-gateway.ts'
import { exchangeBytes, ok, rawServer, respondWith } from '../testing.ts'
import { parseGrpcTimeout } from './terms.ts'

const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n'

describe('what a request says of its own time and tries', () => {
  const closers: (() => void)[] = []
  let heads: string[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
    heads = []
  })

  async function upstream(respond: () => string | Buffer | undefined): Promise<number> {
    const server = await rawServer(
      respondWith((head) => {
        heads.push(head)
        return respond()
      }),
    )
    closers.push(server.close)
    return server.port
  }

  async function started(gateway: Promise<TestGateway>): Promise<TestGateway> {
    closers.push((await gateway).close)
    return gateway
  }

  function request(lines: string): string {
    const fields = lines === '' ? '' : `${lines}\r\n`
    return `GET / HTTP/1.1\r\nHost: s.demo.svc.cluster.local\r\nConnection: close\r\n${fields}\r\n`
  }

  test('a deadline of gRPC is kept, and told on', async () => {
    const port = await upstream(() => '')
    const gateway = await started(startGateway({ upstreamPort: port, log: LOG }))
    const answer = await exchangeBytes(
      gateway.port,
      request('Content-Type: application/grpc\r\ngrpc-timeout: 30000u'),
    )
    assert.match(answer, /\r\ngrpc-status: 14\r\n/)
    assert.match(await gateway.logged(), /^200 UT upstream_response_timeout 1/)
    assert.match(heads[0] ?? '', /\r\nx-envoy-expected-rq-timeout-ms: 30\r\ngrpc-timeout: 30m\r\n/)
    assert.doesNotMatch(heads[0] ?? '', /30000u/)
  })

  test('a deadline of gRPC is no longer than the route allows', async () => {
    const port = await upstream(() => '')
    const forward = { timeouts: { requestMs: 30 } }
    const gateway = await started(startGateway({ upstreamPort: port, log: LOG, forward }))
    const grpc = 'Content-Type: application/grpc\r\ngrpc-timeout: 1H'
    await exchangeBytes(gateway.port, request(grpc))
    assert.match(heads[0] ?? '', /\r\ngrpc-timeout: 30m\r\n/)
  })

  test('only gRPC has deadlines of gRPC', async () => {
    const port = await upstream(() => ok('fine'))
    const gateway = await started(startGateway({ upstreamPort: port, log: LOG }))
    await exchangeBytes(gateway.port, request('grpc-timeout: 1m'))
    assert.match(await gateway.logged(), /^200 - /)
    assert.match(heads[0] ?? '', /\r\ngrpc-timeout: 1m\r\n/)
  })

  test('the upstream is told how long it is waited for, less at each try', async () => {
    const port = await upstream(() => undefined)
    const forward = {
      timeouts: { requestMs: 5000 },
      retries: { attempts: 1, retryOn: ['reset'], backoffMs: 20 },
    }
    const gateway = await started(startGateway({ upstreamPort: port, log: LOG, forward }))
    await exchangeBytes(gateway.port, request('x-envoy-expected-rq-timeout-ms: 1'))
    const [first, second] = heads.map((head) => Number(/expected-rq-timeout-ms: (\d+)/.exec(head)?.[1]))
    assert.equal(first, 5000)
    assert.ok(second !== undefined && second < 5000 && second > 1000, String(second))
  })

  test('nobody outside changes the route’s terms', async () => {
    const port = await upstream(() => 'HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n')
    const gateway = await started(startGateway({ upstreamPort: port, log: LOG }))
    const asks = 'x-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 3\r\nx-envoy-upstream-rq-timeout-ms: 1'
    await exchangeBytes(gateway.port, request(asks))
    assert.equal(await gateway.logged(), '500 - via_upstream 1')
    assert.doesNotMatch(heads[0] ?? '', /retry-on|max-retries|rq-timeout/)
  })

  test('an application asks its own proxy for retries', async () => {
    let left = 2
    const port = await upstream(() =>
      left-- > 0 ? 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n' : ok('yes'),
    )
    const sidecar = await started(startSidecar({ upstreamPort: port, log: LOG }))
    const asks = 'x-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 4'
    assert.match(await exchangeBytes(sidecar.port, request(asks)), /^HTTP\/1\.1 200 .*yes$/s)
    assert.equal(await sidecar.logged(), '200 - via_upstream 3')
    assert.doesNotMatch(heads[0] ?? '', /retry-on|max-retries/)
  })

  test('an application asks its own proxy for retries by status and by field', async () => {
    const answers = [
      'HTTP/1.1 418 Tea\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nx-not-yet: 1\r\nContent-Length: 0\r\n\r\n',
      ok('now'),
    ]
    const port = await upstream(() => answers.shift())
    const forward = { retries: { attempts: 0, retryOn: [] } }
    const sidecar = await started(startSidecar({ upstreamPort: port, log: LOG, forward }))
    const asks = [
      'x-envoy-retry-on: retriable-headers',
      'x-envoy-retriable-status-codes: 418',
      'x-envoy-retriable-header-names: X-Not-Yet',
      'x-envoy-max-retries: 2',
    ]
    assert.match(await exchangeBytes(sidecar.port, request(asks.join('\r\n'))), /now$/)
    assert.equal(await sidecar.logged(), '200 - via_upstream 3')
  })

  test('an application asks its own proxy for other timeouts', async () => {
    const port = await upstream(() => '')
    const sidecar = await started(startSidecar({ upstreamPort: port, log: LOG }))
    await exchangeBytes(sidecar.port, request('x-envoy-upstream-rq-timeout-ms: 30'))
    assert.equal(await sidecar.logged(), '504 UT upstream_response_timeout 1')
    const each = 'x-envoy-upstream-rq-timeout-ms: 5000\r\nx-envoy-upstream-rq-per-try-timeout-ms: 20'
    await exchangeBytes(sidecar.port, request(each))
    assert.match(await sidecar.logged(2), /\n504 UT upstream_per_try_timeout 1$/)
    assert.match(heads[1] ?? '', /\r\nx-envoy-expected-rq-timeout-ms: 20\r\n/)
  })
})

test('timeouts of gRPC are digits and a unit', () => {
  const cases = { '1H': 3_600_000, '2M': 120_000, '3S': 3000, '4m': 4, '5000u': 5, '7n': 1, '0m': 1 }
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseGrpcTimeout(text), ms, text)
  for (const text of ['', '5', 'm', '123456789m', '1 m', '-1m', '1.5S', '1s'])
    assert.equal(parseGrpcTimeout(text), undefined, text)
})
