/** Any version of HTTP on either side of a proxy, with independent clients and servers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp1Server } from 'node:http'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2'
import { connect as connectTcp, type Server } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { AppProtocol, RouteAction } from '../model/index.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from './testing.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders
  readonly body: Buffer
}

describe('HTTP/2', () => {
  let proxy: TestProxy
  let port = 0
  const closers: (() => void)[] = []

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  async function serve(
    server: Server,
    protocol: AppProtocol,
    more: Partial<Extract<RouteAction, { kind: 'forward' }>> = {},
  ): Promise<void> {
    if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
    closers.push(() => server.close())
    const service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol }] })
    const workload = workloadObject('s-1', {
      address: '127.0.0.1',
      services: {
        [service.key]: { ports: { '80': (server.address() as { port: number }).port }, ready: true },
      },
    })
    const route = routeObject('r', { port, action: forwardTo(service, more) })
    const log = '%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'
    const objects = [meshObject(log), service, workload, listenerObject(port), route]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
    await until(() => proxy.isBound(), 'the port is bound')
  }

  function client(settings: Settings = {}): ClientHttp2Session {
    const session = connect(`http://127.0.0.1:${port}`, { settings })
    session.on('error', () => {})
    closers.push(() => session.destroy())
    return session
  }

  async function ask(
    session: ClientHttp2Session,
    headers: OutgoingHttpHeaders,
    body?: Buffer,
    trailers?: OutgoingHttpHeaders,
  ): Promise<Answer> {
    const stream = session.request(headers, {
      endStream: body === undefined,
      waitForTrailers: trailers !== undefined,
    })
    if (trailers) stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    if (body) stream.end(body)
    const chunks: Buffer[] = []
    let answered: IncomingHttpHeaders = {}
    let ended: IncomingHttpHeaders = {}
    stream.on('response', (head) => (answered = head))
    stream.on('trailers', (head) => (ended = head))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(stream, 'end')
    return {
      status: Number(answered[':status']),
      headers: answered,
      trailers: ended,
      body: Buffer.concat(chunks),
    }
  }

  /** Answers with what it was asked, and echoes bodies and trailers. */
  function echo2(): Server {
    const server = createServer()
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      const chunks: Buffer[] = []
      let trailers: OutgoingHttpHeaders = {}
      stream.on('trailers', (head) => (trailers = head))
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { length } = Buffer.concat(chunks)
        stream.respond(
          {
            ':status': 200,
            'x-path': headers[':path'],
            'x-authority': headers[':authority'],
            'x-length': length,
          },
          { waitForTrailers: true },
        )
        stream.on('wantTrailers', () =>
          stream.sendTrailers({ 'x-end': 'yes', 'x-got': String(trailers['x-sent'] ?? 'none') }),
        )
        stream.end(Buffer.concat(chunks))
      })
    })
    return server
  }

  function echo1(): Server {
    return createHttp1Server((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.writeHead(200, {
          'x-path': request.url,
          'x-host': request.headers.host,
          'x-protocol': request.httpVersion,
          'x-cookie': request.headers.cookie ?? '',
          trailer: 'x-end',
        })
        response.addTrailers({ 'x-end': 'yes', 'x-got': request.trailers['x-sent'] ?? 'none' })
        response.end(Buffer.concat(chunks))
      })
    })
  }

  test('a client of HTTP/2 reaches a server of HTTP/1.1', async () => {
    await serve(echo1(), 'http')
    const session = client()
    const body = Buffer.alloc(300_000, 'a')
    const [get, post] = await Promise.all([
      ask(session, { ':path': '/a?b=c', cookie: ['a=1', 'b=2'] }),
      ask(session, { ':path': '/p', ':method': 'POST' }, body, { 'x-sent': 'sent' }),
    ])
    assert.equal(get.status, 200)
    assert.equal(get.headers['x-path'], '/a?b=c')
    assert.equal(get.headers['x-host'], `127.0.0.1:${port}`)
    assert.equal(get.headers['x-cookie'], 'a=1; b=2')
    assert.equal(get.headers['server'], 'istio-envoy')
    assert.ok(post.body.equals(body))
    assert.equal(post.trailers['x-end'], 'yes')
    assert.equal(post.trailers['x-got'], 'sent')
    await until(() => proxy.logLines.length === 2, 'both are logged')
    assert.deepEqual(new Set(proxy.logLines), new Set(['HTTP/2 200 - via_upstream\n']))
  })

  test('a client of HTTP/1.1 reaches a server of HTTP/2, and many share a connection', async () => {
    await serve(echo2(), 'http2')
    const ask1 = (text: string) =>
      exchangeBytes(
        port,
        `POST /${text} HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
      )
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask1(`text-${i}`)))
    for (const [i, answer] of answers.entries()) {
      assert.match(answer, new RegExp(`^HTTP/1.1 200 OK\r\n[^]*x-path: /text-${i}\r\n`))
      assert.match(answer, new RegExp(`x-authority: a.example\r\n[^]*\r\ntext-${i}\r\n0\r\nx-end: yes\r\n`))
    }
    const [host] = [...proxy.runtime.clusters()].flatMap((one) => one.hosts())
    assert.equal(host?.counters.connectionsTotal, 1)
    assert.equal(host?.counters.requestsActive, 0)
  })

  test('both sides speak HTTP/2, and what one says arrives at the other', async () => {
    await serve(echo2(), 'grpc')
    const session = client()
    const body = Buffer.alloc(3 * 1024 * 1024, 'z')
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, i) =>
        ask(session, { ':path': `/${i}`, ':method': 'PUT' }, body, { 'x-sent': String(i) }),
      ),
    )
    for (const [i, answer] of answers.entries()) {
      assert.equal(answer.headers['x-path'], `/${i}`)
      assert.ok(answer.body.equals(body))
      assert.equal(answer.trailers['x-got'], String(i))
    }
  })

  test('on a port without a name a gateway speaks HTTP/1.1, whatever its clients speak', async () => {
    await serve(echo1(), 'auto')
    assert.equal((await ask(client(), { ':path': '/x' })).headers['x-path'], '/x')
  })

  test('gRPC is spoken in HTTP/2 on a port without a name too', async () => {
    await serve(echo2(), 'auto')
    const call = { ':path': '/a.B/C', ':method': 'POST', 'content-type': 'application/grpc' }
    assert.equal((await ask(client(), call, Buffer.from(''))).headers['x-path'], '/a.B/C')
  })

  test('a request whose first bytes might be a preface is served as what it turns out to be', async () => {
    await serve(echo1(), 'http')
    const socket = connectTcp({ port, host: '127.0.0.1' })
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.write('PR')
    await until(() => proxy.connections.size() === 1, 'the proxy has it')
    await new Promise((resolve) => setImmediate(resolve))
    socket.end('OPFIND /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await once(socket, 'close')
    assert.match(answer, /^HTTP\/1\.1 200 [^]*x-path: \/x/)
  })

  test('the proxy’s own answers are those of HTTP/2, and to gRPC those of gRPC', async () => {
    const server = echo2()
    await serve(server, 'http2', { retries: { attempts: 0, retryOn: [] } })
    await new Promise((resolve) => server.close(resolve))
    const session = client()
    const plain = await ask(session, { ':path': '/' })
    assert.equal(plain.status, 503)
    assert.match(plain.body.toString(), /^upstream connect error/)
    const grpc = await ask(
      session,
      { ':path': '/a.B/C', ':method': 'POST', 'content-type': 'application/grpc' },
      Buffer.from(''),
    )
    assert.equal(grpc.status, 200)
    assert.equal(grpc.headers['grpc-status'], '14')
    assert.match(String(grpc.headers['grpc-message']), /^upstream connect error/)
  })

  test('a client that breaks a request off takes it from the server too, and the connections go on', async () => {
    let broken = 0
    const server = createServer()
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      if (headers[':path'] === '/hang') stream.on('aborted', () => broken++)
      else {
        stream.respond({ ':status': 200 })
        stream.end('fine')
      }
    })
    await serve(server, 'http2')
    const session = client()
    const hanging = session.request({ ':path': '/hang' })
    hanging.on('error', () => {})
    assert.equal((await ask(session, { ':path': '/' })).body.toString(), 'fine')
    hanging.close(constants.NGHTTP2_CANCEL)
    await until(() => broken === 1, 'the server hears of it')
    assert.equal((await ask(session, { ':path': '/' })).body.toString(), 'fine')
    const [host] = [...proxy.runtime.clusters()].flatMap((one) => one.hosts())
    assert.equal(host?.counters.connectionsActive, 1)
    assert.ok(proxy.logLines.includes('HTTP/2 0 DC downstream_remote_disconnect\n'), proxy.logLines.join(''))
  })

  test('what a server refuses is tried again; what it breaks off is a 503', async () => {
    let asked = 0
    const server = createServer()
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      asked++
      if (headers[':path'] === '/broken') stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      else if (asked < 3) stream.close(constants.NGHTTP2_REFUSED_STREAM)
      else {
        stream.respond({ ':status': 200 })
        stream.end('third')
      }
    })
    await serve(server, 'http2')
    const session = client()
    const body = Buffer.from('once')
    assert.equal((await ask(session, { ':path': '/', ':method': 'POST' }, body)).body.toString(), 'third')
    const broken = await ask(session, { ':path': '/broken' })
    assert.equal(broken.status, 503)
    assert.match(broken.body.toString(), /reset reason: remote reset$/)
  })

  test('a drained proxy says goodbye and finishes what it has begun', async () => {
    let release = () => {}
    const server = createHttp1Server((_request, response) => {
      release = () => response.end('late')
    })
    await serve(server, 'http')
    const session = client()
    const pending = ask(session, { ':path': '/' })
    await once(server, 'request')
    const goaway = once(session, 'goaway')
    proxy.drain()
    await goaway
    release()
    assert.equal((await pending).body.toString(), 'late')
    await once(session, 'close')
  })

  test('a slow reader holds its own stream up, not its neighbours, and memory stays bounded', async () => {
    const size = 64 * 1024 * 1024
    const server = createHttp1Server((request, response) => {
      if (request.url === '/large') {
        response.writeHead(200, { 'content-length': size })
        const chunk = Buffer.alloc(64 * 1024)
        let left = size / chunk.length
        const push = () => {
          while (left > 0) {
            left--
            if (!response.write(chunk)) {
              response.once('drain', push)
              return
            }
          }
          response.end()
        }
        push()
      } else response.end('small')
    })
    await serve(server, 'http')
    // Of the connection's window a stream that is not read must leave something to the others.
    const session = client({ initialWindowSize: 16 * 1024 })
    const large = session.request({ ':path': '/large' })
    let received = 0
    await once(large, 'response')
    large.pause()
    const before = process.memoryUsage().rss
    for (let i = 0; i < 20; i++) assert.equal((await ask(session, { ':path': '/' })).body.toString(), 'small')
    assert.ok(process.memoryUsage().rss - before < 48 * 1024 * 1024, 'what nobody reads is not taken in')
    large.on('data', (chunk: Buffer) => (received += chunk.length))
    large.resume()
    await once(large, 'end')
    assert.equal(received, size)
  })

  test('a server of gRPC hears that trailers are welcome, and gets them', async () => {
    let heard: IncomingHttpHeaders = {}
    const server = createServer()
    server.on('stream', (stream, headers) => {
      heard = headers
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end('reply')
    })
    await serve(server, 'grpc')
    const headers = {
      ':path': '/a.B/C',
      ':method': 'POST',
      'content-type': 'application/grpc',
      te: 'trailers',
    }
    const answer = await ask(client(), headers, Buffer.from('request'))
    assert.equal(heard['te'], 'trailers')
    assert.equal(answer.trailers['grpc-status'], '0')
  })
})
