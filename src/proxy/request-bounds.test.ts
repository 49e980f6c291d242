/** What requests are bounded by: the size of their heads, the version, and time. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Session,
} from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { createManualClock, systemRandom } from '../base/index.ts'
import { type HttpBounds, httpBoundsName } from '../model/index.ts'
import { createProxyThread } from './exchange/thread.ts'
import { HTTP_SETTINGS, type HttpSettings } from './exchange/rules.ts'
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
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from './testing.ts'

const clock = createManualClock()
let proxy: TestProxy
let closeServer = () => {}
const clients: Socket[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  proxy.close()
  closeServer()
})

async function serve(
  settings: Partial<HttpSettings>,
  server: (socket: Socket) => void,
  mesh: object = {},
  http2?: number,
): Promise<number> {
  const port = await freePort()
  const upstream = await rawServer(server)
  closeServer = () => upstream.close()
  proxy = createTestProxy({
    thread: createProxyThread({ clock, random: systemRandom }),
    http: { ...HTTP_SETTINGS, ...settings },
  })
  const service = serviceObject('s', {
    ports: [{ port: 80, name: 'p', protocol: http2 === undefined ? 'http' : 'http2' }],
  })
  const workload = workloadObject('w', {
    address: '127.0.0.1',
    services: { [service.key]: { ports: { '80': http2 ?? upstream.port }, ready: true } },
  })
  const objects = [
    { ...meshObject('%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'), ...mesh },
    service,
    workload,
    listenerObject(port),
    routeObject('r', { port, action: forwardTo(service) }),
  ]
  assert.deepEqual(proxy.accept(changesOf(objects)), [])
  await until(() => proxy.isBound(), 'the port is bound')
  return port
}

/** As an EnvoyFilter of `demo` would, unless said otherwise for gateways. */
function setBounds(bounds: Partial<Omit<HttpBounds, 'key'>> & { readonly name?: string }): void {
  const { name = 'b', ...rest } = bounds
  const origin = { kind: 'EnvoyFilter', namespace: 'demo', name }
  const object = {
    type: 'http-bounds',
    key: httpBoundsName(origin, '0'),
    selector: { labels: {} },
    sides: ['gateway'],
    place: { kind: 'listener' },
    order: [0],
    origin,
    ...rest,
  }
  assert.deepEqual(proxy.accept(changesOf([object as HttpBounds])), [])
}

/** Answers each request with how large its head was. */
function measure(socket: Socket): void {
  let head = ''
  socket.on('data', (chunk) => {
    head += chunk.toString('latin1')
    if (!head.includes('\r\n\r\n')) return
    socket.write(ok(String(head.length)))
    head = ''
  })
}

async function dial(
  port: number,
): Promise<{ socket: Socket; received: () => string; closed: () => boolean }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  clients.push(socket)
  let received = ''
  let closed = false
  socket.on('data', (chunk) => (received += chunk.toString('latin1')))
  socket.on('error', () => {})
  socket.on('end', () => (closed = true))
  socket.on('close', () => (closed = true))
  await once(socket, 'connect')
  return { socket, received: () => received, closed: () => closed }
}

const fieldsOf = (count: number, value = 'v') =>
  Array.from({ length: count }, (_, i) => `x-${i}: ${value}\r\n`).join('')
const requestWith = (lines: string) => `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`

describe('a request head', () => {
  test('may have 60 KiB and 100 fields', async () => {
    const port = await serve({}, measure)
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(90))), /^HTTP\/1.1 200/)
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(120))), /^HTTP\/1.1 431/)
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(50, 'v'.repeat(1000)))), /^HTTP\/1.1 200/)
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(70, 'v'.repeat(1000)))), /^HTTP\/1.1 431/)
  })

  test('may have more, or less, where that is asked for', async () => {
    const port = await serve({ requestHead: { bytesMax: 300 * 1024, fieldsMax: 600 } }, measure)
    const large = requestWith(fieldsOf(500, 'v'.repeat(500)))
    const answer = await exchangeBytes(port, large)
    assert.match(answer, /^HTTP\/1.1 200/)
    assert.ok(Number(answer.slice(answer.indexOf('\r\n\r\n') + 4)) > large.length)
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(620))), /^HTTP\/1.1 431/)
    proxy.close()
    closeServer()
    const narrow = await serve({ requestHead: { bytesMax: 1024, fieldsMax: 5 } }, measure)
    assert.match(await exchangeBytes(narrow, requestWith(fieldsOf(2))), /^HTTP\/1.1 200/)
    assert.match(await exchangeBytes(narrow, requestWith(fieldsOf(5))), /^HTTP\/1.1 431/)
    assert.match(await exchangeBytes(narrow, requestWith(fieldsOf(1, 'v'.repeat(1100)))), /^HTTP\/1.1 431/)
  })

  test('is bounded in the same way in HTTP/2', async () => {
    const port = await serve({ requestHead: { bytesMax: 300 * 1024, fieldsMax: 600 } }, measure)
    const session = connectHttp2(`http://127.0.0.1:${port}`, { maxSendHeaderBlockLength: 1_000_000 })
    const ask = async (count: number) => {
      const headers = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v'.repeat(400)]))
      const [head] = (await once(session.request({ ':path': '/', ...headers }), 'response')) as [
        { ':status': number },
      ]
      return head[':status']
    }
    assert.equal(await ask(500), 200)
    assert.equal(await ask(601), 431)
    session.destroy()
  })

  test('that does not come to its end is answered with 408 after the time that it may take', async () => {
    const port = await serve({ headTimeoutMs: 2000 }, measure)
    const { socket, received } = await dial(port)
    socket.write('GET / HTTP/1.1\r\nHo')
    await until(() => proxy.work.events > 0, 'it has come')
    clock.advance(1000)
    assert.equal(received(), '')
    clock.advance(1100)
    await until(() => received().startsWith('HTTP/1.1 408'), 'it is refused')
  })
})

describe('the head of a response', () => {
  const respond = (fields: () => string) => (socket: Socket) =>
    socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n${fields()}content-length: 0\r\n\r\n`))
  const lastLog = () => proxy.logLines.join('').trim().split('\n').at(-1)

  test('may have 60 KiB and 100 fields', async () => {
    let fields = fieldsOf(90)
    const port = await serve(
      {},
      respond(() => fields),
    )
    assert.match(await exchangeBytes(port, requestWith('')), /^HTTP\/1.1 200/)
    fields = fieldsOf(120)
    assert.match(await exchangeBytes(port, requestWith('')), /^HTTP\/1.1 502/)
    assert.match(lastLog() ?? '', /^502 UPE /)
    fields = fieldsOf(50, 'v'.repeat(1000))
    assert.match(await exchangeBytes(port, requestWith('')), /^HTTP\/1.1 200/)
    fields = fieldsOf(70, 'v'.repeat(1000))
    assert.match(await exchangeBytes(port, requestWith('')), /^HTTP\/1.1 502/)
  })

  test('may have more, or less, where that is asked for', async () => {
    let fields = fieldsOf(500, 'v'.repeat(500))
    const port = await serve(
      { responseHead: { bytesMax: 300 * 1024, fieldsMax: 600 } },
      respond(() => fields),
    )
    const answer = await exchangeBytes(port, requestWith(''))
    assert.match(answer, /^HTTP\/1.1 200/)
    assert.match(answer, /x-499: v/)
    fields = fieldsOf(620)
    assert.match(await exchangeBytes(port, requestWith('')), /^HTTP\/1.1 502/)
  })

  test('is bounded in the same way in HTTP/2', async () => {
    const server = createHttp2Server()
    let count = 90
    server.on('stream', (stream) => {
      stream.respond(Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v'])))
      stream.end()
    })
    const sessions: ServerHttp2Session[] = []
    server.on('session', (session) => sessions.push(session))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port: upstreamPort } = server.address() as AddressInfo
    const port = await serve({}, () => {}, {}, upstreamPort)
    assert.match(await exchangeBytes(port, requestWith('')), /^HTTP\/1.1 200/)
    count = 120
    assert.match(await exchangeBytes(port, requestWith('')), /^HTTP\/1.1 502/)
    setBounds({ place: { kind: 'cluster' }, headFieldsMax: 200 })
    const [before] = sessions
    before?.destroy()
    const [host] = [...proxy.runtime.clusters()].flatMap((cluster) => [...cluster.hosts()])
    await until(() => host?.counters.connectionsActive === 0, 'the connection is gone')
    assert.match(await exchangeBytes(port, requestWith('')), /^HTTP\/1.1 200/)
    for (const session of sessions) session.destroy()
    server.close()
  })
})

describe('bounds that the control plane sends', () => {
  test('hold for the ports that they name, and from the moment that they come until they go', async () => {
    const port = await serve({}, measure)
    const { socket, received } = await dial(port)
    const narrow = { place: { kind: 'listener', port }, headFieldsMax: 5 } as const
    setBounds({ place: { kind: 'listener', port: port === 1 ? 2 : 1 }, headFieldsMax: 5 })
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(50))), /^HTTP\/1.1 200/)
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${fieldsOf(50)}\r\n`)
    await until(() => received().startsWith('HTTP/1.1 200'), 'it is answered')
    setBounds(narrow)
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(50))), /^HTTP\/1.1 431/)
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${fieldsOf(50)}\r\n`)
    await until(() => received().includes('HTTP/1.1 431'), 'a connection that there was follows too')
    setBounds({ ...narrow, sides: ['inbound', 'outbound'] })
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(50))), /^HTTP\/1.1 200/)
    setBounds(narrow)
    proxy.accept([{ kind: 'remove', type: 'http-bounds', key: 'EnvoyFilter/demo/b/0' }])
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(50))), /^HTTP\/1.1 200/)
  })

  test('of which the later counts, member by member', async () => {
    const port = await serve({}, measure)
    setBounds({ place: { kind: 'listener' }, headFieldsMax: 5, headBytesMax: 200 })
    setBounds({ name: 'c', place: { kind: 'listener', port }, headFieldsMax: 60, order: [1] })
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(10))), /^HTTP\/1.1 200/)
    assert.match(await exchangeBytes(port, requestWith(fieldsOf(1, 'v'.repeat(300)))), /^HTTP\/1.1 431/)
  })

  test('of responses hold for the services that they name', async () => {
    const port = await serve({}, (socket) =>
      socket.on('data', () => socket.end(`HTTP/1.1 200 OK\r\n${fieldsOf(20)}content-length: 0\r\n\r\n`)),
    )
    const status = async () => (await exchangeBytes(port, requestWith(''))).slice(9, 12)
    const hostname = 's.demo.svc.cluster.local'
    setBounds({ place: { kind: 'cluster', hostname: 'other', port: 80 }, headFieldsMax: 5 })
    assert.equal(await status(), '200')
    setBounds({ place: { kind: 'cluster', hostname, port: 81 }, headFieldsMax: 5 })
    assert.equal(await status(), '200')
    setBounds({ place: { kind: 'cluster', hostname, port: 80, subset: 'v1' }, headFieldsMax: 5 })
    assert.equal(await status(), '200')
    setBounds({ place: { kind: 'cluster', hostname, port: 80 }, headFieldsMax: 5 })
    assert.equal(await status(), '502')
  })
})

describe('a request that does not come to its end', () => {
  test('is answered with 408 after the time that the whole of it may take', async () => {
    const port = await serve({}, () => {})
    setBounds({ place: { kind: 'listener' }, requestTimeoutMs: 8000 })
    const { socket, received } = await dial(port)
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab')
    await until(() => proxy.work.events > 0, 'it has come')
    clock.advance(7000)
    assert.equal(received(), '')
    clock.advance(2100)
    await until(() => received().startsWith('HTTP/1.1 408'), 'it is ended')
    assert.match(received(), /request timeout$/)
    assert.match(proxy.logLines.join(''), /408 - request_overall_timeout/)
  })

  test('goes on when it is there, or when an answer has begun', async () => {
    const port = await serve({ requestTimeoutMs: 8000 }, (socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')),
    )
    const { socket, received, closed } = await dial(port)
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab')
    await until(() => received().endsWith('half'), 'it has begun')
    clock.advance(20_000)
    assert.equal(closed(), false)
    assert.doesNotMatch(received(), /408/)
  })
})

describe('HTTP/1.0', () => {
  const REQUEST = 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'

  test('is answered as any other', async () => {
    assert.match(await exchangeBytes(await serve({}, measure), REQUEST), /^HTTP\/1.1 200/)
  })

  test('is refused with 426 by proxies of a mesh', async () => {
    const port = await serve({ acceptHttp10: false }, measure)
    assert.match(await exchangeBytes(port, REQUEST), /^HTTP\/1.1 426 Upgrade Required\r\n/)
    assert.ok(proxy.logLines.some((line) => line.includes('426') && line.includes('low_version')))
  })

  test('is answered where the mesh says so', async () => {
    const port = await serve({ acceptHttp10: false }, measure, { acceptsHttp10: true })
    assert.match(await exchangeBytes(port, REQUEST), /^HTTP\/1.1 200/)
  })
})

describe('a request that stands still', () => {
  const logged = () => proxy.logLines.join('')

  test('is answered with 408 while it is still coming', async () => {
    let seen = ''
    const port = await serve({ streamIdleTimeoutMs: 8000 }, (upstream) =>
      upstream.on('data', (bytes: Buffer) => (seen += bytes.toString('latin1'))),
    )
    const { socket, received } = await dial(port)
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab')
    // Not before it is connected: that, too, has its time by this clock.
    await until(() => seen.endsWith('ab'), 'it has come')
    // What moves is not ended.
    for (let i = 0; i < 5; i++) {
      const before = seen.length
      clock.advance(5000)
      socket.write('c')
      await until(() => seen.length > before, 'more of it has come')
    }
    assert.equal(received(), '')
    clock.advance(9100)
    await until(() => received().startsWith('HTTP/1.1 408'), 'it is ended')
    assert.match(logged(), /408 SI stream_idle_timeout/)
  })

  test('is answered with 504 when its answer does not come', async () => {
    let asked = false
    const port = await serve({ streamIdleTimeoutMs: 8000 }, (socket) =>
      socket.on('data', () => (asked = true)),
    )
    const { socket, received } = await dial(port)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => asked, 'the server has it')
    clock.advance(9100)
    await until(() => received().startsWith('HTTP/1.1 504'), 'it is ended')
    assert.match(received(), /stream timeout$/)
    assert.match(logged(), /504 SI stream_idle_timeout/)
  })

  test('is broken off when its answer stops', async () => {
    const port = await serve({ streamIdleTimeoutMs: 8000 }, (socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')),
    )
    const { socket, received, closed } = await dial(port)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => received().endsWith('half'), 'it has begun')
    clock.advance(7000)
    assert.equal(closed(), false)
    clock.advance(9100)
    await until(closed, 'it is broken off')
    assert.match(logged(), /200 SI stream_idle_timeout/)
  })
})
