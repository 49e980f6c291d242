import assert from 'node:assert/strict'
import { once } from 'node:events'
import { duplexPair, type Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { serveSpdy } from './connection.ts'
import {
  createFrameParser,
  dataFrame,
  pingFrame,
  rstStreamFrame,
  type SpdyFrame,
  synStreamFrame,
} from './frames.ts'
import { createHeaderDecoder, createHeaderEncoder, type SpdyHeaders } from './header-block.ts'

/** A client that writes frames by hand and keeps what comes back. */
function connect(onStream: (stream: Duplex, headers: SpdyHeaders) => string | undefined) {
  const [client, server] = duplexPair()
  const errors: string[] = []
  const connection = serveSpdy({
    transport: server,
    head: new Uint8Array(),
    onStream,
    onError: (error) => errors.push(error.message),
  })
  const parser = createFrameParser()
  const frames: SpdyFrame[] = []
  client.on('data', (bytes: Buffer) => frames.push(...parser.push(bytes)))
  const encoder = createHeaderEncoder()
  const until = async (matches: (frame: SpdyFrame) => boolean): Promise<SpdyFrame> => {
    for (;;) {
      const found = frames.find((frame) => matches(frame))
      if (found !== undefined) return found
      await new Promise((resolve) => client.once('data', resolve))
    }
  }
  const open = async (id: number, headers: SpdyHeaders, fin = false) =>
    client.write(synStreamFrame(id, await encoder.convert(headers), fin))
  return { client, connection, frames, errors, until, open }
}

test('header blocks share their compression, and come out in the order they went in', async () => {
  const encoder = createHeaderEncoder()
  const decoder = createHeaderDecoder()
  const all: readonly SpdyHeaders[] = [
    { streamtype: 'stdin', port: '80' },
    { streamtype: 'stdin', port: '81', 'x-long': 'y'.repeat(5000) },
    {},
  ]
  for (const headers of all) assert.deepEqual(await decoder.convert(await encoder.convert(headers)), headers)
})

test('a header block that grows without end is refused', async () => {
  const encoder = createHeaderEncoder()
  const decoder = createHeaderDecoder()
  const bomb = await encoder.convert({ a: 'x'.repeat(60_000) })
  await decoder.convert(bomb)
  const bigger = createHeaderEncoder()
  const fresh = createHeaderDecoder()
  await assert.rejects(
    async () => fresh.convert(await bigger.convert({ a: 'x'.repeat(60_000), b: 'x'.repeat(60_000) })),
    /too long/,
  )
})

test('a stream is answered, carries data both ways and ends each way by itself', async () => {
  const spdy = connect((stream, headers) => {
    void text(stream).then((input) => stream.end(`${headers['streamtype']} said ${input}`))
    return undefined
  })
  await spdy.open(1, { streamtype: 'stdin' })
  spdy.client.write(dataFrame(1, Buffer.from('hel'), false))
  spdy.client.write(dataFrame(1, Buffer.from('lo'), true))
  await spdy.until((frame) => frame.kind === 'syn-reply')
  await spdy.until((frame) => frame.kind === 'data' && frame.fin)
  const data = spdy.frames.flatMap((frame) => (frame.kind === 'data' ? [Buffer.from(frame.bytes)] : []))
  assert.equal(Buffer.concat(data).toString(), 'stdin said hello')
  spdy.client.end()
  await spdy.connection.closed
  assert.deepEqual(spdy.errors, [])
})

test('a reader that has taken bytes lets the peer send as many again', async () => {
  const spdy = connect((stream) => {
    stream.resume()
    return undefined
  })
  await spdy.open(1, {})
  spdy.client.write(dataFrame(1, Buffer.alloc(10_000), false))
  await spdy.until((frame) => frame.kind === 'window-update' && frame.streamId === 0)
  const of = (streamId: number) =>
    spdy.frames.reduce(
      (sum, frame) => sum + (frame.kind === 'window-update' && frame.streamId === streamId ? frame.delta : 0),
      0,
    )
  assert.equal(of(1), of(0))
  spdy.client.destroy()
  await spdy.connection.closed
})

test('a ping comes back, a reset ends the stream, a refused stream is reset', async () => {
  const closes: Promise<unknown>[] = []
  const spdy = connect((stream, headers) => {
    closes.push(once(stream, 'close'))
    return headers['streamtype'] === 'bad' ? 'not this one' : undefined
  })
  spdy.client.write(pingFrame(7))
  await spdy.until((frame) => frame.kind === 'ping' && frame.id === 7)
  await spdy.open(1, { streamtype: 'bad' })
  await spdy.until((frame) => frame.kind === 'rst-stream' && frame.streamId === 1)
  await spdy.open(3, { streamtype: 'good' })
  spdy.client.write(rstStreamFrame(3, 5))
  spdy.client.end()
  await spdy.connection.closed
  await Promise.all(closes)
  assert.equal(closes.length, 2)
})

test('what is no SPDY ends the connection and is told', async () => {
  const spdy = connect(() => undefined)
  spdy.client.write(Buffer.from('8002000100000000', 'hex'))
  await spdy.connection.closed
  assert.match(spdy.errors.join(), /SPDY version 2/)
  const even = connect(() => undefined)
  await even.open(2, {})
  await even.connection.closed
  assert.match(even.errors.join(), /stream 2 is out of order/)
})
