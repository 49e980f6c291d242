import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:http2'
import { after, afterEach, before, describe, test } from 'node:test'
import fc from 'fast-check'
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { startGateway, startSidecar } from '../../testing-gateway.ts'
import { exchangeBytes, ok, rawServer, respondWith } from '../../testing.ts'
import { createBase64Decoder, createBase64Encoder } from './base64.ts'

const METHOD = {
  originalName: 'x',
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
}

/** A server of grpc-js that turns bytes around, one message or many. */
async function startServer(): Promise<{ port: number; close: () => void; seen: Metadata[] }> {
  const seen: Metadata[] = []
  const server = new Server()
  server.addService(
    {
      Turn: { ...METHOD, path: '/test.Service/Turn', requestStream: false, responseStream: false },
      Each: { ...METHOD, path: '/test.Service/Each', requestStream: true, responseStream: true },
    },
    {
      Turn: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        seen.push(call.metadata)
        if (call.request.toString() === 'fail')
          return done({ code: status.FAILED_PRECONDITION, details: 'not ready: 50%' })
        const trailers = new Metadata()
        trailers.set('x-turned', 'yes')
        done(null, Buffer.from(call.request).reverse(), trailers)
      },
      Each: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (message: Buffer) => call.write(Buffer.from(message).reverse()))
        call.on('end', () => call.end())
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return { port, close: () => server.forceShutdown(), seen }
}

interface WebAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly messages: readonly Buffer[]
  readonly trailers: Readonly<Record<string, string>>
}

function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** A client as the specification has it. */
function call(
  port: number,
  options: {
    readonly method?: string
    readonly type?: string
    readonly messages: readonly Buffer[]
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: Buffer
  },
): Promise<WebAnswer> {
  const type = options.type ?? 'application/grpc-web+proto'
  const isText = type.includes('-text')
  const frames = options.messages.map(frame)
  const body =
    options.body ??
    (isText ? Buffer.from(frames.map((one) => one.toString('base64')).join('')) : Buffer.concat(frames))
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: `/test.Service/${options.method ?? 'Turn'}`,
        headers: {
          host: 's.demo.svc.cluster.local',
          'content-type': type,
          accept: isText ? 'application/grpc-web-text' : 'application/grpc-web+proto',
          'x-grpc-web': '1',
          ...options.headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const raw = Buffer.concat(chunks)
          assert.deepEqual(response.trailers, {}, 'trailers are in the body')
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            ...readFrames(isText ? decodeText(raw.toString('latin1')) : raw),
          })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Groups of four, padded wherever one ends. */
function decodeText(text: string): Buffer {
  assert.equal(text.length % 4, 0)
  return Buffer.concat((text.match(/.{4}/g) ?? []).map((group) => Buffer.from(group, 'base64')))
}

function readFrames(bytes: Buffer): Pick<WebAnswer, 'messages' | 'trailers'> {
  const messages: Buffer[] = []
  const trailers: Record<string, string> = {}
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    const content = bytes.subarray(at + 5, end)
    if (bytes[at] === 0x80) {
      assert.equal(end, bytes.length, 'trailers are the last frame')
      for (const line of content.toString().trim().split('\r\n')) {
        const colon = line.indexOf(':')
        trailers[line.slice(0, colon)] = line.slice(colon + 1).trim()
      }
    } else messages.push(content)
    at = end
  }
  return { messages, trailers }
}

describe('gRPC-Web', () => {
  let grpc: Awaited<ReturnType<typeof startServer>>
  const closers: (() => void)[] = []
  before(async () => {
    grpc = await startServer()
  })
  after(() => grpc.close())
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  async function gateway(more: Partial<Parameters<typeof startGateway>[0]> = {}) {
    const started = await startGateway({ upstreamPort: grpc.port, protocol: 'grpc', ...more })
    closers.push(started.close)
    return started
  }

  for (const type of [
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grpc-web-text',
    'application/grpc-web-text+proto',
  ]) {
    test(`${type} reaches a server of gRPC and comes back with its trailers`, async () => {
      const { port, logged } = await gateway()
      for (const size of [0, 1, 2, 3, 100_000]) {
        const message = Buffer.alloc(size, 'abcdefg')
        const answer = await call(port, { type, messages: [message] })
        assert.equal(answer.status, 200)
        const kind = type.includes('-text') ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto'
        assert.equal(answer.headers['content-type'], kind)
        assert.deepEqual(answer.messages, [Buffer.from(message).reverse()])
        assert.equal(answer.trailers['grpc-status'], '0')
        assert.equal(answer.trailers['x-turned'], 'yes')
      }
      assert.match(await logged(), /^HTTP\/1\.1 POST 200 - via_upstream/)
    })
  }

  test('streams in both directions', async () => {
    const { port } = await gateway()
    const messages = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i * 37, `m${i}`))
    for (const type of ['application/grpc-web', 'application/grpc-web-text']) {
      const answer = await call(port, { type, method: 'Each', messages })
      assert.deepEqual(
        answer.messages,
        messages.map((message) => Buffer.from(message).reverse()),
      )
      assert.equal(answer.trailers['grpc-status'], '0')
    }
  })

  test('is told the status of a call that fails', async () => {
    const { port } = await gateway()
    const answer = await call(port, { messages: [Buffer.from('fail')] })
    const all = { ...answer.headers, ...answer.trailers }
    assert.equal(answer.status, 200)
    assert.equal(all['grpc-status'], '9')
    assert.equal(decodeURIComponent(String(all['grpc-message'])), 'not ready: 50%')
  })

  test('is told in its own words what the proxy answers', async () => {
    const refused = await gateway({
      filters: [{ kind: 'fault', abort: { percent: 100, status: 200, grpcStatus: 8 } }],
    })
    const answer = await call(refused.port, {
      type: 'application/grpc-web-text',
      messages: [Buffer.from('x')],
    })
    assert.equal(answer.headers['content-type'], 'application/grpc-web-text+proto')
    assert.equal(answer.headers['grpc-status'], '8')
    const nowhere = await startGateway({ upstreamPort: 1, protocol: 'grpc' })
    closers.push(nowhere.close)
    const unreached = await call(nowhere.port, { messages: [Buffer.from('x')] })
    assert.equal(unreached.headers['grpc-status'], '14')
    assert.match(String(unreached.headers['grpc-message']), /upstream connect error/)
  })

  test('is refused when its base64 is none, or not whole', async () => {
    const { port } = await gateway()
    for (const body of ['AAAA!AAA', 'AAAAA', 'A=AA', 'AA=A', '====']) {
      const answer = await call(port, {
        type: 'application/grpc-web-text',
        messages: [],
        body: Buffer.from(body),
      })
      assert.equal(answer.headers['grpc-status'], '13', body)
    }
  })

  test('tells the server what gRPC expects, and nothing of base64', async () => {
    const { port } = await gateway()
    grpc.seen.length = 0
    await call(port, {
      type: 'application/grpc-web-text',
      messages: [Buffer.from('x')],
      headers: { 'x-mine': '1' },
    })
    const seen = grpc.seen[0]?.getMap() ?? {}
    assert.equal(seen['x-mine'], '1')
    assert.equal(grpc.seen[0]?.get('content-length').length, 0)
  })

  test('waits with its request for a delay', async () => {
    const { port } = await gateway({ filters: [{ kind: 'fault', delay: { percent: 100, ms: 20 } }] })
    const answer = await call(port, { type: 'application/grpc-web-text', messages: [Buffer.from('abc')] })
    assert.deepEqual(answer.messages, [Buffer.from('cba')])
  })

  test('over HTTP/2 is the same', async () => {
    const { port } = await gateway()
    const session = connect(`http://127.0.0.1:${port}`)
    closers.push(() => session.destroy())
    const stream = session.request({
      ':method': 'POST',
      ':path': '/test.Service/Turn',
      'content-type': 'application/grpc-web+proto',
    })
    stream.end(frame(Buffer.from('abc')))
    const chunks: Buffer[] = []
    let trailers = 0
    stream.on('trailers', () => trailers++)
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    const answer = readFrames(Buffer.concat(chunks))
    assert.deepEqual(answer.messages, [Buffer.from('cba')])
    assert.equal(answer.trailers['grpc-status'], '0')
    assert.equal(trailers, 0)
  })

  test('is translated by sidecars too', async () => {
    const sidecar = await startSidecar({
      upstreamPort: grpc.port,
      protocol: 'grpc',
      log: '%RESPONSE_CODE%\n',
    })
    closers.push(sidecar.close)
    const answer = await call(sidecar.port, { messages: [Buffer.from('abc')] })
    assert.deepEqual(answer.messages, [Buffer.from('cba')])
  })

  test('goes as it is to a server whose port is not declared to speak gRPC', async () => {
    let head = ''
    const server = await rawServer(
      respondWith((got) => {
        head = got
        return ok('mine', 'content-type: application/grpc-web\r\n')
      }),
    )
    closers.push(server.close)
    const plain = await gateway({ upstreamPort: server.port, protocol: 'http' })
    const text =
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/grpc-web-text\r\nContent-Length: 4\r\n\r\nAAAA'
    assert.match(await exchangeBytes(plain.port, text), /content-type: application\/grpc-web\r\n.*mine$/s)
    assert.match(head, /\r\ncontent-type: application\/grpc-web-text\r\n/)
  })

  test('a server that is none of gRPC is no answer', async () => {
    const { createServer } = await import('node:http2')
    const server = createServer((_request, response) => {
      response.statusCode = 404
      response.end('<html>nothing here</html>')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    closers.push(() => server.close())
    const { port } = await gateway({ upstreamPort: (server.address() as { port: number }).port })
    const answer = await call(port, { messages: [Buffer.from('x')] })
    assert.equal(answer.status, 404)
    assert.equal(answer.headers['grpc-status'], '12')
    assert.deepEqual(answer.messages, [])
  })
})

test('base64 in pieces is what it is in one', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 })
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (bodies, sizes) => {
      const frames = bodies.map((body) => frame(Buffer.from(body)))
      const bytes = Buffer.concat(frames)
      const encoder = createBase64Encoder()
      const decoder = createBase64Decoder()
      const decoded: Buffer[] = []
      let text = ''
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const end = Math.min(bytes.length, at + (sizes[turn % sizes.length] as number))
        const piece = encoder.encode(bytes, at, end)
        text += piece.toString('latin1')
        decoded.push(decoder.decode(piece, 0, piece.length) as Buffer)
        at = end
      }
      assert.equal(text, frames.map((one) => one.toString('base64')).join(''))
      assert.deepEqual(Buffer.concat(decoded), bytes)
      assert.ok(decoder.isWhole())
    }),
  )
})
