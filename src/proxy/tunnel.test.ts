/** WebSocket and CONNECT, any version of HTTP on either side, with independent clients and servers. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer as createHttp1Server, request as httpRequest } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer as createHttp2Server,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { WebSocket, WebSocketServer } from 'ws'
import { startGateway, type TestGateway } from './testing-gateway.ts'
import { changesOf, ok, rawServer, respondWith, routeObject, until } from './testing.ts'

const run = promisify(execFile)
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function gatewayTo(
  upstreamPort: number,
  more: Partial<Parameters<typeof startGateway>[0]> = {},
): Promise<TestGateway> {
  const gateway = await startGateway({ upstreamPort, ...more })
  closers.push(gateway.close)
  return gateway
}

async function listening(server: Server): Promise<number> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => server.close())
  return (server.address() as { port: number }).port
}

/** A WebSocket server of `ws`, on HTTP/1.1. */
async function webSocketEcho(): Promise<number> {
  const server = createHttp1Server()
  new WebSocketServer({ server }).on('connection', (socket) =>
    socket.on('message', (data: Buffer, binary) => socket.send(data, { binary })),
  )
  closers.push(() => server.closeAllConnections())
  return listening(server)
}

function session(port: number): ClientHttp2Session {
  const client = connect(`http://127.0.0.1:${port}`)
  client.on('error', () => {})
  closers.push(() => client.destroy())
  return client
}

async function extendedConnect(port: number, headers: OutgoingHttpHeaders = {}): Promise<ClientHttp2Stream> {
  const client = session(port)
  if (!client.remoteSettings.enableConnectProtocol) await once(client, 'remoteSettings')
  assert.equal(client.remoteSettings.enableConnectProtocol, true)
  const stream = client.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': '/chat',
      ':authority': 'chat.example',
      'sec-websocket-version': '13',
      ...headers,
    },
    { endStream: false },
  )
  stream.on('error', () => {})
  return stream
}

/** `ws` on a stream: its client side works on anything that is a duplex. */
function webSocketOn(stream: ClientHttp2Stream): WebSocket {
  const socket = new WebSocket(null as unknown as string, undefined, { autoPong: true })
  const inner = socket as unknown as {
    _isServer: boolean
    setSocket: (duplex: unknown, head: Buffer, options: object) => void
  }
  inner._isServer = false
  const duplex = Object.assign(stream, { setNoDelay: () => {} })
  inner.setSocket(duplex, Buffer.alloc(0), { maxPayload: 1 << 26, skipUTF8Validation: false })
  return socket
}

async function echoes(socket: WebSocket, messages: readonly string[]): Promise<void> {
  const received: string[] = []
  socket.on('message', (data: Buffer) => received.push(data.toString()))
  for (const message of messages) socket.send(message)
  await until(() => received.length === messages.length, 'all messages came back')
  assert.deepEqual(received, messages)
}

const MESSAGES = ['a', 'b'.repeat(70_000), 'c', 'd'.repeat(300_000), 'e']

/** A server of HTTP/2 that takes extended CONNECT and gives back what it gets. */
function echoTunnel(options: { readonly enabled: boolean }): { server: Server; seen: OutgoingHttpHeaders[] } {
  const seen: OutgoingHttpHeaders[] = []
  const server = createHttp2Server({ settings: { enableConnectProtocol: options.enabled } })
  server.on('stream', (stream, headers) => {
    seen.push(headers)
    stream.on('error', () => {})
    if (headers[':method'] !== 'CONNECT') {
      stream.respond({ ':status': 200 })
      stream.end('not a tunnel')
      return
    }
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  return { server, seen }
}

describe('a WebSocket', () => {
  test('of a client of HTTP/2 reaches a server of HTTP/1.1', async () => {
    const gateway = await gatewayTo(await webSocketEcho())
    const stream = await extendedConnect(gateway.port)
    const [head] = (await once(stream, 'response')) as [OutgoingHttpHeaders]
    assert.equal(head[':status'], 200)
    for (const name of ['connection', 'upgrade', 'sec-websocket-accept']) assert.equal(head[name], undefined)
    const socket = webSocketOn(stream)
    await echoes(socket, MESSAGES)
    socket.close()
    await once(socket, 'close')
    assert.equal(await gateway.logged(), 'HTTP/2 GET 101 - via_upstream')
  })

  test('may be spoken on before it is answered, and ends with its client', async () => {
    let taken: Socket | undefined
    const upstream = await rawServer((socket) => {
      let bytes = ''
      socket.on('data', (chunk) => {
        bytes += chunk.toString('latin1')
        if (taken === undefined && bytes.includes('\r\n\r\n')) {
          taken = socket
          assert.match(bytes, /^GET \/chat HTTP\/1\.1\r\n/)
          assert.match(bytes, /\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n/)
          assert.ok(bytes.endsWith('\r\n\r\n'), 'nothing goes before the answer')
          bytes = ''
          setImmediate(() =>
            socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
          )
        } else if (bytes === 'early') socket.write('late')
      })
      socket.on('end', () => socket.end('bye'))
    })
    closers.push(upstream.close)
    const gateway = await gatewayTo(upstream.port)
    const stream = await extendedConnect(gateway.port)
    stream.end('early')
    let received = ''
    stream.on('data', (chunk: Buffer) => (received += chunk.toString()))
    await once(stream, 'end')
    assert.match(received, /^(late)?bye$/)
  })

  test('is refused to a client of HTTP/2 whose server ignores it', async () => {
    const upstream = await rawServer(respondWith(() => ok('hello')))
    closers.push(upstream.close)
    const gateway = await gatewayTo(upstream.port)
    const stream = await extendedConnect(gateway.port)
    const [head] = (await once(stream, 'response')) as [OutgoingHttpHeaders]
    assert.equal(head[':status'], 502)
    assert.match(await gateway.logged(), /502 UPE/)
  })

  test('of a client of HTTP/1.1 reaches a server of HTTP/2 that takes it', async () => {
    const { server, seen } = echoTunnel({ enabled: true })
    const gateway = await gatewayTo(await listening(server), { protocol: 'http2' })
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws`)
    await once(client, 'open')
    assert.equal(seen[0]?.[':protocol'], 'websocket')
    assert.equal(seen[0]?.[':path'], '/ws')
    client.terminate()
    assert.match(await gateway.logged(), /^HTTP\/1\.1 GET 101/)
  })

  test('of a client of HTTP/2 reaches a server of HTTP/2', async () => {
    const { server } = echoTunnel({ enabled: true })
    const gateway = await gatewayTo(await listening(server), { protocol: 'http2' })
    const stream = await extendedConnect(gateway.port)
    stream.write('one')
    await once(stream, 'response')
    stream.end('two')
    let received = ''
    stream.on('data', (chunk: Buffer) => (received += chunk.toString()))
    await once(stream, 'end')
    assert.equal(received, 'onetwo')
  })

  test('goes over HTTP/1.1 to a server whose HTTP/2 does not know it', async () => {
    const { server, seen } = echoTunnel({ enabled: false })
    const http2Port = await listening(server)
    const http1Port = await webSocketEcho()
    // One port, both versions: what the first byte says.
    const both = createServer((socket) => {
      socket.once('data', (first) => {
        const peer = connectTcp(first[0] === 0x50 ? http2Port : http1Port, '127.0.0.1')
        peer.write(first)
        socket.pipe(peer).pipe(socket)
        for (const one of [socket, peer]) one.on('error', () => {})
      })
    })
    const gateway = await gatewayTo(await listening(both), { protocol: 'http2' })
    for (let i = 0; i < 2; i++) {
      const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws`)
      await once(client, 'open')
      await echoes(client, ['x', 'y'])
      client.terminate()
    }
    assert.deepEqual(seen, [])
  })

  test('is tried again elsewhere when no connection comes about', async () => {
    const gateway = await gatewayTo(1)
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws`)
    const [error] = (await once(client, 'error')) as [Error]
    assert.match(error.message, /503/)
    assert.match(await gateway.logged(), /503 UF,URX/)
  })
})

describe('CONNECT', () => {
  const CONNECTS = { match: { method: { kind: 'exact', value: 'CONNECT' } } } as const
  const HAS_CURL = existsSync('/usr/bin/curl')

  /** A proxy as one forwards to: connects wherever it is asked to. */
  async function forwardProxy(): Promise<{ port: number; asked: string[] }> {
    const asked: string[] = []
    const server = createHttp1Server()
    server.on('connect', (request, socket: Socket, head) => {
      asked.push(request.url ?? '')
      const [host, port] = (request.url ?? '').split(':')
      const peer = connectTcp({ host: host as string, port: Number(port), allowHalfOpen: true }, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        peer.write(head)
        socket.pipe(peer).pipe(socket)
      })
      for (const one of [socket, peer]) one.on('error', () => one.destroy())
    })
    return { port: await listening(server), asked }
  }

  async function website(): Promise<number> {
    const server = createHttp1Server((request, response) => response.end(`you asked for ${request.url}`))
    closers.push(() => server.closeAllConnections())
    return listening(server)
  }

  test('is refused where no route asks for it by name', async () => {
    const gateway = await gatewayTo(await website())
    const client = httpRequest({
      port: gateway.port,
      method: 'CONNECT',
      path: 'example.org:443',
      headers: { host: 'example.org:443' },
    })
    client.on('error', () => {})
    client.end()
    const [response] = (await once(client, 'connect')) as [{ statusCode: number }]
    assert.equal(response.statusCode, 403)
    const stream = session(gateway.port).request({ ':method': 'CONNECT', ':authority': 'example.org:443' })
    const [head] = (await once(stream, 'response')) as [OutgoingHttpHeaders]
    assert.equal(head[':status'], 403)
    assert.match(await gateway.logged(2), /CONNECT 403 - upgrade_failed/)
  })

  test('carries curl to a website through a forward proxy', { skip: !HAS_CURL }, async () => {
    const upstream = await forwardProxy()
    const gateway = await gatewayTo(upstream.port, CONNECTS)
    const site = await website()
    const { stdout } = await run('curl', [
      '-s',
      '--proxytunnel',
      '--noproxy',
      '',
      '-x',
      `http://127.0.0.1:${gateway.port}`,
      `http://127.0.0.1:${site}/page`,
    ])
    assert.equal(stdout, 'you asked for /page')
    assert.deepEqual(upstream.asked, [`127.0.0.1:${site}`])
    assert.equal(await gateway.logged(), 'HTTP/1.1 CONNECT 200 - via_upstream')
  })

  test('of a client of HTTP/2 becomes one of HTTP/1.1, with half-close', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    const echoPort = await listening(echo)
    const upstream = await forwardProxy()
    const gateway = await gatewayTo(upstream.port, CONNECTS)
    const stream = session(gateway.port).request(
      { ':method': 'CONNECT', ':authority': `127.0.0.1:${echoPort}` },
      { endStream: false },
    )
    const [head] = (await once(stream, 'response')) as [OutgoingHttpHeaders]
    assert.equal(head[':status'], 200)
    stream.end('through three hops')
    let received = ''
    stream.on('data', (chunk: Buffer) => (received += chunk.toString()))
    await once(stream, 'end')
    assert.equal(received, 'through three hops')
  })

  test('of a client of HTTP/1.1 becomes one of HTTP/2', async () => {
    const { server, seen } = echoTunnel({ enabled: false })
    const gateway = await gatewayTo(await listening(server), { protocol: 'http2', ...CONNECTS })
    const client = httpRequest({
      port: gateway.port,
      method: 'CONNECT',
      path: 'db.example:5432',
      headers: { host: 'db.example:5432' },
    })
    client.end()
    const [response, socket] = (await once(client, 'connect')) as [{ statusCode: number }, Socket]
    assert.equal(response.statusCode, 200)
    socket.write('ping')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    assert.equal(chunk.toString(), 'ping')
    socket.destroy()
    assert.equal(seen[0]?.[':authority'], 'db.example:5432')
    assert.equal(seen[0]?.[':path'], undefined)
  })

  test('passes over routes that it only happens to fit', async () => {
    const { server, seen } = echoTunnel({ enabled: false })
    const gateway = await gatewayTo(await listening(server), { protocol: 'http2', ...CONNECTS })
    const first = routeObject('before', {
      port: gateway.port,
      order: -1,
      action: { kind: 'respond', status: 299, reason: 'test' },
    })
    assert.deepEqual(gateway.proxy.accept(changesOf([first])), [])
    const stream = session(gateway.port).request(
      { ':method': 'CONNECT', ':authority': 'db.example:5432' },
      { endStream: false },
    )
    const [head] = (await once(stream, 'response')) as [OutgoingHttpHeaders]
    assert.equal(head[':status'], 200)
    assert.equal(seen.length, 1)
    stream.destroy()
    const plain = session(gateway.port).request({ ':path': '/' })
    const [answer] = (await once(plain, 'response')) as [OutgoingHttpHeaders]
    assert.equal(answer[':status'], 299)
  })

  test('with a body is refused: its bytes could be read as the tunnel’s', async () => {
    const gateway = await gatewayTo(await website(), CONNECTS)
    const socket = connectTcp(gateway.port, '127.0.0.1')
    socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\n\r\nabc')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    assert.match(chunk.toString(), /^HTTP\/1\.1 400 /)
    socket.destroy()
  })
})
