import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import * as http2 from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as tls from 'node:tls'
import * as grpc from '@grpc/grpc-js'
import fc from 'fast-check'
import { createHttp2Client, type Http2ClientHandle } from './client.ts'
import { createHttp2Server } from './server.ts'
import {
  createTestThread,
  ECHO,
  NO_ENDPOINTS,
  responseHead,
  sendRequest,
  serve,
  type TestServer,
} from './testing.ts'
import { fieldEntries } from '../http1/head-block.ts'
import type { Stream, StreamEvents } from './types.ts'

/** Other implementations as peers: nghttp2 inside node:http2, curl and nghttp where installed, and grpc-js. */

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0

const OPENSSL = 'openssl'

/** Without blocking: the server is in this process. */
async function outputOf(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.end(input)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(child, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

/** A request by node:http2's client. */
async function ask(
  session: http2.ClientHttp2Session,
  fields: http2.OutgoingHttpHeaders,
  body?: Buffer,
): Promise<{ head: http2.IncomingHttpHeaders; body: Buffer; trailers: http2.IncomingHttpHeaders }> {
  const stream = session.request(fields, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  let trailers: http2.IncomingHttpHeaders = {}
  stream.on('trailers', (fields) => {
    trailers = fields
  })
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
  if (!stream.closed) await once(stream, 'close')
  return { head, body: Buffer.concat(chunks), trailers }
}

const fieldName = fc.stringMatching(/^x-[a-z0-9]{1,8}$/)
const fieldValue = fc.stringMatching(/^[!-~]([ -~]{0,60}[!-~])?$/)
const fieldSet = fc.dictionary(
  fc.oneof(fieldName, fc.constantFrom('user-agent', 'accept', 'etag', 'x-same')),
  fc.oneof(fieldValue, fc.constantFrom('same', 'v')),
  { maxKeys: 10, noNullPrototype: true },
)

describe('our server', () => {
  let server: TestServer
  let session: http2.ClientHttp2Session
  before(async () => {
    // Gives each request field back as a response field.
    const events: StreamEvents = {
      ...ECHO,
      head(stream) {
        if (stream.method !== 'MIRROR') return ECHO.head(stream)
        const lines = fieldEntries(stream.head as NonNullable<Stream['head']>)
          .filter(([name]) => name !== 'host')
          .map(([name, value]) => `${name}: ${value}\r\n`)
        stream.sendHead(responseHead(200, lines.join('')))
        stream.done()
      },
    }
    server = await serve({ events })
    session = http2.connect(`http://127.0.0.1:${server.port}`)
  })
  after(() => {
    session.close()
    server.close()
  })

  test('serves node:http2, many requests at a time', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(session, { ':path': '/x' })))
    for (const { head, body } of answers) {
      assert.equal(head[':status'], 200)
      assert.equal(body.length, 1024)
    }
  })

  test('carries bodies of any size to node:http2 and back', async () => {
    for (const size of [0, 1, 16_384, 16_385, 65_535, 65_536, 1_000_000, 20_000_000]) {
      const body = Buffer.alloc(size, `${size} bytes `)
      const answer = await ask(session, { ':method': 'POST', ':path': '/' }, body)
      assert.ok(answer.body.equals(body), `${size} bytes`)
    }
  })

  test('reads and writes any fields as nghttp2 does', async () => {
    await fc.assert(
      fc.asyncProperty(fieldSet, async (fields) => {
        const { head } = await ask(session, { ':method': 'MIRROR', ':path': '/', ...fields })
        const { ':status': status, ...echoed } = head
        assert.equal(status, 200)
        assert.deepEqual(Object.fromEntries(Object.entries(echoed)), fields)
      }),
      { numRuns: 200 },
    )
  })

  test('serves curl', { skip: !has('curl') && 'curl is not installed' }, async () => {
    const url = `http://127.0.0.1:${server.port}/`
    const common = ['-s', '--http2-prior-knowledge', '--max-time', '10']
    assert.equal((await outputOf('curl', [...common, url])).length, 1024)
    assert.equal(await outputOf('curl', [...common, '-d', 'hello', url]), 'hello')
    assert.match(await outputOf('curl', [...common, '-I', url]), /^HTTP\/2 200/)
    const large = 'x'.repeat(3_000_000)
    assert.equal(await outputOf('curl', [...common, '--data-binary', '@-', url], large), large)
  })

  test('serves nghttp', { skip: !has('nghttp') && 'nghttp is not installed' }, async () => {
    const url = `http://127.0.0.1:${server.port}/`
    assert.equal((await outputOf('nghttp', ['-m', '20', '--no-dep', url])).length, 20 * 1024)
    assert.equal((await outputOf('nghttp', ['--continuation', '--padding=200', url])).length, 1024)
  })
})

test('our server serves a call of grpc-js, its message and its status', async () => {
  const server = await serve({
    events: {
      ...ECHO,
      end: (stream) => (stream.sendEnd('grpc-status: 0\r\ngrpc-message: fine\r\n'), stream.done()),
    },
  })
  const client = new grpc.Client(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure())
  const identity = (bytes: Buffer): Buffer => bytes
  const message = Buffer.alloc(200_000, 'm')
  const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
    client.makeUnaryRequest('/echo.Echo/Unary', identity, identity, message, (error, value) =>
      error ? reject(error) : resolve(value),
    )
  })
  assert.ok(answer?.equals(message))
  client.close()
  server.close()
})

test(
  'our server serves node:http2 over TLS, chosen by ALPN',
  { skip: !has(OPENSSL) && 'openssl is not installed' },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lateen-http2-'))
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
    const files = ['-keyout', keyFile, '-out', certFile]
    spawnSync(OPENSSL, [
      'req',
      '-x509',
      ...curve,
      '-nodes',
      ...files,
      '-subj',
      '/CN=test.local',
      '-days',
      '1',
    ])
    const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)]
    rmSync(directory, { recursive: true })
    const thread = createTestThread()
    const server = tls.createServer({ key, cert, ALPNProtocols: ['h2'], allowHalfOpen: true }, (socket) => {
      assert.equal(socket.alpnProtocol, 'h2')
      const handle = createHttp2Server({
        socket,
        isEncrypted: true,
        thread,
        events: ECHO,
        endpoints: NO_ENDPOINTS,
        onClose() {},
      })
      socket.on('data', (chunk: Buffer) => handle.receive(chunk, 0, chunk.length))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
    const bodies = Array.from({ length: 30 }, (_, index) => Buffer.alloc(index * 20_000, `${index}.`))
    const answers = await Promise.all(
      bodies.map((body) => ask(session, { ':method': 'POST', ':path': '/' }, body)),
    )
    answers.forEach((answer, index) =>
      assert.ok(answer.body.equals(bodies[index] as Buffer), `body ${index}`),
    )
    session.close()
    server.close()
  },
)

interface Answer {
  status: number
  fields: [string, string][]
  body: Buffer[]
  trailers: string
}

/** Our client on a socket; each stream's owner is its answer and what to do when it is whole. */
function connectOurs(port: number): { readonly client: Http2ClientHandle; readonly socket: Socket } {
  const socket = connectSocket({ host: '127.0.0.1', port, noDelay: true })
  const whole = (stream: Stream): [Answer, (answer: Answer | Error) => void] => stream.owner as never
  const events: StreamEvents = {
    head(stream) {
      whole(stream)[0].status = stream.status
      whole(stream)[0].fields = fieldEntries(stream.head as NonNullable<Stream['head']>)
    },
    informational() {},
    data: (stream, bytes, start, end) =>
      void whole(stream)[0].body.push(Buffer.copyBytesFrom(bytes, start, end - start)),
    end(stream, trailers) {
      const [answer, resolve] = whole(stream)
      answer.trailers = trailers
      resolve(answer)
    },
    flush() {},
    drained() {},
    closed: (stream, end) => whole(stream)[1](new Error(end.detail)),
    refused() {},
    malformed() {},
  }
  const client = createHttp2Client({
    socket,
    thread: createTestThread(),
    events,
    endpoints: NO_ENDPOINTS,
    onClose() {},
  })
  socket.on('data', (chunk: Buffer) => client.receive(chunk, 0, chunk.length))
  return { client, socket }
}

function askOurs(
  client: Http2ClientHandle,
  request: { method?: string; path?: string; lines?: string },
  body?: Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const answer: Answer = { status: 0, fields: [], body: [], trailers: '' }
    const done = (result: Answer | Error): void =>
      result instanceof Error ? reject(result) : resolve(result)
    const stream = client.open([answer, done])
    sendRequest(stream, request)
    if (body !== undefined) stream.sendData(body, 0, body.length)
    stream.sendEnd('')
  })
}

describe('our client', () => {
  let server: http2.Http2Server
  let port = 0
  before(async () => {
    server = http2.createServer()
    server.on('stream', (stream, fields) => {
      const {
        ':path': path,
        ':method': method,
        ':scheme': _scheme,
        ':authority': _authority,
        ...rest
      } = fields
      if (method === 'MIRROR') {
        stream.respond(rest)
        stream.end()
      } else if (path === '/trailers') {
        stream.respond({}, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }))
        stream.end('body')
      } else if (path === '/hints') {
        stream.additionalHeaders({ ':status': 103, link: '</a.css>' })
        stream.respond({})
        stream.end('after')
      } else {
        stream.respond({})
        stream.pipe(stream)
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as { port: number }).port
  })
  after(() => void server.close())

  test('asks node:http2, many requests at a time, before it has heard of it', async () => {
    const { client, socket } = connectOurs(port)
    const bodies = Array.from({ length: 100 }, (_, index) => Buffer.alloc(index * 1000, `${index}`))
    const answers = await Promise.all(bodies.map((body) => askOurs(client, { method: 'POST' }, body)))
    answers.forEach((answer, index) => assert.ok(Buffer.concat(answer.body).equals(bodies[index] as Buffer)))
    socket.destroy()
  })

  test('sends and takes a body larger than all windows', async () => {
    const { client, socket } = connectOurs(port)
    const body = Buffer.alloc(40_000_000, 'large')
    const answer = await askOurs(client, { method: 'POST' }, body)
    assert.ok(Buffer.concat(answer.body).equals(body))
    socket.destroy()
  })

  test('takes trailers, and responses before the final one', async () => {
    const { client, socket } = connectOurs(port)
    const answer = await askOurs(client, { path: '/trailers' })
    assert.equal(answer.trailers, 'x-sum: 42\r\n')
    assert.equal(Buffer.concat((await askOurs(client, { path: '/hints' })).body).toString(), 'after')
    socket.destroy()
  })

  test('writes and reads any fields as nghttp2 does', async () => {
    const { client, socket } = connectOurs(port)
    await fc.assert(
      fc.asyncProperty(fieldSet, async (fields) => {
        const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
        const answer = await askOurs(client, { method: 'MIRROR', lines: lines.join('') })
        const echoed = Object.fromEntries(answer.fields.filter(([name]) => name !== 'date'))
        assert.deepEqual(echoed, fields)
      }),
      { numRuns: 200 },
    )
    socket.destroy()
  })
})

test('our client calls a server of grpc-js: the answer, its status, and the status of a call that fails', async () => {
  const server = new grpc.Server()
  const identity = (bytes: Buffer): Buffer => bytes
  const method = {
    path: '/e.E/U',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  }
  server.addService(
    { u: method },
    {
      u(call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) {
        if (call.request.length > 0) answer(null, call.request)
        else answer({ code: grpc.status.NOT_FOUND, details: 'nothing there' })
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  const { client, socket } = connectOurs(port)
  const lines = 'content-type: application/grpc\r\nte: trailers\r\n'
  const call = (message: Buffer) => {
    const length = Buffer.alloc(5)
    length.writeUInt32BE(message.length, 1)
    return askOurs(client, { method: 'POST', path: '/e.E/U', lines }, Buffer.concat([length, message]))
  }
  const answer = await call(Buffer.alloc(100_000, 'm'))
  assert.equal(Buffer.concat(answer.body).length, 100_005)
  assert.match(answer.trailers, /grpc-status: 0\r\n/)
  const failed = await call(Buffer.alloc(0))
  const said = failed.trailers + failed.fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  assert.match(said, /grpc-status: 5\r\n/)
  socket.destroy()
  server.forceShutdown()
})
