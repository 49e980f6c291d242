import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { RouteFilter } from '../../../model/index.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  ok,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../../testing.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'

describe('faults', () => {
  let proxy: TestProxy
  let port = 0
  let bodies: string[] = []
  const closers: (() => void)[] = []

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
    bodies = []
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  async function serve(fault: Omit<Extract<RouteFilter, { kind: 'fault' }>, 'kind'>): Promise<void> {
    const server = await rawServer(
      respondWith((_head, body) => {
        bodies.push(body.toString())
        return ok('fine')
      }),
    )
    closers.push(server.close)
    const service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    const workload = workloadObject('s-1', {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '80': server.port }, ready: true } },
    })
    const route = routeObject('r', {
      port,
      action: forwardTo(service),
      filters: [{ kind: 'fault', ...fault }],
    })
    proxy.accept(changesOf([meshObject(LOG), service, workload, listenerObject(port), route]))
    await until(() => proxy.isBound(), 'the port is bound')
  }

  test('an abort answers in Envoy’s words', async () => {
    await serve({ abort: { percent: 100, status: 418 } })
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 418 .*\r\n\r\nfault filter abort$/s)
    assert.deepEqual(proxy.logLines, ['418 FI fault_filter_abort\n'])
  })

  test('a delay holds the request, with its body, and then sends it on', async () => {
    await serve({ delay: { percent: 100, ms: 30 } })
    const started = performance.now()
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody'
    assert.match(await exchangeBytes(port, post), /^HTTP\/1\.1 200 .*fine$/s)
    assert.ok(performance.now() - started >= 29, 'it was late')
    assert.deepEqual(bodies, ['body'])
    assert.deepEqual(proxy.logLines, ['200 DI via_upstream\n'])
  })

  test('a delayed request may be aborted after its delay', async () => {
    await serve({ delay: { percent: 100, ms: 5 }, abort: { percent: 100, status: 500 } })
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 500 /)
    assert.deepEqual(proxy.logLines, ['500 DI,FI fault_filter_abort\n'])
  })

  test('a share of the requests is hit', async () => {
    await serve({ abort: { percent: 50, status: 500 } })
    const answers = await Promise.all(Array.from({ length: 200 }, () => exchangeBytes(port, GET)))
    const failed = answers.filter((answer) => answer.startsWith('HTTP/1.1 500')).length
    // Five standard deviations.
    assert.ok(failed > 65 && failed < 135, `${failed} of 200`)
  })

  test('an abort with a status of gRPC says so to gRPC, and 200 to all others', async () => {
    await serve({ abort: { percent: 100, status: 200, grpcStatus: 8 } })
    const grpc = GET.replace('Connection', 'Content-Type: application/grpc+proto\r\nConnection')
    const answer = await exchangeBytes(port, grpc)
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\ncontent-type: application\/grpc\r\ngrpc-status: 8\r\n/)
    assert.match(answer, /\r\ngrpc-message: fault filter abort\r\n/)
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 200 OK\r\n.*fault filter abort$/s)
    assert.deepEqual(proxy.logLines, ['200 FI fault_filter_abort\n', '200 FI fault_filter_abort\n'])
  })

  test('an abort with a status of HTTP tells gRPC what it stands for', async () => {
    await serve({ abort: { percent: 100, status: 503 } })
    const grpc = GET.replace('Connection', 'Content-Type: application/grpc\r\nConnection')
    assert.match(await exchangeBytes(port, grpc), /\r\ngrpc-status: 14\r\n/)
  })
})
