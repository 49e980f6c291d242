import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { before, describe, test } from 'node:test'
import { connect } from 'node:tls'
import { HELLO_BYTES_MAX, parseClientHello } from './client-hello.ts'

/** What Node's own client sends first. */
async function captureHello(options: { servername?: string; ALPNProtocols?: string[] }): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect({ port, host: '127.0.0.1', ...options })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return bytes
}

/** The same hello in records of so many bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const content = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < content.length; at += size) {
    const part = content.subarray(at, at + size)
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(records)
}

describe('a ClientHello', () => {
  let hello: Buffer
  before(async () => {
    hello = await captureHello({ servername: 'Shop.Example', ALPNProtocols: ['h2', 'http/1.1'] })
  })

  test('names its server and its protocols', () => {
    assert.deepEqual(parseClientHello(hello), {
      kind: 'hello',
      hello: { serverName: 'shop.example', protocols: ['h2', 'http/1.1'] },
    })
  })

  test('may come without either', async () => {
    const bare = await captureHello({})
    assert.deepEqual(parseClientHello(bare), {
      kind: 'hello',
      hello: { serverName: undefined, protocols: [] },
    })
  })

  test('cut anywhere wants more, and whole it reads the same in records of any size', () => {
    const whole = parseClientHello(hello)
    for (const size of [1, 3, 4, 100, hello.length]) {
      const bytes = inRecords(hello, size)
      assert.deepEqual(parseClientHello(bytes), whole)
      for (let end = 0; end < bytes.length; end += size > 50 ? 1 : 97) {
        assert.equal(parseClientHello(bytes.subarray(0, end)).kind, 'more', `${end} of ${bytes.length}`)
      }
      assert.deepEqual(parseClientHello(Buffer.concat([bytes, Buffer.from('later')])), whole)
    }
  })

  test('is told from other protocols by its first byte', () => {
    for (const text of ['GET / HTTP/1.1\r\n', 'PRI * HTTP/2.0', '\x80\x2e\x01', '\x15\x03\x01'])
      assert.equal(parseClientHello(Buffer.from(text, 'latin1')).kind, 'other')
    assert.equal(parseClientHello(Buffer.alloc(0)).kind, 'more')
  })

  test('is refused when it is none', () => {
    const refused = [
      [22, 2, 0],
      [22, 3, 1, 0, 0],
      [22, 3, 1, 0xff, 0xff],
      [22, 3, 1, 0, 4, 2, 0, 0, 0],
      [22, 3, 1, 0, 4, 1, (HELLO_BYTES_MAX >> 16) + 1, 0, 0],
      [22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3],
    ]
    for (const bytes of refused) assert.equal(parseClientHello(Buffer.from(bytes)).kind, 'malformed')
    const at =
      hello.indexOf('Shop.Example') < 0 ? hello.indexOf('shop.example') : hello.indexOf('Shop.Example')
    const spoilt = Buffer.from(hello)
    spoilt.write('*', at, 'latin1')
    assert.equal(parseClientHello(spoilt).kind, 'malformed')
  })
})
