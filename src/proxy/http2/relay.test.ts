import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as http2 from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { startRelay } from './testing-relay.ts'

/** Both sides of the codec between a client and a server of node:http2. */
describe('a relay on the codec', () => {
  let origin: http2.Http2Server
  let relay: Awaited<ReturnType<typeof startRelay>>
  let session: http2.ClientHttp2Session
  /** Bytes that the endless response has produced. */
  let produced = 0
  const WINDOWS = { streamWindow: 256 * 1024, connectionWindow: 1024 * 1024 }

  before(async () => {
    origin = http2.createServer({ maxSessionMemory: 100 })
    origin.on('stream', (stream, fields) => {
      stream.on('error', () => {})
      if (fields[':path'] === '/endless') {
        stream.respond({})
        const chunk = Buffer.alloc(64 * 1024)
        const more = (): void => {
          while (!stream.destroyed && produced < 400_000_000) {
            produced += chunk.length
            if (!stream.write(chunk)) return
          }
        }
        stream.on('drain', more)
        more()
      } else if (fields[':path'] === '/reset') {
        stream.close(http2.constants.NGHTTP2_CANCEL)
      } else {
        stream.respond({ 'x-path': fields[':path'] }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'all' }))
        stream.pipe(stream)
      }
    })
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    relay = await startRelay((origin.address() as { port: number }).port, { options: WINDOWS })
    session = http2.connect(`http://127.0.0.1:${relay.port}`, { maxSessionMemory: 100 })
    session.on('error', () => {})
  })
  after(() => {
    session.destroy()
    relay.close()
    origin.close()
  })

  function post(path: string, body: Buffer): Promise<{ body: Buffer; path: unknown; sum: unknown }> {
    const stream = session.request({ ':method': 'POST', ':path': path })
    const chunks: Buffer[] = []
    let seen: unknown
    let sum: unknown
    stream.on('response', (fields) => {
      seen = fields['x-path']
    })
    stream.on('trailers', (fields) => {
      sum = fields['x-sum']
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.end(body)
    return new Promise((resolve, reject) => {
      stream.on('error', reject)
      stream.on('close', () => resolve({ body: Buffer.concat(chunks), path: seen, sum }))
    })
  }

  test('carries fields, bodies larger than the windows, and trailers, many at a time', async () => {
    const bodies = Array.from({ length: 40 }, (_, index) => Buffer.alloc(index * 30_000, `${index}.`))
    const answers = await Promise.all(bodies.map((body, index) => post(`/${index}`, body)))
    answers.forEach((answer, index) => {
      assert.ok(answer.body.equals(bodies[index] as Buffer), `body ${index}`)
      assert.equal(answer.path, `/${index}`)
      assert.equal(answer.sum, 'all')
    })
  })

  test('passes on that a stream was broken off', async () => {
    await assert.rejects(post('/reset', Buffer.alloc(0)), /NGHTTP2_INTERNAL_ERROR/)
    assert.equal((await post('/after', Buffer.from('x'))).body.toString(), 'x')
  })

  test('a client that stops reading stops the server: no more is produced than fits into windows and sockets', async () => {
    const stream = session.request({ ':path': '/endless' })
    stream.pause()
    await once(stream, 'response')
    let before = -1
    for (let turns = 0; turns < 200 && before !== produced; turns++) {
      before = produced
      for (let index = 0; index < 200; index++) await nextTurn()
    }
    assert.ok(produced < 16_000_000, `${produced} bytes were produced`)
    assert.equal((await post('/beside', Buffer.from('x'))).body.toString(), 'x', 'other streams go on')
    stream.close(http2.constants.NGHTTP2_CANCEL)
    await once(stream, 'close')
  })

  test('leaves nothing behind', async () => {
    for (let turns = 0; turns < 100 && relay.client.activeStreams() > 0; turns++) await nextTurn()
    assert.equal(relay.client.activeStreams(), 0)
    assert.equal(
      relay.connections.reduce((all, each) => all + each.activeStreams(), 0),
      0,
    )
  })
})
