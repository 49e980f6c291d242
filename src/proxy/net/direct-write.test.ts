import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createDirectWriter, type DirectWriter } from './direct-write.ts'

describe('direct writes', () => {
  it('are taken by the kernel while the peer keeps up', async () => {
    const { writer, ours, theirs } = await warm()
    assert.equal(writer.write(ours, Buffer.from('two ')), 'taken')
    assert.equal(writer.write(ours, Buffer.from('three')), 'taken')
    ours.end()
    assert.equal(await text(theirs), 'one two three')
  })

  it('are queued once when the peer is slow, and what follows is refused until that is out', async () => {
    const { writer, ours, theirs } = await warm()
    const block = Buffer.alloc(8 * 1024 * 1024, 'x')
    assert.equal(writer.write(ours, block), 'queued')
    assert.equal(writer.write(ours, Buffer.from('y')), 'refused')
    // What the socket itself writes stands in the same line; it calls back when all before it is out.
    const written = new Promise<void>((resolve) => ours.write('y', () => resolve()))
    const all = text(theirs)
    await written
    assert.equal(writer.write(ours, Buffer.from('z')), 'taken')
    ours.end()
    assert.equal(await all, `one ${block.toString('latin1')}yz`)
  })

  // What the kernel has no room for at first and takes a moment later is over only when the loop comes round: a request
  // that is used again before that ends the process.
  it('go on while peers in other threads make room at any moment', { timeout: 60_000 }, async () => {
    const { server, port } = await listening()
    const writer = createDirectWriter()
    let left = RACED_WRITES
    const over = new Promise<void>((resolve) =>
      server.on('connection', (socket) => {
        socket.on('error', () => {})
        socket.write('x')
        pump()
        function pump(): void {
          for (let burst = 0; burst < 64; burst++) {
            if (--left < 0) return resolve()
            if (socket.writableLength > 0) return void socket.once('drain', pump)
            const outcome = writer.write(socket, RACED)
            if (outcome === 'queued') break
            if (outcome === 'refused' && !socket.write(RACED)) return void socket.once('drain', pump)
          }
          setImmediate(() => pump())
        }
      }),
    )
    const readers = [1, 2].map(() => new Worker(READER, { eval: true, workerData: port }))
    await over
    await Promise.all(readers.map((reader) => reader.terminate()))
    server.close()
  })

  it('are refused on a socket that is closed, as one that was reset', async () => {
    const { writer, ours } = await warm()
    ours.destroy()
    assert.equal(writer.write(ours, Buffer.from('x')), 'refused')
  })

  it('are refused where there is no handle of Node', () => {
    assert.equal(createDirectWriter().write({} as Socket, Buffer.from('x')), 'refused')
  })
})

const RACED = Buffer.alloc(64 * 1024)
const RACED_WRITES = 20_000
const READER = `
  const { connect } = require('node:net')
  const { workerData } = require('node:worker_threads')
  for (let i = 0; i < 8; i++) connect(workerData).on('data', () => {}).on('error', () => {})
`

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as { port: number }).port }
}

/** A connection on which Node itself has written once. */
async function warm(): Promise<{ writer: DirectWriter; ours: Socket; theirs: Socket }> {
  const { server, port } = await listening()
  const ours = connect({ port, host: '127.0.0.1' })
  const [[theirs]] = (await Promise.all([once(server, 'connection'), once(ours, 'connect')])) as [
    [Socket],
    unknown,
  ]
  server.close()
  theirs.pause()
  const writer = createDirectWriter()
  const first = Buffer.from('one ')
  if (writer.write(ours, first) === 'refused') ours.write(first)
  return { writer, ours, theirs }
}
