import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, request } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ModelObject, Route, RouteAction, Service } from '../../model/index.ts'
import { startGateway } from '../testing-gateway.ts'
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
} from '../testing.ts'

const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n'
const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** A gateway with one route, to servers that each test makes. */
describe('an exchange', () => {
  let proxy: TestProxy
  let port = 0
  const closers: (() => void)[] = []
  const service: Service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  async function serve(ports: readonly number[], action: RouteAction = forwardTo(service)): Promise<void> {
    const workloads = ports.map((target, index) =>
      workloadObject(`s-${index}`, {
        address: `127.0.0.${index + 1}`,
        services: { [service.key]: { ports: { '80': target }, ready: true } },
      }),
    )
    const route: Route = routeObject('r', { port, action })
    const objects: ModelObject[] = [meshObject(LOG), service, ...workloads, route, listenerObject(port)]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
    await until(() => proxy.isBound(), 'the port is bound')
  }

  async function upstream(onConnection: (socket: Socket) => void): Promise<number> {
    const server = await rawServer(onConnection)
    closers.push(server.close)
    return server.port
  }

  test('without an endpoint is answered 503 UH', async () => {
    await serve([])
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 503 .*\r\n\r\nno healthy upstream$/s)
    assert.deepEqual(proxy.logLines, ['503 UH no_healthy_upstream 0\n'])
  })

  test('goes to another endpoint when the first refuses the connection', async () => {
    const good = await upstream(respondWith(() => ok('good')))
    const closed = await freePort()
    await serve([closed, good, closed])
    for (let i = 0; i < 10; i++)
      assert.match(await exchangeBytes(port, GET), /good$|URX|upstream connect error/)
    assert.ok(proxy.logLines.some((line) => line.startsWith('200 - via_upstream')))
  })

  test('says in words of Envoy that no connection came about', async () => {
    await serve([await freePort()])
    const answer = await exchangeBytes(port, GET)
    assert.match(
      answer,
      /upstream connect error or disconnect\/reset before headers\. retried and the latest reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused$/,
    )
    assert.match(
      proxy.logLines[0] ?? '',
      /^503 UF,URX upstream_reset_before_response_started\{remote_connection_failure\|delayed_connect_error:_Connection_refused\} 3/,
    )
  })

  test('is not retried when the upstream breaks off, by default', async () => {
    let requests = 0
    const server = await upstream(
      respondWith(() => {
        requests++
        return undefined
      }),
    )
    await serve([server])
    const answer = await exchangeBytes(port, GET)
    assert.match(answer, /^HTTP\/1\.1 503 .*reset reason: connection termination$/s)
    assert.equal(requests, 1)
    assert.match(
      proxy.logLines[0] ?? '',
      /^503 UC upstream_reset_before_response_started\{connection_termination\} 1/,
    )
  })

  test('is retried on the conditions that its route names, with the body again', async () => {
    let requests = 0
    const bodies: string[] = []
    const server = await upstream(
      respondWith((_head, body) => {
        bodies.push(body.toString())
        return ++requests < 3 ? 'HTTP/1.1 500 Broken\r\nContent-Length: 2\r\n\r\nno' : ok('third time')
      }),
    )
    await serve([server], forwardTo(service, { retries: { attempts: 3, retryOn: ['5xx'], backoffMs: 1 } }))
    const answer = await exchangeBytes(
      port,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody',
    )
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*third time$/s)
    assert.deepEqual(bodies, ['body', 'body', 'body'])
    assert.deepEqual(proxy.logLines, ['200 - via_upstream 3\n'])
  })

  test('passes on the last answer when retries are used up', async () => {
    const server = await upstream(respondWith(() => 'HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy'))
    await serve([server], forwardTo(service, { retries: { attempts: 2, retryOn: ['503'], backoffMs: 1 } }))
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 503 .*busy$/s)
    assert.deepEqual(proxy.logLines, ['503 URX via_upstream 3\n'])
  })

  test('passes on a 503 at once, by default', async () => {
    const server = await upstream(respondWith(() => 'HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy'))
    await serve([server])
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 503 .*busy$/s)
    assert.deepEqual(proxy.logLines, ['503 - via_upstream 1\n'])
  })

  test('that a limit has stopped is retried only where that is asked for by name', async () => {
    const limited = 'HTTP/1.1 429 Slow Down\r\nx-envoy-ratelimited: true\r\nContent-Length: 0\r\n\r\n'
    const server = await upstream(respondWith(() => limited))
    await serve([server], forwardTo(service, { retries: { attempts: 1, retryOn: ['429'], backoffMs: 1 } }))
    await exchangeBytes(port, GET)
    const retries = { attempts: 1, retryOn: ['envoy-ratelimited'], backoffMs: 1 }
    const again = routeObject('r', { port, action: forwardTo(service, { retries }) })
    assert.deepEqual(proxy.accept(changesOf([again])), [])
    await exchangeBytes(port, GET)
    assert.deepEqual(proxy.logLines, ['429 - via_upstream 1\n', '429 URX via_upstream 2\n'])
  })

  test('is repeated on a fresh connection when a kept one was closed before any answer', async () => {
    let connections = 0
    let requests = 0
    const server = await upstream((socket) => {
      const first = ++connections === 1
      let count = 0
      socket.on('data', () => {
        requests++
        // The first connection answers once and closes on the next request.
        if (first && ++count === 2) socket.destroy()
        else socket.write(ok('x'))
      })
    })
    await serve([server])
    assert.match(await exchangeBytes(port, GET), /x$/)
    assert.match(await exchangeBytes(port, GET), /x$/)
    assert.equal(connections, 2)
    assert.equal(requests, 3)
  })

  test('that is not idempotent is not repeated after it was sent', async () => {
    let requests = 0
    const server = await upstream((socket) => {
      let count = 0
      socket.on('data', () => {
        requests++
        if (++count === 2) socket.destroy()
        else socket.write(ok('x'))
      })
    })
    await serve([server])
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    assert.match(await exchangeBytes(port, post), /x$/)
    assert.match(await exchangeBytes(port, post), /^HTTP\/1\.1 503 /)
    assert.equal(requests, 2)
  })

  test('does not use a kept connection that its server is about to close', async () => {
    let connections = 0
    const server = await upstream((socket) => {
      connections++
      respondWith(() => ok('x', 'Keep-Alive: timeout=1\r\n'))(socket)
    })
    await serve([server])
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    assert.match(await exchangeBytes(port, post), /x$/)
    assert.match(await exchangeBytes(port, post), /x$/)
    assert.equal(connections, 2)
  })

  test('that is no request is refused, logged, and its connection closed', async () => {
    await serve([])
    const answer = await exchangeBytes(
      port,
      'GET / HTTP/1.1\r\nHost : a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    )
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n.*\r\nconnection: close\r\n\r\nBad Request$/s)
    assert.deepEqual(proxy.logLines, ['400 DPE http1.invalid_characters 0\n'])
    const large = await exchangeBytes(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}`)
    assert.match(large, /^HTTP\/1\.1 431 /)
  })

  test('that takes longer than the route allows is answered 504 UT', async () => {
    const server = await upstream(() => {})
    await serve([server], forwardTo(service, { timeouts: { requestMs: 50 } }))
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 504 .*\r\n\r\nupstream request timeout$/s)
    assert.match(proxy.logLines[0] ?? '', /^504 UT upstream_response_timeout/)
  })

  test('may take longer to upload than its server has to answer', async () => {
    const server = await upstream(respondWith((_head, body) => ok(`got ${body.length}`)))
    const timeouts = { requestMs: 60, backendRequestMs: 50 }
    await serve([server], forwardTo(service, { timeouts }))
    const socket = connect({ port, host: '127.0.0.1' })
    let received = ''
    socket.on('data', (chunk) => (received += chunk.toString()))
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nConnection: close\r\n\r\n')
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      socket.write('x')
    }
    await once(socket, 'close')
    assert.match(received, /got 10$/)
    assert.deepEqual(proxy.logLines, ['200 - via_upstream 1\n'])
  })

  test('whose server does not answer what was uploaded is answered 504', async () => {
    const server = await upstream((socket) => socket.resume())
    await serve([server], forwardTo(service, { timeouts: { requestMs: 30 } }))
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\n'
    assert.match(await exchangeBytes(port, [post, 'bo', 'dy']), /^HTTP\/1\.1 504 /)
    assert.deepEqual(proxy.logLines, ['504 UT upstream_response_timeout 1\n'])
  })

  test('whose single try takes too long goes to the next try', async () => {
    let connections = 0
    const server = await upstream((socket) => {
      if (++connections > 1) respondWith(() => ok('second'))(socket)
    })
    await serve(
      [server],
      forwardTo(service, { retries: { attempts: 2, perTryTimeoutMs: 40, retryOn: ['5xx'], backoffMs: 1 } }),
    )
    assert.match(await exchangeBytes(port, GET), /second$/)
  })

  test('whose server takes longer than an HTTPRoute allows a backend goes to the next try', async () => {
    let connections = 0
    const server = await upstream((socket) => {
      if (++connections > 1) respondWith(() => ok('second'))(socket)
    })
    // As rules of an HTTPRoute with `retry` and `timeouts.backendRequest` are translated.
    const retryOn = ['connect-failure', 'refused-stream', 'reset', 'unavailable', 'cancelled']
    await serve(
      [server],
      forwardTo(service, {
        retries: { attempts: 1, retryOn, backoffMs: 1 },
        timeouts: { requestMs: 5000, backendRequestMs: 40 },
      }),
    )
    assert.match(await exchangeBytes(port, GET), /second$/)
    assert.equal(connections, 2)
  })

  test('streams a large body in both directions with back-pressure', async () => {
    const size = 8 * 1024 * 1024
    const server = await upstream((socket) => {
      let received = 0
      let headEnd = -1
      let head = ''
      socket.on('data', (chunk) => {
        if (headEnd < 0) {
          head += chunk.toString('latin1')
          headEnd = head.indexOf('\r\n\r\n')
          if (headEnd < 0) return
          received = head.length - headEnd - 4
        } else {
          received += chunk.length
        }
        if (received === size) {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
          socket.end(Buffer.alloc(size, 'b'))
        }
      })
    })
    await serve([server])
    const socket = connect({ port, host: '127.0.0.1' })
    let total = 0
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`)
    socket.write(Buffer.alloc(size, 'a'))
    socket.on('data', (chunk) => {
      total += chunk.length
    })
    await once(socket, 'close')
    assert.ok(total > size)
    await until(() => proxy.logLines.length === 1, 'the log line is there')
    assert.match(proxy.logLines[0] ?? '', /^200 /)
  })

  test('becomes a tunnel when the upstream agrees to a WebSocket', async () => {
    const server = await upstream((socket) => {
      socket.once('data', (chunk) => {
        assert.match(chunk.toString(), /\r\nconnection: upgrade\r\nupgrade: websocket\r\n/)
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        socket.on('data', (data) => socket.write(`<${data.toString()}>`))
        socket.on('end', () => socket.end('bye'))
      })
    })
    await serve([server])
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.write('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly')
    await until(() => received.includes('<early>'), 'early bytes came back')
    assert.match(received, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
    assert.match(received, /\r\nupgrade: websocket\r\n/)
    socket.write('more')
    await until(() => received.includes('<more>'), 'later bytes came back')
    socket.end()
    await until(() => received.endsWith('bye'), 'the server ends its side last')
    await until(() => proxy.logLines.length === 1, 'the log line is there')
    assert.match(proxy.logLines[0] ?? '', /^101 - via_upstream/)
    socket.destroy()
  })

  test('whose client goes away takes its upstream request with it', async () => {
    let closed = false
    const server = await upstream((socket) => {
      socket.resume()
      socket.on('end', () => {
        closed = true
      })
    })
    await serve([server])
    const socket = connect({ port, host: '127.0.0.1' })
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(
      () =>
        [...proxy.runtime.clusters()].some((one) =>
          one.hosts().some((host) => host.counters.requestsActive === 1),
        ),
      'it is under way',
    )
    socket.resetAndDestroy()
    await until(() => closed, 'the upstream connection is closed')
    assert.match(proxy.logLines[0] ?? '', /^0 DC downstream_remote_disconnect/)
  })

  test('is answered to a client that has closed its own side', async () => {
    const server = await upstream(respondWith(() => ok('late')))
    await serve([server])
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'end')
    assert.match(received, /late$/)
    socket.destroy()
  })

  test('waits with its body for the server to ask for it', async () => {
    let head = ''
    const server = await upstream((socket) => {
      socket.on('end', () => socket.end())
      socket.on('data', (chunk) => {
        const text = chunk.toString('latin1')
        if (text === 'body') socket.write(ok('got body'))
        else {
          head = text
          socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
        }
      })
    })
    await serve([server])
    const socket = connect({ port, host: '127.0.0.1' })
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.write(
      'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n',
    )
    await until(() => received.startsWith('HTTP/1.1 100 Continue\r\n\r\n'), 'the interim answer')
    socket.write('body')
    await once(socket, 'close')
    assert.match(received, /got body$/)
    assert.equal(received.split('100 Continue').length, 2)
    assert.match(head, /\r\nexpect: 100-continue\r\n/)
    assert.ok(head.endsWith('\r\n\r\n'))
  })

  test('is spared its body when the server answers without asking for it', async () => {
    let connections = 0
    const server = await upstream((socket) => {
      connections++
      respondWith(() => 'HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!')(socket)
    })
    await serve([server])
    // A server that answers what it has not read may take the next request for the body.
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n'
    for (let i = 1; i <= 2; i++) {
      const answer = await exchangeBytes(port, head)
      assert.match(answer, /^HTTP\/1\.1 413 .*\r\nconnection: close\r\n.*no!$/s)
      assert.equal(connections, i)
    }
  })

  test('waits with its body in either version of HTTP', async () => {
    const back = createHttp2Server(() => {}).listen(0, '127.0.0.1')
    await once(back, 'listening')
    closers.push(() => back.close())
    back.on('checkContinue', (request, response) => {
      response.writeContinue()
      request.resume().on('end', () => response.end('done'))
    })
    const upstreamPort = (back.address() as { port: number }).port
    const gateway = await startGateway({ upstreamPort, protocol: 'http2' })
    closers.push(gateway.close)
    for (const from of ['http1', 'http2'] as const) {
      let asked = 0
      const client = from === 'http1' ? undefined : connectHttp2(`http://127.0.0.1:${gateway.port}`)
      const headers = { expect: '100-continue' }
      const stream = client
        ? client.request({ ':method': 'POST', ...headers }, { endStream: false })
        : request({ port: gateway.port, host: '127.0.0.1', method: 'POST', headers })
      stream.on('continue', () => {
        asked++
        stream.end('body')
      })
      if (!client) (stream as ClientRequest).flushHeaders()
      const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
      assert.equal(client ? answer[':status'] : answer['statusCode'], 200)
      assert.equal(asked, 1)
      client?.destroy()
      if (!client) (stream as ClientRequest).destroy()
    }
  })

  test('keeps chunked bodies and trailers, and closes the connection that an HTTP/1.0 client did not ask to keep', async () => {
    const chunked =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n'
    const server = await upstream(respondWith(() => chunked))
    await serve([server])
    const modern = await exchangeBytes(port, GET)
    assert.match(modern, /\r\ntransfer-encoding: chunked\r\n/)
    assert.match(modern, /\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nx-sum: 7\r\n\r\n$/)
    const old = await exchangeBytes(port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    assert.match(old, /\r\nconnection: close\r\n/)
    assert.doesNotMatch(old, /transfer-encoding/)
    assert.match(old, /\r\n\r\nabcdefg$/)
  })

  test('takes a body that ends with the connection, and gives HEAD, 204 and 304 none', async () => {
    const server = await upstream((socket) => {
      socket.on('data', (chunk) => {
        const head = chunk.toString()
        if (head.startsWith('HEAD')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')
        else if (head.includes('/204')) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
        else if (head.includes('/304'))
          socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 9\r\n\r\n')
        else socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end')
      })
    })
    await serve([server])
    assert.match(await exchangeBytes(port, GET), /until the end\r\n0\r\n\r\n$/)
    const request = (line: string) => `${line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    assert.match(await exchangeBytes(port, request('HEAD /')), /content-length: 5\r\n.*\r\n\r\n$/s)
    assert.match(await exchangeBytes(port, request('GET /204')), /^HTTP\/1\.1 204 No Content\r\n.*\r\n\r\n$/s)
    assert.match(
      await exchangeBytes(port, request('GET /304')),
      /^HTTP\/1\.1 304 Not Modified\r\n.*\r\n\r\n$/s,
    )
  })

  test('whose response is malformed ends in 502 UPE', async () => {
    const server = await upstream(
      respondWith(() => 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'),
    )
    await serve([server])
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 502 .*protocol error$/s)
    assert.match(proxy.logLines[0] ?? '', /^502 UPE/)
  })

  test('forwards early hints and swallows a 100 that nobody asked for', async () => {
    const server = await upstream(
      respondWith(
        () => `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('x')}`,
      ),
    )
    await serve([server])
    const answer = await exchangeBytes(port, GET)
    assert.match(answer, /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  })
})
