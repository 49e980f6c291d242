/** Programs that others have written, on both sides of a gateway. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { startGateway, type TestGateway } from './testing-gateway.ts'
import { createTestAuthority, type TestAuthority } from './tls/testing/authority.ts'

const run = promisify(execFile)
const skipWithout = (program: string) => {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
  return { skip: !found && `${program} is not installed` }
}

describe('tools of load and of diagnosis', () => {
  let plain: TestGateway
  let secured: TestGateway
  let authority: TestAuthority
  const folder = mkdtempSync(join(tmpdir(), 'lateen-peers-'))
  const trusted = join(folder, 'ca.pem')
  const app = createServer((_request, response) => response.end('x'.repeat(1024)))

  before(async () => {
    authority = createTestAuthority()
    writeFileSync(trusted, authority.certificate)
    await once(app.listen(0, '127.0.0.1'), 'listening')
    const { port: upstreamPort } = app.address() as { port: number }
    plain = await startGateway({ upstreamPort })
    const certificate = authority.issue(['localhost', 'one.example'])
    secured = await startGateway({ upstreamPort, certificate })
  })
  after(() => {
    plain.close()
    secured.close()
    app.close()
    app.closeAllConnections()
    authority.close()
    rmSync(folder, { recursive: true })
  })

  const LOAD = ['-n', '400', '-c', '4', '-t', '1']
  for (const [version, more] of [
    ['HTTP/1.1', ['--h1']],
    ['HTTP/2', ['-m', '20']],
  ] as const) {
    test(`h2load over ${version}`, skipWithout('h2load'), async () => {
      const { stdout } = await run('h2load', [...LOAD, ...more, `http://127.0.0.1:${plain.port}/`])
      assert.match(stdout, /400 succeeded, 0 failed, 0 errored, 0 timeout/)
      assert.match(stdout, /status codes: 400 2xx/)
    })
  }

  test('h2load over TLS', skipWithout('h2load'), async () => {
    const { stdout } = await run('h2load', [...LOAD, '-m', '10', `https://localhost:${secured.port}/`])
    assert.match(stdout, /Application protocol: h2\n/)
    assert.match(stdout, /400 succeeded, 0 failed/)
  })

  test('wrk', skipWithout('wrk'), async () => {
    const { stdout } = await run('wrk', ['-t1', '-c8', '-d1s', `http://127.0.0.1:${plain.port}/`])
    assert.match(stdout, /[1-9]\d* requests in /)
    assert.doesNotMatch(stdout, /Socket errors|Non-2xx/)
  })

  test(
    'openssl s_client: the chain, the protocol that is agreed on, a request, too old a version',
    skipWithout('openssl'),
    async () => {
      const args = ['s_client', '-connect', `127.0.0.1:${secured.port}`, '-servername', 'one.example']
      const trust = ['-CAfile', trusted, '-verify_return_error']
      const ask = run('openssl', [...args, ...trust, '-alpn', 'h2,http/1.1'])
      ask.child.stdin?.end()
      const { stdout } = await ask
      assert.match(stdout, /ALPN protocol: h2\n/)
      assert.match(stdout, /Verify return code: 0 \(ok\)/)
      assert.match(stdout, /Protocol {2}: TLSv1\.3|TLSv1\.3, Cipher/)
      const get = run('openssl', [...args, '-quiet', '-no_ign_eof', '-ign_eof'])
      get.child.stdin?.write('GET / HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n')
      assert.match((await get).stdout, /^HTTP\/1\.1 200 OK\r\n.*x{1024}$/s)
      const old = await run('openssl', [...args, '-tls1_1']).catch((error: unknown) => error as Error)
      assert.ok(old instanceof Error, 'TLS 1.1 is refused')
    },
  )
})

const CALLS = {
  unary: '/t.T/Unary',
  client: '/t.T/FromClient',
  server: '/t.T/FromServer',
  both: '/t.T/Both',
  never: '/t.T/Never',
}
const same = (value: Buffer): Buffer => value
const CODEC = {
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
}

describe('grpc-js through a gateway', () => {
  const server = new Server()
  let gateway: TestGateway
  let client: Client
  let cancelled = 0

  before(async () => {
    server.addService(
      {
        unary: { ...CODEC, path: CALLS.unary, requestStream: false, responseStream: false },
        client: { ...CODEC, path: CALLS.client, requestStream: true, responseStream: false },
        server: { ...CODEC, path: CALLS.server, requestStream: false, responseStream: true },
        both: { ...CODEC, path: CALLS.both, requestStream: true, responseStream: true },
        never: { ...CODEC, path: CALLS.never, requestStream: false, responseStream: false },
      },
      {
        unary(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
          if (call.request.toString() === 'fail')
            return done({ code: status.NOT_FOUND, details: 'nobody: “x”', metadata: new Metadata() })
          const head = new Metadata()
          head.set('x-head', String(call.metadata.get('x-mine')[0]))
          call.sendMetadata(head)
          const tail = new Metadata()
          tail.set('x-tail-bin', Buffer.from([0, 255]))
          done(null, call.request, tail)
        },
        client(call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
          let bytes = 0
          call.on('data', (message: Buffer) => (bytes += message.length))
          call.on('end', () => done(null, Buffer.from(String(bytes))))
        },
        server(call: ServerWritableStream<Buffer, Buffer>) {
          for (let i = 0; i < 100; i++) call.write(Buffer.from(`${call.request.toString()} ${i}`))
          call.end()
        },
        both(call: ServerDuplexStream<Buffer, Buffer>) {
          call.on('data', (message: Buffer) => call.write(message))
          call.on('end', () => call.end())
        },
        never(call: ServerUnaryCall<Buffer, Buffer>) {
          call.on('cancelled', () => cancelled++)
        },
      },
    )
    const upstreamPort = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      )
    })
    gateway = await startGateway({ upstreamPort, protocol: 'grpc' })
    client = new Client(`127.0.0.1:${gateway.port}`, credentials.createInsecure())
  })
  after(() => {
    client.close()
    gateway.close()
    server.forceShutdown()
  })

  interface Outcome {
    readonly error: { code: number; details: string } | null
    readonly value: Buffer | undefined
  }

  function unary(
    path: string,
    message: string,
    options = {},
  ): Promise<Outcome & { head: Metadata; tail: Metadata }> {
    const mine = new Metadata()
    mine.set('x-mine', 'yes')
    return new Promise((resolve) => {
      let head = new Metadata()
      let tail = new Metadata()
      let outcome: Outcome | undefined
      const call = client.makeUnaryRequest(
        path,
        same,
        same,
        Buffer.from(message),
        mine,
        options,
        (error, value) => {
          outcome = { error, value }
        },
      )
      call.on('metadata', (metadata) => (head = metadata))
      call.on('status', ({ metadata }) => {
        tail = metadata
        setImmediate(() => resolve({ ...(outcome as Outcome), head, tail }))
      })
    })
  }

  test('one message each way, with metadata before and after', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => unary(CALLS.unary, `m${i}`)))
    for (const [i, { error, value, head, tail }] of answers.entries()) {
      assert.equal(error, null)
      assert.equal(value?.toString(), `m${i}`)
      assert.deepEqual(head.get('x-head'), ['yes'])
      assert.deepEqual(tail.get('x-tail-bin'), [Buffer.from([0, 255])])
    }
  })

  test('a call that fails says why', async () => {
    const { error } = await unary(CALLS.unary, 'fail')
    assert.equal(error?.code, status.NOT_FOUND)
    assert.equal(error.details, 'nobody: “x”')
  })

  test('many messages from the client', async () => {
    const total = await new Promise<string>((resolve, reject) => {
      const call = client.makeClientStreamRequest(CALLS.client, same, same, (error, value?: Buffer) =>
        error ? reject(error as Error) : resolve(value?.toString() ?? ''),
      )
      for (let i = 0; i < 100; i++) call.write(Buffer.alloc(10_000))
      call.end()
    })
    assert.equal(total, '1000000')
  })

  test('many messages from the server', async () => {
    const call = client.makeServerStreamRequest(CALLS.server, same, same, Buffer.from('n'))
    const received: string[] = []
    for await (const message of call) received.push((message as Buffer).toString())
    assert.equal(received.length, 100)
    assert.equal(received.at(-1), 'n 99')
  })

  test('messages in both directions, each answered before the next is sent', async () => {
    const call = client.makeBidiStreamRequest(CALLS.both, same, same)
    for (let i = 0; i < 20; i++) {
      call.write(Buffer.from(`turn ${i}`))
      const [message] = (await once(call, 'data')) as [Buffer]
      assert.equal(message.toString(), `turn ${i}`)
    }
    call.end()
    const [{ code }] = (await once(call, 'status')) as [{ code: number }]
    assert.equal(code, status.OK)
  })

  test('a deadline, and a call that is given up, reach the server', async () => {
    const { error } = await unary(CALLS.never, 'x', { deadline: Date.now() + 100 })
    assert.equal(error?.code, status.DEADLINE_EXCEEDED)
    const call = client.makeUnaryRequest(CALLS.never, same, same, Buffer.from('x'), () => {})
    setTimeout(() => call.cancel(), 20)
    const [{ code }] = (await once(call, 'status')) as [{ code: number }]
    assert.equal(code, status.CANCELLED)
    while (cancelled < 2) await new Promise((resolve) => setImmediate(resolve))
  })

  test('a server that is gone is unavailable', async () => {
    const nowhere = await startGateway({ upstreamPort: 1, protocol: 'grpc' })
    const other = new Client(`127.0.0.1:${nowhere.port}`, credentials.createInsecure())
    const error = await new Promise<{ code: number; details: string }>((resolve) => {
      other.makeUnaryRequest(CALLS.unary, same, same, Buffer.from('x'), (failure) =>
        resolve(failure as unknown as { code: number; details: string }),
      )
    })
    assert.equal(error.code, status.UNAVAILABLE)
    assert.match(error.details, /Connection refused/)
    other.close()
    nowhere.close()
  })
})
